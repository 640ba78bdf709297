"""How flags are used, in memory."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from adapters.memory.rows import Rows
from application.ports.flag_usage import Counted, StoredScan, Times
from domain.environments import Environment
from domain.flags.lifecycle import Given, Heard
from domain.flags.references import Reference

_MINUTE = timedelta(minutes=1)


class MemoryFlagUsage:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def add(self, counted: Sequence[Counted]) -> None:
        spans: dict[tuple[Environment, str, str], list[datetime]] = {}
        for each in counted:
            if (each.environment, each.key) not in self._rows.flags:
                continue
            place = (each.environment, each.key, _hour(each.at), each.variant, each.reason)
            self._rows.flag_usage[place] = self._rows.flag_usage.get(place, 0) + each.times
            if each.reason != "ERROR":
                spans.setdefault((each.environment, each.key, each.variant), []).append(each.at)
        for (environment, key, variant), at in spans.items():
            self._give(environment, key, Given(variant, min(at), max(at)))

    async def times(self, environment: Environment, key: str, since: datetime) -> list[Times]:
        found: Counter[tuple[str, str]] = Counter()
        for (place, name, hour, variant, reason), times in self._rows.flag_usage.items():
            if (place, name) == (environment, key) and hour >= _hour(since):
                found[variant, reason] += times
        return [Times(*outcome, times) for outcome, times in sorted(found.items())]

    async def given(self, environment: Environment, keys: Sequence[str]) -> dict[str, list[Given]]:
        found: dict[str, list[Given]] = {}
        for (place, key, _), given in sorted(self._rows.flag_given.items()):
            if place is environment and key in keys:
                found.setdefault(key, []).append(given)
        return found

    async def heard(self, environment: Environment) -> Heard | None:
        mine = [given for (place, _, _), given in self._rows.flag_given.items() if place is environment]
        return Heard(min(each.first_at for each in mine), max(each.last_at for each in mine)) if mine else None

    async def forget(self, before: datetime) -> None:
        for place in [each for each in self._rows.flag_usage if each[2] < before]:
            del self._rows.flag_usage[place]

    def _give(self, environment: Environment, key: str, given: Given) -> None:
        place = (environment, key, given.variant)
        before = self._rows.flag_given.get(place, given)
        if given is before or given.first_at < before.first_at or given.last_at >= before.last_at + _MINUTE:
            first, last = min(before.first_at, given.first_at), max(before.last_at, given.last_at)
            self._rows.flag_given[place] = Given(given.variant, first, last)


class MemoryFlagReferences:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def put(self, scan: StoredScan, found: Sequence[Reference]) -> None:
        self._rows.flag_scans[scan.environment, scan.repository] = (scan, tuple(found))

    async def scan(self, environment: Environment, repository: str) -> StoredScan | None:
        found = self._rows.flag_scans.get((environment, repository))
        return found[0] if found else None

    async def scans(self, environment: Environment) -> list[StoredScan]:
        mine = [scan for scan, _ in self._rows.flag_scans.values() if scan.environment is environment]
        return sorted(mine, key=lambda scan: scan.repository)

    async def places(self, environment: Environment, keys: Sequence[str]) -> dict[tuple[str, str], int]:
        found: Counter[tuple[str, str]] = Counter()
        for scan, references in self._rows.flag_scans.values():
            for each in references:
                if scan.environment is environment and each.key in keys:
                    found[each.key, scan.repository] += len(each.lines)
        return dict(found)

    async def page(
        self, environment: Environment, key: str, after: tuple[str, str], limit: int
    ) -> list[tuple[str, Reference]]:
        mine = [
            (scan.repository, each)
            for scan, references in self._rows.flag_scans.values()
            for each in references
            if scan.environment is environment and each.key == key and (scan.repository, each.path) > after
        ]
        return sorted(mine, key=lambda found: (found[0], found[1].path))[:limit]


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
