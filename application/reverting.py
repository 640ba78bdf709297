"""A change that succeeded is taken back by a new one, which goes the way of every change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from application.changes import Changes, Proposal, existing_change
from application.drafts.wanted import Wanted
from application.governed_policies import GovernedPolicies
from application.governed_rollouts import GovernedRolloutPolicies
from application.policies import SetPolicy
from application.policy_documents import kind_asked_about, of_rollouts, policy_at, policy_version
from application.ports.settings import StoredDefinition
from application.ports.store import Store, Transaction
from application.settings.cases import SettingCases
from application.settings.definitions import existing_definition
from application.settings.undoing import Undone, order_back, undone
from application.submission import Submission, Submitted
from application.taking_back import NotRevertable, check_window
from application.tenants import Tenants
from domain.approvals import parse_policy
from domain.canonical import Json
from domain.changes import (
    BaseVersionConflict,
    ChangeSet,
    Kind,
    NothingLeft,
    NotSucceeded,
    Reach,
    Reversal,
    Target,
    TouchedSince,
)
from domain.errors import Missing, Stale
from domain.flags import SHARED_RULES
from domain.people import Actor, Permission
from domain.rollouts import State

MOST_TRIES = 5
AT_ONCE = {"strategy": "direct"}


@dataclass(frozen=True)
class RevertWish:
    """`merge` writes what does not collide with later changes; `dry_run` only tells."""

    reason: str
    merge: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Reverted:
    """`submitted` is the change that takes the other back, if it needs one; `written` when it is done already.

    `reversals` are empty for a request that was sent before; `reach` and `levels` are told of values.
    """

    change: UUID
    reversals: tuple[Reversal, ...] = ()
    written: bool = False
    submitted: Submitted | None = None
    reach: Reach | None = None
    levels: int = 0


class Reverting:
    def __init__(self, store: Store, changes: Changes, submission: Submission, setting: SettingCases) -> None:
        self._store = store
        self._changes = changes
        self._submission = submission
        self._setting = setting
        self._policies = GovernedPolicies(store, Tenants(store), submission)
        self._rollouts = GovernedRolloutPolicies(store, submission)

    async def revert(self, actor: Actor, change_id: UUID, wish: RevertWish) -> Reverted:
        """Raises Missing, NotSucceeded, NothingLeft, TouchedSince with both sides, or what a write does."""
        actor.require(Permission.CHANGE_PROPOSE)
        if known := await self._before(actor, change_id):
            return known
        for _ in range(MOST_TRIES):
            try:
                return await self._reverted(actor, change_id, wish)
            except (Stale, BaseVersionConflict):  # somebody wrote between the look and the write: look again
                continue
        raise TouchedSince(change=str(change_id))

    async def _before(self, actor: Actor, change_id: UUID) -> Reverted | None:
        """What this very request did when it was sent before."""
        if actor.request is None:
            return None
        async with self._store.transaction(actor.tenant) as tx:
            drafted = await tx.changes.get(actor.request)
            written = await tx.settings.written(actor.request) or await tx.settings.defined(actor.request)
            ruled = (await tx.settings.rulebook()).request == actor.request
        if drafted is not None:
            return Reverted(change_id, submitted=await self._submission.submit(actor, drafted.id))
        return Reverted(change_id, written=True) if written or ruled else None

    async def _reverted(self, actor: Actor, change_id: UUID, wish: RevertWish) -> Reverted:
        async with self._store.transaction(actor.tenant) as tx:
            change = await existing_change(tx, change_id)
            rollout = await tx.rollouts.get(change_id)
            if rollout is None or rollout.state is not State.SUCCEEDED:
                raise NotSucceeded(state=rollout.state.value if rollout else change.status.value)
            if change.content.tenants is not None:
                raise NotRevertable(tenants=True)
            together = len(change.content.targets) > 1 and not _values_only(change)
            if together:
                several = await _several(tx, change)
            elif change.target.kind is not Kind.SETTING:
                present = await _present(tx, change)
                await check_window(tx, rollout, present - rollout.live_version)
                whole = await _whole(tx, change, present, touched=present != rollout.live_version)
            else:
                await check_window(tx, rollout)
                places = await undone(tx, change)
        if together:
            return await self._together(actor, change, several, wish)
        if change.target.kind is Kind.SETTING:
            return await self._values(actor, change, places, wish)
        return await self._document(actor, change, whole, present, wish)

    async def _values(self, actor: Actor, change: ChangeSet, places: Sequence[Undone], wish: RevertWish) -> Reverted:
        _check([each.reversal for each in places], wish)
        moving = [each for each in places if each.reversal.moves]
        order = await order_back(actor, change, moving, wish.reason, self._setting.sealing)
        outcome = await self._setting.writes.write(actor, replace(order, dry_run=wish.dry_run))
        written = not wish.dry_run and outcome.submitted is None
        told = tuple(each.reversal for each in places)
        return Reverted(change.id, told, written, outcome.submitted, outcome.reach, outcome.levels)

    async def _document(
        self, actor: Actor, change: ChangeSet, whole: Reversal, present: int, wish: RevertWish
    ) -> Reverted:
        _check([whole], wish)
        done = Reverted(change.id, (whole,))
        if wish.dry_run:
            return done
        drafted = await self._proposed(actor, change, whole.result, present, wish)
        if not isinstance(drafted, ChangeSet):
            return replace(done, written=True)
        return replace(done, submitted=await self._submission.submit(actor, drafted.id))

    async def _together(
        self, actor: Actor, change: ChangeSet, several: Sequence[tuple[Target, Reversal]], wish: RevertWish
    ) -> Reverted:
        """Several flags that went as one go back as one."""
        told = tuple(reversal for _, reversal in several)
        _check(told, wish)
        done = Reverted(change.id, told)
        if wish.dry_run:
            return done
        targets = [target for target, reversal in several if reversal.moves]
        first = targets[0]
        wanted = tuple(
            Wanted(each.kind, each.key, each.content, each.base_version, f"/targets/{place}/definition")
            for place, each in enumerate(targets)
        )
        proposal = Proposal(
            actor.request or uuid4(), first.environment, first.key, first.content, first.base_version, AT_ONCE, None,
            None, wish.reason, reverts=change.id, targets=wanted,
        )  # fmt: skip
        drafted = await self._changes.propose(actor, proposal)
        return replace(done, submitted=await self._submission.submit(actor, drafted.id))

    async def _proposed(
        self, actor: Actor, change: ChangeSet, content: Json, present: int, wish: RevertWish
    ) -> ChangeSet | object:
        """The draft that takes the change back; anything else was written at once."""
        target, reason = change.target, wish.reason
        if target.kind is Kind.FLAG:
            proposal = Proposal(
                actor.request or uuid4(), target.environment, target.key, content, present, AT_ONCE, None, None, reason,
                reverts=change.id,
            )  # fmt: skip
            return await self._changes.propose(actor, proposal)
        if target.kind is Kind.POLICY and of_rollouts(target.key):
            place = (target.environment, kind_asked_about(target.key))
            return await self._rollouts.replace(
                actor, place, content, expected=present, reason=reason, reverts=change.id
            )
        if target.kind is Kind.POLICY:
            wanted = SetPolicy(target.environment, Kind(target.key), parse_policy(content), present)
            return await self._policies.replace(actor, wanted, reason, change.id)
        if target.kind is Kind.SETTING_DEFINITION:
            return await self._setting.definitions.replace(
                actor, content["key"], content, expected=present, reason=reason, reverts=change.id
            )
        return await self._setting.rules.replace(
            actor, content["rules"], expected=present, reason=reason, reverts=change.id
        )


def _check(reversals: Sequence[Reversal], wish: RevertWish) -> None:
    told = [each.to_json() for each in reversals]
    if not wish.merge and any(each.touched for each in reversals):
        raise TouchedSince(keys=told)
    if not any(each.moves for each in reversals):
        raise NothingLeft(keys=told)


def _values_only(change: ChangeSet) -> bool:
    return all(each.kind is Kind.SETTING for each in change.content.targets)


async def _several(tx: Transaction, change: ChangeSet) -> list[tuple[Target, Reversal]]:
    """Each target as it would be written over what is there now."""
    if any(each.kind is not Kind.FLAG for each in change.content.targets):
        raise NotRevertable(kinds=sorted({each.kind.value for each in change.content.targets}))
    rollout = await tx.rollouts.get(change.id)
    live = {each.key: each.live_version for each in await tx.parts.of(change.id)}
    found = []
    for target in change.content.targets:
        alone = change.about([target])
        present = await _present(tx, alone)
        if rollout is not None:
            await check_window(tx, rollout, present - live[target.key])
        whole = await _whole(tx, alone, present, touched=present != live[target.key])
        found.append((replace(target, base_version=present, content=whole.result), whole))
    return found


async def _whole(tx: Transaction, change: ChangeSet, present: int, *, touched: bool) -> Reversal:
    """Of what is one document: a flag, the rules that flags share, a definition, or the rulebook."""
    target = change.target
    before, now = await _at(tx, change, target.base_version), await _at(tx, change, present)
    if before is None:  # the change made it: there is nothing to go back to but its absence of effect
        before = {} if target.key == SHARED_RULES else {**target.content, "state": "DISABLED"}
    return Reversal(change.label, before, target.content, now, touched)


async def _present(tx: Transaction, change: ChangeSet) -> int:
    """The version that is there now."""
    target = change.target
    if target.kind is Kind.FLAG:
        flag = await tx.flags.get(target.environment, target.key)
        if flag is None:
            raise Missing(kind_of_thing="flag", key=target.key)
        return flag.version
    if target.kind is Kind.POLICY:
        return await policy_version(tx, target.environment, target.key)
    if target.kind is Kind.SETTING_DEFINITION:
        return (await existing_definition(tx, target.content["key"])).version
    return (await tx.settings.rulebook()).version


async def _at(tx: Transaction, change: ChangeSet, version: int) -> Json:
    """The document at one version; None before there was any."""
    target = change.target
    if target.kind is Kind.FLAG:
        return await tx.flags.version(target.environment, target.key, version) if version else None
    if target.kind is Kind.POLICY:
        return await policy_at(tx, target.environment, target.key, version)
    if target.kind is Kind.SETTING_DEFINITION:
        found: list[StoredDefinition] = await tx.settings.definition_versions(target.content["key"], version + 1, 1)
        return found[0].definition
    return {"rules": (await tx.settings.rulebook(version)).rules}
