"""At one scope nothing said of a key overlaps: what comes between shortens what was there, and that goes on after."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.errors import Conflict
from domain.settings.entries import Entry


class ScheduleOverlaps(Conflict):
    """Something else is planned for this time; cancel it or choose another."""

    kind = "schedule-overlaps"


class NothingPlanned(Conflict):
    """This version has begun already, or was cancelled."""

    kind = "nothing-planned"


@dataclass(frozen=True)
class Held:
    """An entry that holds or will; `continues` is the version whose time it goes on with, if it was nobody's plan."""

    entry: Entry
    continues: int | None = None


@dataclass(frozen=True)
class Rewrite:
    """What makes room: `ends` are entries with their new end (None: never begins), `puts` come in, wish first."""

    ends: tuple[tuple[Entry, datetime | None], ...]
    puts: tuple[Held, ...]

    @property
    def after(self) -> tuple[Entry, ...]:
        """The entries that are new."""
        return tuple(held.entry for held in self.puts)


def inserted(held: Sequence[Held], wish: Entry, at: datetime) -> Rewrite:
    """Room for `wish`, which begins at `at` or later; raises ScheduleOverlaps.

    Without an end it holds until the next thing that somebody has planned. What it interrupts goes on after it.
    """
    plans = [each.entry for each in held if each.entry.since > at and each.continues is None]
    if wish.until is None and wish.since <= at:
        wish = replace(wish, until=min((plan.since for plan in plans), default=None))
    for plan in plans:
        if _meet(plan, wish):
            raise ScheduleOverlaps(version=plan.version, since=plan.since.isoformat())
    ends, puts = [], [Held(wish)]
    for each in held:
        entry = each.entry
        if not _meet(entry, wish):
            continue
        ends.append((entry, None if entry.since >= wish.since else wish.since))
        if wish.until is not None and (entry.until is None or entry.until > wish.until):
            puts.append(Held(replace(entry, since=wish.until), each.continues or entry.version))
    return Rewrite(tuple(ends), _numbered(puts, wish.version))


def cancelled(held: Sequence[Held], version: int, at: datetime, *, fresh: int) -> Rewrite:
    """What is planned as `version` never begins, and what it would have ended goes on; raises NothingPlanned.

    `fresh` is the first version that is free.
    """
    plan = next((each.entry for each in held if each.entry.version == version and each.continues is None), None)
    if plan is None or plan.since <= at:
        raise NothingPlanned(version=version)
    before = next((each for each in held if each.entry.until == plan.since), None)
    puts = []
    if before is not None:
        entry = replace(before.entry, since=plan.since, until=plan.until)
        puts.append(Held(entry, before.continues or before.entry.version))
    return Rewrite(((plan, None),), _numbered(puts, fresh))


def after(held: Iterable[Held], rewrite: Rewrite) -> tuple[Entry, ...]:
    """The entries at the scope once the rewrite is done."""
    gone = {entry.version for entry, _ in rewrite.ends}
    kept = [each.entry for each in held if each.entry.version not in gone]
    shortened = [replace(entry, until=until) for entry, until in rewrite.ends if until is not None]
    return (*kept, *shortened, *rewrite.after)


def _meet(one: Entry, other: Entry) -> bool:
    return (other.until is None or one.since < other.until) and (one.until is None or other.since < one.until)


def _numbered(puts: Sequence[Held], first: int) -> tuple[Held, ...]:
    return tuple(replace(each, entry=replace(each.entry, version=first + place)) for place, each in enumerate(puts))
