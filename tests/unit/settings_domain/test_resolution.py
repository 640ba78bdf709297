from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.settings import (
    DEFAULT_LABEL,
    UNSET,
    Constraint,
    Definition,
    Entry,
    EntryState,
    Level,
    Merge,
    Resolution,
    SettingType,
    TraceState,
    resolve,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
ADA = UUID(int=1)
LIMIT = Definition("upload.limit", SettingType.INTEGER, default=10, nullable=True)


def said(value: Any, **parts: Any) -> Entry:
    facts: dict[str, Any] = {
        "version": 1,
        "state": EntryState.SET,
        "enforced": False,
        "constraint": None,
        "since": LONG_AGO,
        "until": None,
        "written_by": ADA,
        "written_at": LONG_AGO,
        "change": None,
        "reason": "asked for",
    }
    return Entry(value=value, **(facts | parts))


def unset(**parts: Any) -> Entry:
    return said(None, state=EntryState.UNSET, **parts)


def answer(*levels: tuple[str, Entry | None], definition: Definition = LIMIT, at: datetime = NOW) -> Resolution:
    chain = [Level(label, () if entry is None else (entry,)) for label, entry in levels]
    return resolve(definition, chain, at)


def states(resolution: Resolution) -> list[str]:
    return [line.state.value for line in resolution.trace]


@pytest.mark.req("ST71")
class TestInheritance:
    def test_tenant_value_reaches_the_user(self) -> None:
        resolution = answer(("tenant", said(20)), ("user", None))
        assert (resolution.value, resolution.winner) == (20, "tenant")
        assert [(line.label, line.state, line.value) for line in resolution.trace] == [
            (DEFAULT_LABEL, TraceState.DEFAULT, 10),
            ("tenant", TraceState.SET, 20),
            ("user", TraceState.NONE, UNSET),
        ]

    def test_user_value_wins(self) -> None:
        resolution = answer(("tenant", said(20)), ("user", said(30)))
        assert (resolution.value, resolution.winner) == (30, "user")

    def test_taking_it_back_inherits_again(self) -> None:
        resolution = answer(("tenant", said(20)), ("user", unset()))
        assert (resolution.value, resolution.winner) == (20, "tenant")
        assert states(resolution) == ["default", "set", "unset"]

    def test_explicit_null_is_a_value(self) -> None:
        resolution = answer(("tenant", said(20)), ("user", said(None)))
        assert (resolution.value, resolution.found, resolution.winner) == (None, True, "user")

    def test_default_stands_where_nobody_said_anything(self) -> None:
        resolution = answer(("tenant", None))
        assert (resolution.value, resolution.found, resolution.winner) == (10, True, DEFAULT_LABEL)

    def test_nothing_is_found_without_a_default(self) -> None:
        resolution = answer(("tenant", unset()), definition=Definition("a", SettingType.STRING))
        assert (resolution.value, resolution.found, resolution.winner) == (UNSET, False, None)
        assert states(resolution) == ["none", "unset"]
        assert resolution.won is None

    def test_null_default_is_found(self) -> None:
        resolution = answer(definition=Definition("a", SettingType.STRING, default=None, nullable=True))
        assert (resolution.value, resolution.found) == (None, True)

    def test_the_line_that_won_says_who_wrote_it(self) -> None:
        line = answer(("tenant", said(20)), ("user", None)).won
        assert line is not None
        assert line.entry is not None
        assert (line.label, line.entry.written_by, line.entry.reason) == ("tenant", ADA, "asked for")

    def test_same_value_again_is_the_narrower_ones(self) -> None:
        assert answer(("tenant", said(20)), ("user", said(20))).winner == "user"


class TestEnforcement:
    @pytest.mark.req("ST72")
    def test_enforced_value_shadows_what_stands_below(self) -> None:
        resolution = answer(("tenant", said(20, enforced=True)), ("company", None), ("user", said(30)))
        assert (resolution.value, resolution.winner) == (20, "tenant")
        assert states(resolution) == ["default", "enforced", "none", "shadowed"]
        assert resolution.trace[-1].value == 30

    @pytest.mark.req("ST72")
    def test_who_enforces_can_be_named(self) -> None:
        line = answer(("tenant", said(20, enforced=True)), ("user", said(30, enforced=True))).enforced_by
        assert line is not None
        assert line.entry is not None
        assert (line.label, line.entry.written_by, line.entry.since) == ("tenant", ADA, LONG_AGO)

    @pytest.mark.req("ST72")
    @pytest.mark.parametrize("released", [said(20), unset()])
    def test_released_values_come_back(self, released: Entry) -> None:
        resolution = answer(("tenant", released), ("user", said(30)))
        assert (resolution.value, resolution.enforced_by) == (30, None)

    @pytest.mark.req("ST73")
    def test_broadest_enforcement_wins(self) -> None:
        resolution = answer(("application", said(5, enforced=True)), ("tenant", said(20, enforced=True)))
        assert (resolution.value, resolution.winner) == (5, "application")
        assert states(resolution) == ["default", "enforced", "shadowed"]

    def test_taken_back_entry_enforces_nothing(self) -> None:
        resolution = answer(("tenant", unset(enforced=True)), ("user", said(30)))
        assert (resolution.value, resolution.enforced_by) == (30, None)

    def test_enforced_null_is_enforced(self) -> None:
        resolution = answer(("tenant", said(None, enforced=True)), ("user", said(30)))
        assert (resolution.value, resolution.found) == (None, True)

    def test_constraint_below_an_enforcement_is_not_heard(self) -> None:
        below = said(3, constraint=Constraint(maximum=4))
        resolution = answer(("tenant", said(20, enforced=True)), ("user", below))
        assert (resolution.value, resolution.constraint) == (20, None)


class TestConstraints:
    @pytest.mark.req("ST74")
    def test_ceiling_above_tells_what_a_write_has_against_it(self) -> None:
        above = answer(("application", said(40, constraint=Constraint(maximum=100)))).constraint
        assert above is not None
        assert [fault.message for fault in above.faults(150)] == ["expected at most 100"]

    @pytest.mark.req("ST74")
    def test_lowered_ceiling_clamps_what_stands_below(self) -> None:
        resolution = answer(("application", unset(constraint=Constraint(maximum=50))), ("tenant", said(80)))
        assert (resolution.value, resolution.winner) == (50, "tenant")
        line = resolution.trace[-1]
        assert line.entry is not None
        assert (line.state, line.value, line.entry.value) == (TraceState.CLAMPED, 50, 80)

    def test_constraints_add_up_on_the_way_down(self) -> None:
        resolution = answer(
            ("application", unset(constraint=Constraint(minimum=5, maximum=50))),
            ("tenant", unset(constraint=Constraint(maximum=40, denied=(7,)))),
            ("user", said(45)),
        )
        assert (resolution.value, resolution.constraint) == (40, Constraint(5, 40, None, (7,)))

    def test_own_constraint_binds_its_own_value(self) -> None:
        assert answer(("tenant", said(80, constraint=Constraint(maximum=60)))).value == 60

    def test_inherited_value_obeys_a_narrower_ceiling(self) -> None:
        resolution = answer(("application", said(80)), ("tenant", unset(constraint=Constraint(maximum=60))))
        assert (resolution.value, resolution.winner) == (60, "application")
        assert states(resolution) == ["default", "clamped", "unset"]

    def test_default_obeys_a_ceiling(self) -> None:
        resolution = answer(("tenant", unset(constraint=Constraint(maximum=3))))
        assert (resolution.value, states(resolution)) == (3, ["clamped", "unset"])

    def test_next_broader_value_stands_in_for_one_that_is_not_allowed(self) -> None:
        colours = unset(constraint=Constraint(allowed=("red", "green")))
        resolution = answer(
            ("application", colours),
            ("tenant", said("red")),
            ("user", said("blue")),
            definition=Definition("colour", SettingType.STRING, default="grey"),
        )
        assert (resolution.value, resolution.winner) == ("red", "tenant")
        assert [line.value for line in resolution.trace] == [UNSET, UNSET, "red", UNSET]
        assert states(resolution) == ["clamped", "unset", "set", "clamped"]

    def test_nothing_is_found_where_nothing_is_allowed(self) -> None:
        denial = unset(constraint=Constraint(denied=(10,)))
        resolution = answer(("application", denial))
        assert (resolution.value, resolution.found, resolution.winner) == (UNSET, False, None)

    def test_enforcement_of_a_value_that_is_not_allowed_still_silences(self) -> None:
        ceiling = unset(constraint=Constraint(denied=(20,)))
        resolution = answer(("application", ceiling), ("tenant", said(20, enforced=True)), ("user", said(30)))
        assert (resolution.value, states(resolution)) == (10, ["default", "unset", "clamped", "shadowed"])
        assert resolution.enforced_by == resolution.trace[2]

    def test_null_does_not_pass_under_a_ceiling(self) -> None:
        ceiling = unset(constraint=Constraint(maximum=50))
        assert answer(("application", ceiling), ("tenant", said(None))).value == 10

    def test_what_comes_of_a_merge_is_within_too(self) -> None:
        denial = unset(constraint=Constraint(denied=([1, 2],)))
        both = Definition("roles", SettingType.LIST, merge=Merge.APPEND, default=[1])
        resolution = answer(("tenant", denial), ("company", said([2])), ("user", said([3])), definition=both)
        assert (resolution.value, resolution.winner) == ([1, 3], "user")
        assert states(resolution) == ["default", "unset", "clamped", "set"]


class TestMerging:
    def test_levels_add_to_each_other(self) -> None:
        definition = Definition("roles", SettingType.LIST, merge=Merge.SET_UNION, default=["read"])
        resolution = answer(("tenant", said(["write"])), ("user", said(["read", "own"])), definition=definition)
        assert (resolution.value, resolution.winner) == (["read", "write", "own"], "user")

    def test_enforcement_ends_the_merge(self) -> None:
        definition = Definition("roles", SettingType.LIST, merge=Merge.APPEND, default=[1])
        resolution = answer(("tenant", said([2], enforced=True)), ("user", said([3])), definition=definition)
        assert resolution.value == [1, 2]

    def test_winner_is_whose_value_was_chosen(self) -> None:
        definition = Definition("limit", SettingType.INTEGER, merge=Merge.MIN, default=100)
        resolution = answer(("tenant", said(20)), ("company", said(20)), ("user", said(30)), definition=definition)
        assert (resolution.value, resolution.winner) == (20, "tenant")


class TestDurations:
    def test_length_is_told_in_seconds(self) -> None:
        definition = Definition("timeout", SettingType.DURATION, default="PT5M", nullable=True)
        assert answer(definition=definition).seconds == 300
        assert answer(("tenant", said(None)), definition=definition).seconds is None

    def test_other_texts_have_no_length(self) -> None:
        assert answer(definition=Definition("text", SettingType.STRING, default="PT5M")).seconds is None


class TestTime:
    @pytest.mark.req("ST79")
    def test_scheduled_value_begins_at_its_instant(self) -> None:
        old = said(20, until=JULY)
        new = said(30, version=2, since=JULY)
        chain = [Level("tenant", (new, old))]
        before, after = resolve(LIMIT, chain, JULY - MICROSECOND), resolve(LIMIT, chain, JULY)
        assert (before.value, before.next_change) == (20, JULY)
        assert (after.value, after.next_change) == (30, None)

    @pytest.mark.req("ST79")
    def test_old_value_stays_when_the_schedule_is_cancelled(self) -> None:
        chain = [Level("tenant", (said(20), said(30, version=2, since=JULY, until=JULY)))]
        for at in (NOW, JULY, JULY + MICROSECOND):
            resolution = resolve(LIMIT, chain, at)
            assert (resolution.value, resolution.next_change) == (20, None)

    @pytest.mark.req("ST79")
    def test_schedule_and_its_end_show_in_the_trace(self) -> None:
        end = JULY + timedelta(days=1)
        planned = said(30, since=JULY, until=end)
        coming, gone = answer(("tenant", planned)), answer(("tenant", planned), at=end)
        assert (coming.value, states(coming), coming.next_change) == (10, ["default", "scheduled"], JULY)
        assert (gone.value, states(gone), gone.next_change) == (10, ["default", "expired"], None)
        assert coming.trace[1].entry == gone.trace[1].entry == planned
        assert answer(("tenant", planned), at=JULY).next_change == end

    def test_cancelled_entry_was_never_here(self) -> None:
        assert states(answer(("tenant", said(30, since=NOW, until=NOW)), at=JULY)) == ["default", "none"]

    def test_what_is_planned_is_told_before_what_is_over(self) -> None:
        chain = [Level("tenant", (said(1, until=NOW), said(2, since=JULY), said(3, since=JULY + MICROSECOND)))]
        line = resolve(LIMIT, chain, NOW).trace[1]
        assert line.entry is not None
        assert (line.state, line.entry.value) == (TraceState.SCHEDULED, 2)

    def test_last_to_end_is_the_one_that_expired(self) -> None:
        early, late = said(1, until=NOW - timedelta(days=2)), said(2, until=NOW - timedelta(days=1))
        for entries in ((early, late), (late, early)):
            assert resolve(LIMIT, [Level("tenant", entries)], NOW).trace[1].entry == late

    def test_of_entries_that_overlap_the_last_to_begin_holds(self) -> None:
        campaign = said(30, version=2, since=NOW, until=JULY)
        corrected = said(40, version=3, since=NOW, until=JULY)
        for entries in ((said(20), campaign, corrected), (corrected, campaign, said(20))):
            chain = [Level("tenant", entries)]
            assert resolve(LIMIT, chain, NOW).value == 40
            assert resolve(LIMIT, chain, JULY).value == 20

    def test_what_is_shadowed_changes_nothing(self) -> None:
        resolution = answer(("tenant", said(20, enforced=True)), ("user", said(30, until=JULY)))
        assert resolution.next_change is None

    def test_end_of_an_enforcement_is_a_change(self) -> None:
        resolution = answer(("tenant", said(20, enforced=True, until=JULY)), ("user", said(30)))
        assert resolution.next_change == JULY

    def test_soonest_change_of_any_level_comes_next(self) -> None:
        soon = NOW + timedelta(days=1)
        resolution = answer(("tenant", said(20, until=JULY)), ("user", said(30, since=soon)))
        assert resolution.next_change == soon
