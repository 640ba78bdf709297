"""What the workflow of a bulk operation is told after each of its steps: ids, counts and small facts."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from application.asked import Asked
from application.commands.asking import asked_by
from application.notices import tell
from application.ports.store import Transaction
from application.recording import record
from domain.audit import Action
from domain.canonical import Json
from domain.commands.bulk import AT_REST, Bulk, BulkState, ItemOutcome
from domain.commands.operations import Act
from domain.errors import Missing
from domain.people import Actor


@dataclass(frozen=True)
class BulkStep:
    tenant: UUID
    bulk: UUID


class Next(StrEnum):
    """What its process does now."""

    VOTE = "vote"
    ACT = "act"
    SETTLE = "settle"
    WAIT = "wait"
    END = "end"


@dataclass(frozen=True)
class BulkStand:
    """What the database holds; `stage` counts from 1, and the next batch is due after `rest` seconds."""

    bulk: UUID
    act: Act
    state: BulkState
    next: Next
    total: int = 0
    stage: int = 0
    stages: int = 0
    outcomes: tuple[tuple[ItemOutcome, int], ...] = ()
    why: str = ""
    rest: float = 0.0
    asked: Asked | None = None

    @property
    def touched(self) -> int:
        return self.total - dict(self.outcomes).get(ItemOutcome.WAITING, 0)

    @property
    def percent(self) -> float:
        return 100 * self.touched / self.total if self.total else 0.0


async def locked(tx: Transaction, bulk: UUID) -> Bulk:
    found = await tx.commands.bulks.get(bulk, lock=True)
    if found is None:
        raise missing(bulk)
    return found


def missing(bulk: UUID) -> Missing:
    return Missing(kind_of_thing="bulk operation", id=str(bulk))


def words_of(bulk: Bulk) -> str:
    return f"{bulk.act.value} of {bulk.total} parked commands"


async def moved(
    tx: Transaction, before: Bulk, after: Bulk, *, actor: Actor | None = None, reason: str | None = None
) -> Bulk:
    """The one place where it changes; that a state or a stage did stands in the trail."""
    if after == before:
        return before
    await tx.commands.bulks.save(after)
    if (before.state, before.stage) != (after.state, after.stage):
        told: dict[str, Json] = {"state": after.state.value, "cause": after.why, "stage": after.stage}
        if len(after.ended) > len(before.ended):
            told["ended"] = after.ended[-1].to_json()
        await record(tx, Action.BULK_MOVED, ("command_bulk", after.id), actor=actor, reason=reason,
                     change=after.approval, before={"state": before.state.value, "stage": before.stage},
                     after=told)  # fmt: skip
    if after.state in AT_REST and before.state not in AT_REST:
        await _tell_rest(tx, after)
    return after


async def _tell_rest(tx: Transaction, bulk: Bulk) -> None:
    """Whoever asked for it looks at what it left."""
    outcomes = await tx.commands.bulks.outcomes(bulk.id)
    facts = {
        "outcome": bulk.state.value,
        "act": bulk.act.value,
        "total": str(bulk.total),
        "done": str(outcomes.get(ItemOutcome.DONE, 0)),
        "failed": str(outcomes.get(ItemOutcome.FAILED, 0)),
        "occasion": tx.now.isoformat(),
        **({"reason": bulk.why} if bulk.why else {}),
    }
    people = [bulk.requester, None]
    await tell(tx, "command_bulk_rests", people, facts, link=f"/command-bulks/{bulk.id}", seed=bulk.id)


async def stand_of(tx: Transaction, bulk: Bulk, rest: float = 0.0) -> BulkStand:
    outcomes = await tx.commands.bulks.outcomes(bulk.id)
    asked = None
    if bulk.state is BulkState.AWAITING_APPROVAL and bulk.approval is not None:
        asked = await asked_by(tx, bulk.approval, words_of(bulk))
    return BulkStand(
        bulk.id, bulk.act, bulk.state, next_of(bulk), bulk.total, bulk.place, len(bulk.sizes),
        tuple(sorted(outcomes.items())), bulk.why, rest, asked,
    )  # fmt: skip


def next_of(bulk: Bulk) -> Next:
    if bulk.state is BulkState.AWAITING_APPROVAL:
        return Next.VOTE
    if bulk.state in AT_REST:
        return Next.END
    if bulk.settling:
        return Next.SETTLE
    return Next.ACT if bulk.state is BulkState.RUNNING else Next.WAIT
