"""After any writes and cancellations there holds what a plain model says: of all that was meant to, what began last."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import event, given, settings
from hypothesis import strategies as st

from domain.errors import Conflict
from domain.settings import (
    Entry,
    EntryState,
    Held,
    NothingPlanned,
    Rewrite,
    ScheduleOverlaps,
    after,
    cancelled,
    inserted,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass
class Model:
    """Every wish with the time that it was meant for; a cancelled one was never wished."""

    wishes: dict[int, tuple[datetime, datetime | None]] = field(default_factory=dict)

    def at(self, instant: datetime) -> int | None:
        covering = [
            (since, version)
            for version, (since, until) in self.wishes.items()
            if since <= instant and (until is None or instant < until)
        ]
        return max(covering)[1] if covering else None

    def overlaps(self, wish: Entry, at: datetime) -> bool:
        if wish.since <= at and wish.until is None:
            return False
        planned = [(since, until) for since, until in self.wishes.values() if since > at]
        return any(
            (until is None or wish.since < until) and (wish.until is None or since < wish.until)
            for since, until in planned
        )


@dataclass
class Scope:
    """What is stored: every entry with its whole past, numbered; the value of an entry is the wish that it is from."""

    rows: dict[int, Held] = field(default_factory=dict)

    def held(self, at: datetime) -> list[Held]:
        return [
            each
            for each in self.rows.values()
            if each.entry.until is None or each.entry.until > max(at, each.entry.since)
        ]

    def underlying(self, at: datetime) -> list[Held]:
        begun = [e for e in self.rows.values() if e.entry.since <= at and e.entry.until != e.entry.since]
        bottom = max((e.entry.since for e in begun if e.entry.meant_until is None), default=START)
        ends = [(e, e.entry.meant_until) for e in begun if e.entry.since >= bottom]
        return [each for each, until in ends if until is None or until > at]

    def write(self, rewrite: Rewrite, at: datetime) -> None:
        for entry, until in rewrite.ends:
            held = self.rows[entry.version]
            assert held.entry == entry
            assert (entry.since > at) if until is None else (at <= until)
            self.rows[entry.version] = replace(held, entry=replace(entry, until=until or entry.since))
        for put in rewrite.puts:
            assert put.entry.version == len(self.rows) + 1
            assert put.entry.since >= at
            self.rows[put.entry.version] = put

    def at(self, instant: datetime) -> int | None:
        holding = [each.entry.value for each in self.rows.values() if each.entry.covers(instant)]
        assert len(holding) <= 1
        return holding[0] if holding else None

    def instants(self) -> set[datetime]:
        """Every instant at which something may begin or end to hold."""
        entries = [each.entry for each in self.rows.values()]
        ends = {end for entry in entries for end in (entry.until, entry.meant_until) if end is not None}
        return {START, *ends, *(entry.since for entry in entries)}


def said(version: int, at: datetime, since: datetime, until: datetime | None) -> Entry:
    return Entry(
        version=version, state=EntryState.SET, value=version, enforced=False, constraint=None, since=since, until=until,
        written_by=None, written_at=at, change=None, reason="",
    )  # fmt: skip


HOURS = st.none() | st.integers(1, 12)
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["now", "now", "later", "later", "cancel"]), st.integers(0, 8), HOURS),
    max_size=14,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_holds_as_the_model_says(steps: list[tuple[int, str, int, int | None]]) -> None:
    """Turns come some minutes past the hour, when plans begin."""
    scope, model, at = Scope(), Model(), START
    for passed, act, start, length in steps:
        at += passed * HOUR + MINUTE
        hour = START + (at - START) // HOUR * HOUR
        before = Scope(dict(scope.rows))
        try:
            if act == "cancel":
                _cancel(scope, model, at, start)
            else:
                since = at if act == "now" else hour + (1 + start) * HOUR
                until = None if length is None else max(since, hour) + length * HOUR
                _write(scope, model, at, said(len(scope.rows) + 1, at, since, until))
        except Conflict as refusal:
            event(refusal.kind)
            assert scope == before
        for instant in scope.instants() | before.instants():
            assert scope.at(instant) == model.at(instant)
            assert instant >= at or scope.at(instant) == before.at(instant)


def _write(scope: Scope, model: Model, at: datetime, wish: Entry) -> None:
    overlaps = model.overlaps(wish, at)
    try:
        rewrite = inserted(scope.held(at), wish, at)
    except ScheduleOverlaps:
        assert overlaps
        raise
    assert not overlaps
    room = after(scope.held(at), rewrite)
    scope.write(rewrite, at)
    assert {entry for entry in room if entry.until is None or entry.until > at} == {e.entry for e in scope.held(at)}
    model.wishes[wish.version] = (wish.since, wish.until)
    event("written over a plan" if len(rewrite.puts) > 1 else "written")


def _cancel(scope: Scope, model: Model, at: datetime, which: int) -> None:
    planned = [version for version, (since, _) in model.wishes.items() if since > at]
    version = planned[which % len(planned)] if planned else which
    known = [*scope.held(at), *scope.underlying(at)]
    try:
        rewrite = cancelled(known, version, at, fresh=len(scope.rows) + 1)
    except NothingPlanned:
        assert not planned
        raise
    assert planned
    assert rewrite == cancelled(tuple(scope.rows.values()), version, at, fresh=len(scope.rows) + 1)
    scope.write(rewrite, at)
    del model.wishes[version]
    event("cancelled, and something came back" if rewrite.puts else "cancelled")
