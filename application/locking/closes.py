"""What is financial waits in production while a period is closed or held back, unless its close releases it."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from uuid import UUID

from application.periods.places import year_of
from application.ports.store import Transaction
from domain.calendars import NoPeriod, local_date
from domain.canonical import Json
from domain.changes import ChangeSet, Kind, Target
from domain.closures import FINANCIAL, FinancialChangeHeld, check_release
from domain.environments import Environment
from domain.periods import PeriodGate

_DEFINED = {Kind.SETTING, Kind.SETTING_DEFINITION}


@dataclass(frozen=True)
class HeldPeriod:
    """Of some scopes it takes adjustments at most. Without a `run` nobody closes it, and nobody can release."""

    entity: str
    period: str
    run: UUID | None
    scopes: Json

    @property
    def why(self) -> str:
        """The cause for which a rollout waits."""
        place = f"{self.entity}/{self.period}"
        return f"period_held_back:{place}" if self.run is None else f"period_close:{place}:{self.run}"

    @property
    def refusal(self) -> FinancialChangeHeld:
        run = str(self.run) if self.run else None
        return FinancialChangeHeld(entity=self.entity, period=self.period, run=run, scopes=self.scopes)


def release_step(change: UUID) -> str:
    """As the timeline of a close calls it: there is one of each change."""
    return f"release:{change}"


async def held_by_close(tx: Transaction, change: ChangeSet) -> HeldPeriod | None:
    """The first period that holds it: one that is being closed, or the one that an entity is in today."""
    return await _held(tx, change.id) if await heeds_closes(tx, change) else None


async def check_closes(tx: Transaction, change: UUID) -> None:
    """Of the tenant that is to receive it, where it `heeds_closes`. FinancialChangeHeld."""
    held = await _held(tx, change)
    if held is not None:
        raise held.refusal


async def heeds_closes(tx: Transaction, change: ChangeSet) -> bool:
    return change.target.environment is Environment.PRODUCTION and await is_financial(tx, change)


async def _held(tx: Transaction, change: UUID) -> HeldPeriod | None:
    async for held, gates, released in _periods(tx, change):
        try:
            check_release([FINANCIAL], gates, by_close=released)
        except FinancialChangeHeld as refusal:
            return HeldPeriod(*held, refusal.facts["scopes"])
    return None


async def is_financial(tx: Transaction, change: ChangeSet) -> bool:
    """What is written says so, or what it is written over: taking the word away is financial, too."""
    targets = change.content.targets
    keys = {_key(target) for target in targets if target.kind in _DEFINED}
    stored = await tx.settings.definitions_of(keys) if keys else {}
    said: list[Json] = [each.definition for each in stored.values()]
    for target in targets:
        present = await tx.flags.get(target.environment, target.key) if target.kind is Kind.FLAG else None
        said += _words(target, present.definition if present else None)
    return any(each.get("financial") is True or FINANCIAL in each.get("tags", ()) for each in said)


async def _periods(
    tx: Transaction, change: UUID
) -> AsyncIterator[tuple[tuple[str, str, UUID | None], list[PeriodGate], bool]]:
    """Each with its gates, and whether its close has released this change."""
    closing = set()
    for run in await tx.closures.running():
        closing.add((run.entity, run.period))
        released = await tx.closures.step(run.id, release_step(change)) is not None
        yield (run.entity, run.period_code, run.id), await tx.periods.gates(run.entity, [run.period]), released
    for books in await tx.books.all():
        try:
            year = await year_of(tx, books.entity, None)
        except NoPeriod:
            continue
        place = year.on(local_date(tx.now, year.entity.time_zone))
        if (books.entity, place.id) not in closing:
            yield (books.entity, place.code, None), await tx.periods.gates(books.entity, [place.id]), False


def _words(target: Target, present: Json) -> Iterator[Json]:
    """Where a target may say that it is about money: the metadata of a flag, the definition of a setting."""
    if target.kind is Kind.FLAG:
        yield from (each.get("metadata") or {} for each in (target.content, present) if isinstance(each, dict))
    elif target.kind is Kind.SETTING_DEFINITION and isinstance(target.content, dict):
        yield target.content


def _key(target: Target) -> str:
    return str(target.content["key"]) if target.kind is Kind.SETTING else target.key
