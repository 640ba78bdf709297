"""What a blue-green deployment has prepared is shown to whoever holds its preview token, and to nobody else."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from application.acting import Clock
from application.evaluation import Shelf, recompiled
from application.flag_impact.weighing import with_flag
from application.ports.identity import Assertions
from application.ports.records import FlagSetRecord
from application.ports.store import Store, Transaction
from application.recording import record
from application.settings.foreseeing import switched
from application.settings.reading import Effective, Question
from domain.audit import Action
from domain.changes import ChangeSet, Kind, Target
from domain.environments import Environment
from domain.errors import Fault, Invalid, Missing
from domain.flags import WHOLE, FlagSet
from domain.people import Actor, Permission
from domain.people.acts import Act, AssertionForged
from domain.rollouts import EXPOSED, NotRunning, Rollout

PREVIEW = "preview"
"""The verb of the token: it proves no act of a person, and no activity takes it for one."""
VALID = timedelta(minutes=15)


@dataclass(frozen=True)
class Preview:
    token: str
    expires_at: datetime


class Previewing:
    def __init__(self, store: Store, assertions: Assertions, clock: Clock) -> None:
        self._store = store
        self._assertions = assertions
        self._clock = clock
        self._last: tuple[tuple[UUID, Environment, str, int], FlagSet] | None = None

    async def issue(self, actor: Actor, rollout_id: UUID) -> Preview:
        """A quarter of an hour's look at what is prepared; Missing, or NotRunning where nothing is."""
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            rollout = await _prepared(tx, rollout_id)
            preview = self.signed(rollout, actor.id)
            await record(
                tx, Action.PREVIEW_ISSUED, ("rollout", rollout_id), actor=actor, change=rollout.change,
                after={"expires_at": preview.expires_at.isoformat()},
            )  # fmt: skip
        return preview

    def signed(self, rollout: Rollout, actor: UUID) -> Preview:
        """For whoever may have one: a person who asked, or the smoke test of the rollout itself."""
        until = self._clock() + VALID
        act = Act(uuid4(), rollout.tenant, actor, PREVIEW, str(rollout.id), rollout.digest, until)
        return Preview(self._assertions.issue(act), until)

    async def flags(self, tenant: UUID, environment: Environment, token: str, shelf: Shelf) -> FlagSet:
        """What this tenant would be served after the switch, over what stands on its shelf.

        Raises AssertionForged, AssertionExpired, and NotRunning once there is nothing to preview any more.
        """
        change = await self._prepared(tenant, token)
        if change.target.environment is not environment:
            return shelf.flags
        if change.target.kind is not Kind.FLAG or change.target.key not in WHOLE:  # which is a change of its own
            return _over(shelf, change)
        return self._under(change.target, shelf.stored, (tenant, environment, change.digest, shelf.stored.revision))

    def _under(self, target: Target, stored: FlagSetRecord, seen: tuple[UUID, Environment, str, int]) -> FlagSet:
        """Every flag, as what they have in common is another: all are compiled anew, so the last such set is kept."""
        if self._last is not None and self._last[0] == seen:
            return self._last[1]
        there = with_flag(stored, target.key, target.content)
        flags = Shelf.of(there, lambda: self._clock().timestamp()).flags
        self._last = seen, flags
        return flags

    async def values(self, actor: Actor, question: Question, keys: Collection[str], token: str) -> list[Effective]:
        """What would be in force of these keys after the switch, in their order; raises what `flags` does.

        Worked out on a picture of what is stored: nothing is written, and nobody else is told it.
        """
        actor.require(Permission.SETTINGS_READ)
        if question.as_of is not None:
            raise Invalid([Fault("/as_of", "a preview is of now")])
        change = await self._prepared(actor.tenant, token)
        async with self._store.transaction(actor.tenant) as tx:
            return await switched(tx, question, keys, change)

    async def _prepared(self, tenant: UUID, token: str) -> ChangeSet:
        """The change that the token is for; Missing where it does not concern this tenant."""
        act = self._assertions.verify(token)
        if act.verb != PREVIEW:
            raise AssertionForged(reason="verb")
        async with self._store.transaction(act.tenant) as tx:
            rollout = await _prepared(tx, UUID(act.subject))
            change = await tx.changes.get(rollout.change)
            if change is None or change.digest != act.digest or not await _concerns(tx, rollout, tenant):
                raise Missing(kind_of_thing="rollout", id=act.subject)
        return change


async def _prepared(tx: Transaction, rollout_id: UUID) -> Rollout:
    """Admitted, and not switched to."""
    rollout = await tx.rollouts.get(rollout_id)
    if rollout is None:
        raise Missing(kind_of_thing="rollout", id=str(rollout_id))
    waits = rollout.state in EXPOSED and rollout.live_version == rollout.base_version
    if rollout.plan.blue_green is None or not waits:
        raise NotRunning(state=rollout.state.value, verb=PREVIEW)
    return rollout


async def _concerns(tx: Transaction, rollout: Rollout, tenant: UUID) -> bool:
    return any(each.tenant == tenant for each in await tx.parts.of(rollout.id))


def _over(shelf: Shelf, change: ChangeSet) -> FlagSet:
    """The flags of the change, and those that need them."""
    flags = {each.key: each.content for each in change.content.targets if each.kind is Kind.FLAG}
    return recompiled(shelf.flags, shelf.published, shelf.published.with_flags(flags))
