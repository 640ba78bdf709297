"""Entries of one key at one scope never overlap: who comes in between shortens what was there, and it goes on after.

Of all that was meant to hold at an instant, that which began last does; entries are the pieces that this leaves.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

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

    @property
    def origin(self) -> int:
        return self.continues or self.entry.version


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

    What it interrupts goes on after it. One that begins now and has no end gives way to each plan, and goes on after.
    """
    wish = replace(wish, meant_until=wish.until)
    plans = [each.entry for each in held if _planned(each, at)]
    now = wish.since <= at
    for plan in plans:
        if _meet(plan, wish) and not (now and wish.until is None):
            raise ScheduleOverlaps(version=plan.version, since=plan.since.isoformat())
    ends, rests = [], []
    for each in held:
        entry = each.entry
        if _planned(each, at) or not _meet(entry, wish):
            continue
        ends.append((entry, None if entry.since >= wish.since else wish.since))
        if wish.until is not None and (entry.until is None or entry.until > wish.until):
            rests.append(Held(replace(entry, since=wish.until), each.origin))
    first, *others = _around(wish, plans if now and wish.until is None else [])
    puts = [Held(first), *(Held(piece, wish.version) for piece in others), *rests]
    return Rewrite(tuple(ends), _numbered(puts, wish.version))


def cancelled(held: Sequence[Held], version: int, at: datetime, *, fresh: int) -> Rewrite:
    """What is planned as `version` never begins, and what would hold without it does; raises NothingPlanned.

    `held` may have more than what holds or will: only what is known of can come back.
    `fresh` is the first version that is free.
    """
    plan = next((each.entry for each in held if each.entry.version == version and _planned(each, at)), None)
    if plan is None:
        raise NothingPlanned(version=version)
    meant = [each for each in held if not _planned(each, at) and _lasts(each.entry)]
    puts: list[Held] = []
    since: datetime | None = plan.since
    while since is not None and (plan.until is None or since < plan.until):
        covering = [each for each in meant if each.entry.meant_until is None or each.entry.meant_until > since]
        if not covering:
            break
        last = max(covering, key=lambda each: _rank(each, at))
        until = _sooner(last.entry.meant_until, plan.until)
        puts.append(Held(replace(last.entry, since=since, until=until), last.origin))
        since = until
    return Rewrite(((plan, None),), _numbered(puts, fresh))


def replaced(held: Sequence[Held], entries: Sequence[Entry], at: datetime) -> Rewrite:
    """From `at` on the scope says what `entries` say, whatever holds or was planned; they do not overlap."""
    ends = tuple((each.entry, None if each.entry.since >= at else at) for each in held if _lasts(each.entry))
    return Rewrite(ends, tuple(Held(replace(entry, meant_until=entry.until)) for entry in entries))


def after(held: Iterable[Held], rewrite: Rewrite) -> tuple[Entry, ...]:
    """The entries at the scope once the rewrite is done."""
    gone = {entry.version for entry, _ in rewrite.ends}
    kept = [each.entry for each in held if each.entry.version not in gone]
    shortened = [replace(entry, until=until) for entry, until in rewrite.ends if until is not None]
    return (*kept, *shortened, *rewrite.after)


def _planned(each: Held, at: datetime) -> bool:
    return each.continues is None and each.entry.since > at and _lasts(each.entry)


def _lasts(entry: Entry) -> bool:
    return entry.until is None or entry.until > entry.since


def _rank(each: Held, at: datetime) -> tuple[datetime, int]:
    """Who began later hides who began sooner; a part that is yet to come began with what it continues, long ago."""
    began = each.entry.since if each.entry.since <= at else datetime.min.replace(tzinfo=UTC)
    return began, each.origin


def _around(wish: Entry, plans: Iterable[Entry]) -> Iterator[Entry]:
    """The parts of a wish without an end that the plans leave."""
    since: datetime | None = wish.since
    for plan in sorted(plans, key=lambda plan: plan.since):
        if since is not None and since < plan.since:
            yield replace(wish, since=since, until=plan.since)
        since = plan.until
    if since is not None:
        yield replace(wish, since=since)


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _meet(one: Entry, other: Entry) -> bool:
    return (
        _lasts(one)
        and (other.until is None or one.since < other.until)
        and (one.until is None or other.since < one.until)
    )


def _numbered(puts: Sequence[Held], first: int) -> tuple[Held, ...]:
    return tuple(replace(each, entry=replace(each.entry, version=first + place)) for place, each in enumerate(puts))
