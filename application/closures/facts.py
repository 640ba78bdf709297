"""What the books say of a period that is to be closed, gathered in one transaction and judged by every check."""

from dataclasses import dataclass
from uuid import UUID

from application.closures.looking_back import earlier_open
from application.fences.asking import of_run
from application.periods.places import PeriodPlace, period_of
from application.ports.store import Transaction
from domain.canonical import digest_of
from domain.closures import (
    CheckResult,
    ClosureRun,
    ClosureTask,
    Control,
    Frozen,
    Mode,
    Seen,
    TaskKind,
    results_of,
    snapshot_of,
)
from domain.fences import Fence, FenceState
from domain.periods import GateKey


@dataclass(frozen=True)
class Aim:
    """What is to be closed; `run` is the attempt, where there is one."""

    place: PeriodPlace
    closing: tuple[str, ...]
    mode: Mode
    tasks: tuple[ClosureTask, ...] = ()
    run: UUID | None = None


@dataclass(frozen=True)
class Found:
    """`snapshot` is the digest of all of it."""

    facts: Frozen
    results: list[CheckResult]
    snapshot: str


async def aim_of(tx: Transaction, run: ClosureRun, tasks: tuple[ClosureTask, ...] | None = None) -> Aim:
    place = await period_of(tx, GateKey(run.entity, run.period, run.scopes[0]))
    known = tuple(await tx.closures.tasks(run.id)) if tasks is None else tasks
    return Aim(place, run.scopes, run.mode, known, run.id)


async def gathered(tx: Transaction, aim: Aim) -> Found:
    """Of modules in other databases it is what they last acknowledged."""
    facts = await _facts(tx, aim)
    results = results_of(facts)
    return Found(facts, results, snapshot_of(facts, results))


async def controls_of(tx: Transaction, place: PeriodPlace, closing: tuple[str, ...], run: UUID | None) -> list[Control]:
    entity, period = place.entity.code, place.id
    here = [
        await tx.modules.control(each.module, entity, period)
        for each in await tx.modules.journals()
        if each.scope in closing
    ]
    there = [each.control for each in await _newest_fences(tx, run)]
    return here + [each for each in there if each is not None]


def seen_of(task: ClosureTask, controls: list[Control]) -> Seen:
    """What is signed: of a reconciliation the books as they are, of any other task the task as it was given."""
    if task.plan.kind is TaskKind.RECONCILIATION:
        return Seen(digest_of([each.to_json() for each in sorted(controls, key=lambda each: each.module)]))
    return Seen(digest_of(task.plan.to_json()))


async def _facts(tx: Transaction, aim: Aim) -> Frozen:
    place, closing = aim.place, aim.closing
    entity, period = place.entity.code, place.id
    scopes = await tx.books.scopes()
    ledgers = {each.code for each in scopes if each.ledger} & set(closing)
    journals = await tx.modules.journals()
    concerned = [each for each in journals if each.scope in closing]
    feeding = journals if ledgers else concerned
    excluded = [each.module for each in await _newest_fences(tx, aim.run) if each.state is FenceState.EXCLUDED]
    return Frozen(
        scopes=tuple(scopes),
        closing=closing,
        gates=tuple(await tx.periods.gates(entity, [period])),
        controls=tuple(await controls_of(tx, place, closing, aim.run)),
        unposted={each.module: tuple(await tx.modules.unposted(each.module, entity, period)) for each in concerned},
        untransferred={
            each.module: tuple(await tx.modules.untransferred(each.module, entity, period)) for each in feeding
        },
        balances={
            each.module: tuple(await tx.modules.balances(each.module, entity, period))
            for each in concerned
            if each.scope in ledgers
        },
        earliest_open=await earlier_open(tx, place, [each for each in scopes if each.code in closing]),
        tasks=aim.tasks,
        exclusions=tuple(excluded),
        mode=aim.mode,
    )


async def _newest_fences(tx: Transaction, run: UUID | None) -> list[Fence]:
    fences = await of_run(tx, run) if run is not None else []
    return [each for each in fences if each.state is not FenceState.SUPERSEDED]
