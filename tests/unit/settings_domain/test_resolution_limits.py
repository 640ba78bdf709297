"""What stands above enforces a value, or bounds what those below may say."""

import pytest

from domain.settings import UNSET, Constraint, Definition, Entry, Merge, SettingType, TraceState
from tests.unit.settings_domain.saying import ADA, LONG_AGO, answer, said, states, unset


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
