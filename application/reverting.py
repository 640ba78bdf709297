"""A change that succeeded is taken back by a new one, which goes the way of every change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from application.calendars.taking_back import CalendarsBack
from application.changes import Changes, Proposal, existing_change
from application.governed_policies import GovernedPolicies
from application.governed_rollouts import GovernedRolloutPolicies
from application.policies import SetPolicy
from application.policy_documents import kind_asked_about, of_rollouts
from application.ports.store import Store
from application.reversals import present_version, whole
from application.reverting_many import Several, several_back
from application.settings.cases import SettingCases
from application.settings.undoing import Undone, order_back, undone
from application.submission import Submission, Submitted
from application.taking_back import check_window
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
    TouchedSince,
)
from domain.errors import Stale
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
        self._calendars = CalendarsBack(store)

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
            together = change.content.tenants is not None or _several_kinds(change)
            if together:
                several = await several_back(tx, rollout, change)
            elif change.target.kind is not Kind.SETTING:
                present = await present_version(tx, change)
                await check_window(tx, rollout, present - rollout.live_version)
                found = await whole(tx, change, present, touched=present != rollout.live_version)
            else:
                await check_window(tx, rollout)
                places = await undone(tx, change)
        if together:
            return await self._together(actor, change, several, wish)
        if change.target.kind is Kind.SETTING:
            return await self._values(actor, change, places, wish)
        return await self._document(actor, change, found, present, wish)

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

    async def _together(self, actor: Actor, change: ChangeSet, several: Several, wish: RevertWish) -> Reverted:
        """What went as one goes back as one; of many tenants, those that nobody has written in since."""
        _check(several.reversals, wish, ours_only=several.tenants is not None)
        done = Reverted(change.id, several.reversals)
        if wish.dry_run:
            return done
        first = change.target
        proposal = Proposal(
            actor.request or uuid4(), first.environment, "", None, 0, AT_ONCE, None, None, wish.reason,
            reverts=change.id, targets=several.wanted, tenants=several.tenants,
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
        if target.kind in {Kind.FISCAL_CALENDAR, Kind.ENTITY_BOOKS}:
            return await self._calendars.put(actor, change, content, expected=present, reason=reason)
        if target.kind is Kind.SETTING_DEFINITION:
            return await self._setting.definitions.replace(
                actor, content["key"], content, expected=present, reason=reason, reverts=change.id
            )
        return await self._setting.rules.replace(
            actor, content["rules"], expected=present, reason=reason, reverts=change.id
        )


def _check(reversals: Sequence[Reversal], wish: RevertWish, *, ours_only: bool = False) -> None:
    """TouchedSince or NothingLeft; with `ours_only` what was touched is left alone, and told."""
    told = [each.to_json() for each in reversals]
    touched = [each for each in reversals if each.touched]
    if touched and not wish.merge and (not ours_only or len(touched) == len(reversals)):
        raise TouchedSince(keys=told)
    if not any(each.moves for each in reversals if not (ours_only and each.touched)):
        raise NothingLeft(keys=told)


def _several_kinds(change: ChangeSet) -> bool:
    """More than values alone, which go back through their own way of writing."""
    targets = change.content.targets
    return len(targets) > 1 and any(each.kind is not Kind.SETTING for each in targets)
