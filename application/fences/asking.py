"""A gate that moves is told to every module that keeps it as well, in the transaction that moves it."""

from collections.abc import Iterable, Sequence
from uuid import UUID, uuid4

from application.fences.telling import told, withdraw
from application.ports.store import Transaction
from application.recording import event_of
from domain.audit import Action
from domain.canonical import Json
from domain.fences import Fence, FencedPeriod, FenceState, RemoteModule
from domain.people import Actor
from domain.periods import PeriodGate


async def request(
    tx: Transaction,
    run: UUID | None,
    gates: Sequence[PeriodGate],
    periods: Iterable[FencedPeriod],
    actor: Actor | None = None,
) -> list[Fence]:
    """A fence for each module of each gate, told to it; `run` is the close that waits for their words, if one does.

    Asked again for the same epoch it is the same fence. One for an older epoch that nobody answered is superseded.
    """
    wanted = await _keepers(tx, gates)
    if not wanted:
        return []
    newest, called = await tx.fences.newest_at([gate.key for gate in gates]), {each.id: each for each in periods}
    fences, moved, gone, new = [], [], [], []
    for module, gate in wanted:
        before = newest.get((module.code, gate.key))
        if before is not None and before.epoch >= gate.epoch:
            fence = before.awaited(run)
            moved += [fence] * (fence != before)
        else:
            gone += [before.superseded(tx.now)] if before is not None and before.outstanding else []
            fence = Fence(uuid4(), module.code, gate, called[gate.key.period], run, tx.now)
            new.append((module, fence))
        fences.append(fence)
    await tx.fences.save(*moved, *gone)
    await withdraw(tx, *gone)
    await tx.fences.add(*(fence for _, fence in new))
    after = {each.id: each for each in await tell(tx, *new, actor=actor)}
    return [after.get(each.id, each) for each in fences]


async def outstanding(tx: Transaction, run: UUID) -> list[Fence]:
    """Those for which the close waits."""
    return [each for each in await tx.fences.of_run(run) if each.outstanding]


async def of_run(tx: Transaction, run: UUID) -> list[Fence]:
    """All that it put up: what modules said, and which were excluded, belongs into its certificate."""
    return await tx.fences.of_run(run)


async def remind(tx: Transaction, run: UUID, attempt: int) -> list[Fence]:
    """Tell those that are silent again, for the `attempt`th time, and give those still outstanding.

    After MOST_ATTEMPTS they are overdue, and wait for a person to retry or exclude.
    """
    for known in await outstanding(tx, run):
        module = await tx.fences.module(known.module, lock=True)
        fence = await tx.fences.get(known.id)
        after = fence.reminded(attempt) if fence else known
        if module is None or after == fence:
            continue
        await tx.fences.save(after)
        if after.state is FenceState.OVERDUE:
            await keep(tx, Action.FENCE_OVERDUE, after)
        else:
            await tell(tx, (module, after))
    return await outstanding(tx, run)


async def tell(
    tx: Transaction, *asked: tuple[RemoteModule, Fence], actor: Actor | None = None, reason: str | None = None
) -> list[Fence]:  # fmt: skip
    """By an event each, which webhooks carry, or by a command; gives those that are told by it.

    Whoever rather asks finds them among the outstanding fences.
    """
    fences = await told(tx, asked, actor)
    await tx.fences.save(*(each for each in fences if each.command is not None))
    await keep(tx, Action.FENCE_ASKED, *fences, actor=actor, reason=reason)
    return fences


async def keep(tx: Transaction, action: Action, *fences: Fence, actor: Actor | None = None, **facts: Json) -> None:
    """In the trail."""
    await tx.audit.append(
        *(event_of(tx, action, ("module_fence", each.id), actor=actor, after=_told(each), **facts) for each in fences)
    )


async def _keepers(tx: Transaction, gates: Sequence[PeriodGate]) -> list[tuple[RemoteModule, PeriodGate]]:
    """Who keeps each gate as well; of every scope that is asked once."""
    serving: dict[tuple[str, str], list[RemoteModule]] = {}
    for gate in gates:
        place = (gate.key.entity, gate.key.scope)
        if place not in serving:
            serving[place] = await tx.fences.serving(*place)
    return [(module, gate) for gate in gates for module in serving[gate.key.entity, gate.key.scope]]


def _told(fence: Fence) -> Json:
    said, by = fence.acknowledgement, {} if fence.command is None else {"command": fence.command}
    return {**fence.to_json(), **by, "state": fence.state.value, "acknowledgement": said.to_json() if said else None}
