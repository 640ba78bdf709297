"""Series of closes in memory; what the tables refuse is refused here."""

from datetime import datetime, timedelta
from uuid import UUID

from adapters.memory.rows import Rows, Tick
from application.ports.closures import Place
from domain.closures.refusals import SeriesOver
from domain.closures.series import MemberState, Series, SeriesState
from domain.errors import AlreadyExists

_LONG = timedelta(minutes=1)


class MemoryClosureSeries:
    def __init__(self, rows: Rows, tick: Tick) -> None:
        self._rows = rows
        self._tick = tick

    async def add(self, series: Series) -> None:
        if series.id in self._rows.series:
            raise AlreadyExists
        self._keep(series)

    async def get(self, series: UUID, *, lock: bool = False) -> Series | None:
        del lock
        return self._rows.series.get(series)

    async def page(self, before: Place | None, limit: int) -> list[Series]:
        wanted = [each for each in self._rows.series.values() if before is None or _place(each) < before]
        return sorted(wanted, key=_place, reverse=True)[:limit]

    async def save(self, series: Series) -> None:
        there = self._rows.series[series.id]
        changed = there.over and _told(series) != _told(there)
        if changed or any(series.member(each.key) != each for each in there.of(MemberState.CLOSED)):
            raise SeriesOver
        self._keep(series)

    async def mark_started(self, series: UUID, *, started: bool = True) -> None:
        (self._rows.series_started.add if started else self._rows.series_started.discard)(series)

    def _keep(self, series: Series) -> None:
        self._rows.series[series.id] = series
        self._rows.series_changed[series.id] = self._tick()


def _told(series: Series) -> tuple[object, ...]:
    return series.requester, series.state, series.why, series.aborted_by, series.abort_reason


def _place(series: Series) -> Place:
    return series.asked_at, series.id


def waiting_series(rows: Rows, now: datetime, grace: timedelta) -> list[UUID]:
    """What never reached a process, has not heard that a close of it ended, and what nobody carries on."""
    return [
        each.id
        for each in rows.series.values()
        if not each.at_rest and rows.series_changed[each.id] < now - grace and _waits(rows, each, now)
    ]


def _waits(rows: Rows, series: Series, now: datetime) -> bool:
    running = series.of(MemberState.RUNNING)
    ended = any(each.run is not None and rows.closures[each.run].over for each in running)
    quiet = rows.series_changed[series.id] < now - _LONG
    alone = series.state is SeriesState.ABORTING or not running
    return series.id not in rows.series_started or ended or (quiet and alone)
