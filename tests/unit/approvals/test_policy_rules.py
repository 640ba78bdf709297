from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.approvals import (
    ApprovalPolicy,
    Fallback,
    Level,
    PolicyRule,
    When,
    default_policy,
    parse_policy,
    strictest,
)
from domain.changes import Reach
from domain.environments import Environment
from domain.errors import Invalid
from domain.people import Role
from domain.settings import Sensitivity

ONE: list[Any] = [{"roles": ["Approver"]}]
NARROW = Reach(scopes=1, leaves=1, tenant_wide=False, sensitivities=("internal",))
WIDE = Reach(scopes=3, leaves=40, tenant_wide=True, sensitivities=("confidential", "public"), financial=True)


def policy(*rules: dict[str, Any], levels: int = 0) -> ApprovalPolicy:
    return parse_policy({"levels": ONE * levels, "rules": list(rules)})


def faults(*rules: Any) -> list[str]:
    with pytest.raises(Invalid) as refused:
        parse_policy({"rules": list(rules)})
    return [fault.path for fault in refused.value.faults]


def asked(of: ApprovalPolicy, reach: Reach) -> int:
    return len(of.decided(reach).levels)


class TestRule:
    @pytest.mark.parametrize(
        ("when", "narrow", "wide"),
        [
            ({"sensitivity": ["confidential", "secret"]}, 0, 2),
            ({"sensitivity": ["internal"]}, 2, 0),
            ({"financial": True}, 0, 2),
            ({"financial": False}, 2, 0),
            ({"reach": {"tenant_wide": True}}, 0, 2),
            ({"reach": {"tenant_wide": False}}, 2, 0),
            ({"reach": {"scopes_at_least": 3}}, 0, 2),
            ({"reach": {"leaves_at_least": 41}}, 0, 0),
            ({"financial": True, "reach": {"leaves_at_least": 41}}, 0, 0),
            ({"financial": True, "sensitivity": ["public"], "reach": {"leaves_at_least": 40}}, 0, 2),
        ],
    )
    def test_asks_where_all_that_it_names_is_so(self, when: Any, narrow: int, wide: int) -> None:
        asks = policy({"when": when, "levels": ONE * 2})
        assert (asked(asks, NARROW), asked(asks, WIDE)) == (narrow, wide)

    def test_never_asks_fewer_than_the_policy_itself(self) -> None:
        assert asked(policy({"when": {"financial": True}, "levels": ONE}, levels=2), WIDE) == 2

    def test_with_most_levels_decides_then_the_one_with_most_votes_then_the_one_with_fewest_voters(self) -> None:
        one = {"when": {"financial": True}, "levels": [{"quorum": 5}]}
        two = {"when": {"financial": True}, "levels": ONE * 2}
        assert asked(policy(one, two), WIDE) == asked(policy(two, one), WIDE) == 2
        pair = {"when": {"financial": True}, "levels": [{"roles": ["Approver", "Operator"]}]}
        alone = {"when": {"financial": True}, "levels": [{"roles": ["FinanceController"]}]}
        for rules in ((pair, alone), (alone, pair)):
            assert policy(*rules).decided(WIDE).levels == (Level((Role.FINANCE_CONTROLLER,)),)
        assert policy(pair, one, alone).decided(WIDE).levels[0].quorum == 5

    @pytest.mark.parametrize(
        ("rule", "paths"),
        [
            (5, ["/rules/0"]),
            ({"when": {"financial": True}}, ["/rules/0"]),
            ({"when": {}, "levels": ONE}, ["/rules/0/when"]),
            ({"when": {"financial": True}, "levels": []}, ["/rules/0/levels"]),
            ({"when": {"financial": 1, "a/b": 2}, "levels": ONE}, ["/rules/0/when/a~1b", "/rules/0/when/financial"]),
            ({"when": {"sensitivity": ["dark"]}, "levels": ONE}, ["/rules/0/when/sensitivity"]),
            ({"when": {"sensitivity": [[]]}, "levels": ONE}, ["/rules/0/when/sensitivity"]),
            ({"when": {"reach": {}}, "levels": ONE}, ["/rules/0/when/reach"]),
            ({"when": {"reach": {"leaves_at_least": 0, "wide": 1}}, "levels": ONE},
             ["/rules/0/when/reach/wide", "/rules/0/when/reach/leaves_at_least"]),
            ({"when": {"reach": {"tenant_wide": None, "scopes_at_least": True}}, "levels": ONE},
             ["/rules/0/when/reach/tenant_wide", "/rules/0/when/reach/scopes_at_least"]),
            ({"when": {"financial": True}, "levels": [{"quorum": 0}]}, ["/rules/0/levels/0/quorum"]),
        ],
    )  # fmt: skip
    def test_every_fault_has_a_pointer(self, rule: Any, paths: list[str]) -> None:
        assert faults(rule) == paths

    def test_there_are_not_too_many_of_them(self) -> None:
        assert faults(*[{"when": {"financial": True}, "levels": ONE}] * 21) == ["/rules"]

    @given(
        when=st.builds(
            When,
            st.lists(st.sampled_from(Sensitivity), unique=True, min_size=1).map(tuple),
            st.none() | st.booleans(),
            st.none() | st.booleans(),
            st.integers(0, 1_000_000),
            st.integers(0, 1_000_000),
        )
    )
    def test_says_the_same_after_a_trip_through_json(self, when: When) -> None:
        there = ApprovalPolicy(rules=(PolicyRule(when, (Level(),)),))
        assert parse_policy(there.to_json()) == there


class TestPolicyWithoutRules:
    def test_is_stored_as_it_was_before_there_were_any(self) -> None:
        assert set(ApprovalPolicy().to_json()) == {
            "levels", "deadline_seconds", "scope", "reminders_seconds", "validity_seconds",
        }  # fmt: skip

    def test_decides_for_itself(self) -> None:
        assert policy(levels=1).decided(WIDE) == policy(levels=1)
        assert not policy().asks

    def test_the_strictest_of_several_asks_most(self) -> None:
        assert strictest([policy(), policy(levels=2), policy(levels=1)]) == policy(levels=2)


class TestReachOverTenants:
    @pytest.mark.parametrize(
        ("reach", "levels"),
        [
            (Reach(1, 1, True), 2),
            (Reach(1, 1, True, tenants=4, tenant_share=0.4), 2),
            (Reach(1, 1, True, tenants=5, tenant_share=0.5), 3),
            (Reach(1, 1, True, tenants=10, tenant_share=1.0), 3),
        ],
    )
    def test_half_of_the_tenants_of_production_ask_three_levels(self, reach: Reach, levels: int) -> None:
        assert asked(default_policy(Environment.PRODUCTION), reach) == levels
        assert asked(default_policy(Environment.STAGING), reach) == 1

    def test_counts_ask_as_well(self) -> None:
        many = policy({"when": {"reach": {"tenants_at_least": 5}}, "levels": ONE})
        assert asked(many, Reach(1, 1, True, tenants=4, tenant_share=1.0)) == 0
        assert asked(many, Reach(1, 1, True, tenants=5, tenant_share=0.1)) == 1

    @pytest.mark.parametrize("share", [0, 1.5, -1, True, "half", None])
    def test_a_share_is_more_than_nothing_and_at_most_all(self, share: Any) -> None:
        rule = {"when": {"reach": {"tenant_share_at_least": share}}, "levels": ONE}
        assert faults(rule) == ["/rules/0/when/reach/tenant_share_at_least"]

    def test_survives_a_trip_through_json(self) -> None:
        there = default_policy(Environment.PRODUCTION)
        assert parse_policy(there.to_json()) == there
        wide = Reach(2, 3, False, ("secret",), True, 7, 0.5)
        assert Reach.of(wide.to_json()) == wide


class TestLevel:
    def test_names_groups_and_whom_to_ask_later(self) -> None:
        raw = {"groups": ["duty"], "quorum": 2, "escalates_to": {"roles": ["Admin"], "groups": ["heads"]}}
        (level,) = parse_policy({"levels": [raw]}).levels
        assert level == Level((), (), 2, ("duty",), Fallback((Role.ADMIN,), (), ("heads",)))
        assert parse_policy({"levels": [level.to_json()]}).levels == (level,)

    @pytest.mark.parametrize(
        ("raw", "path"),
        [
            ({"groups": ["no such name"]}, "/levels/0/groups/0"),
            ({"groups": "duty"}, "/levels/0/groups"),
            ({"escalates_to": 5}, "/levels/0/escalates_to"),
            ({"escalates_to": {}}, "/levels/0/escalates_to"),
            ({"escalates_to": {"roles": ["Admin"], "quorum": 2}}, "/levels/0/escalates_to/quorum"),
        ],
    )
    def test_every_fault_has_a_pointer(self, raw: Any, path: str) -> None:
        with pytest.raises(Invalid) as refused:
            parse_policy({"levels": [raw]})
        assert path in [fault.path for fault in refused.value.faults]

    @pytest.mark.parametrize(
        ("raw", "path"), [({"newer": "replace"}, "/newer"), ({"governs_itself": 1}, "/governs_itself")]
    )
    def test_so_do_those_of_the_policy(self, raw: Any, path: str) -> None:
        with pytest.raises(Invalid) as refused:
            parse_policy(raw)
        assert [fault.path for fault in refused.value.faults] == [path]
