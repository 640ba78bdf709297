"""What the workflow of a series is told after each of its steps: ids and small facts."""

from dataclasses import dataclass
from uuid import UUID

from application.notices import tell
from application.ports.store import Transaction
from application.recording import record
from domain.audit import Action
from domain.closures.series import AT_REST, MemberState, Series, SeriesState
from domain.closures.states import Mode, RunState
from domain.errors import Missing
from domain.people import Actor


@dataclass(frozen=True)
class SeriesStep:
    tenant: UUID
    series: UUID


@dataclass(frozen=True)
class MemberStep:
    """About the close that `key` names, as `kit/2025-03`."""

    tenant: UUID
    series: UUID
    key: str


@dataclass(frozen=True)
class MemberBrief:
    """`at` is where its close stands, while it goes on."""

    key: str
    state: MemberState
    at: RunState | None = None
    why: str = ""

    @property
    def words(self) -> str:
        where = self.at.value if self.at is not None else self.state.value
        return f"`{self.key}`: {where}{f' ({self.why})' if self.why else ''}"


@dataclass(frozen=True)
class SeriesStand:
    """What the database holds. `due` are keys of those that are to begin now, `to_abort` of those that are to end."""

    series: UUID
    state: SeriesState
    why: str = ""
    members: tuple[MemberBrief, ...] = ()
    due: tuple[str, ...] = ()
    to_abort: tuple[str, ...] = ()

    @property
    def at_rest(self) -> bool:
        return self.state in AT_REST


@dataclass(frozen=True)
class Opened:
    """A close that the series has begun, and whose process is to be started."""

    run: UUID
    entity: str
    period: str
    mode: Mode
    attempt: int
    state: RunState
    requester: str


@dataclass(frozen=True)
class Begun:
    """Nothing was `opened` where the close was joined, is not needed, or was refused."""

    stand: SeriesStand
    opened: Opened | None = None


async def locked(tx: Transaction, series: UUID) -> Series:
    found = await tx.closure_series.get(series, lock=True)
    if found is None:
        raise missing(series)
    return found


def missing(series: UUID) -> Missing:
    return Missing(kind_of_thing="closure series", id=str(series))


async def moved(
    tx: Transaction, before: Series, after: Series, *, actor: Actor | None = None, reason: str | None = None
) -> Series:
    """The one place where it or a close of it changes state; whoever asked is told when it comes to rest."""
    settled = after.settled()
    if settled == before:
        return before
    await tx.closure_series.save(settled)
    changed = [new for old, new in zip(before.members, settled.members, strict=True) if old != new]
    closes = {each.key: {"state": each.state.value, "run": _text(each.run), "cause": each.why} for each in changed}
    told = {"state": settled.state.value, "cause": settled.why, "closes": closes}
    await record(tx, Action.CLOSURE_SERIES_MOVED, ("closure_series", settled.id), actor=actor, reason=reason,
                 before={"state": before.state.value}, after=told)  # fmt: skip
    if settled.at_rest and not before.at_rest:
        await _tell_rest(tx, settled)
    return settled


async def stand_of(tx: Transaction, series: Series) -> SeriesStand:
    briefs = []
    for each in series.members:
        run = await tx.closures.get(each.run) if each.run and each.state is MemberState.RUNNING else None
        briefs.append(MemberBrief(each.key, each.state, run.state if run else None, each.why))
    due, to_abort = (tuple(each.key for each in group) for group in (series.due, series.to_abort))
    return SeriesStand(series.id, series.state, series.why, tuple(briefs), due, to_abort)


async def _tell_rest(tx: Transaction, series: Series) -> None:
    closed = len(series.of(MemberState.CLOSED))
    facts = {"outcome": series.state.value.lower(), "closed": f"{closed} of {len(series.members)}"}
    if series.why:
        facts["reason"] = series.why.replace("_", " ")
    occasion = {"occasion": tx.now.isoformat()}
    people = [series.requester, None]
    await tell(tx, "closure_series_rests", people, facts | occasion, link=f"/closure-series/{series.id}",
               seed=series.id)  # fmt: skip


def _text(run: UUID | None) -> str | None:
    return str(run) if run is not None else None
