import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.environments import Environment
from domain.errors import Invalid
from domain.rollouts import parse_plan
from domain.rollouts.reached import Candidate, stages_of

DEV = Environment.DEV
GROWING = {"strategy": "canary", "audience": {"mode": "tenant"}, "stages": [10, 50, 100]}
tenants = st.lists(
    st.builds(Candidate, st.text("abcdef", min_size=1, max_size=6), st.sampled_from(["free", "pro", "enterprise"])),
    unique_by=lambda each: each.slug, min_size=1, max_size=30,
)  # fmt: skip


class TestCohorts:
    @pytest.mark.req("S43")
    def test_ten_percent_of_seven_is_one(self) -> None:
        stages = stages_of(parse_plan(GROWING, DEV), "s", [Candidate(f"t{n}", "free") for n in range(7)])
        assert sorted(stages.values()) == [0, 1, 1, 1, 2, 2, 2]

    @pytest.mark.req("S43")
    def test_the_largest_come_last_unless_they_are_named(self) -> None:
        plan = parse_plan({**GROWING, "audience": {"mode": "tenant", "include": ["asked"], "exclude": ["shy"]}}, DEV)
        small = [Candidate(f"t{n}", "free") for n in range(9)]
        some = [*small, Candidate("grand"), Candidate("asked"), Candidate("shy", "free")]
        stages = stages_of(plan, "s", some)
        assert (stages["asked"], stages["grand"], stages["shy"]) == (0, 2, 2)

    def test_a_label_says_otherwise_than_the_tier(self) -> None:
        stages = stages_of(parse_plan(GROWING, DEV), "s", [Candidate("our-own", labels={"tier": "internal"})])
        assert stages == {"our-own": 0}

    def test_of_the_largest_alone_nobody_begins(self) -> None:
        with pytest.raises(Invalid):
            stages_of(parse_plan(GROWING, DEV), "s", [Candidate("grand")])

    def test_of_nobody_nobody_is_served(self) -> None:
        assert stages_of(parse_plan(GROWING, DEV), "s", []) == {}

    @pytest.mark.req("S42")
    @given(tenants, st.text(max_size=4))
    def test_a_retry_meets_the_same_tenants(self, some: list[Candidate], salt: str) -> None:
        plan = parse_plan({**GROWING, "audience": {"mode": "tenant", "include": [some[0].slug]}}, DEV)
        stages = stages_of(plan, salt, some)
        assert stages == stages_of(plan, salt, list(reversed(some)))
        assert stages.keys() == {each.slug for each in some}
        assert stages[some[0].slug] == 0


class TestBatches:
    @pytest.mark.req("S67")
    def test_go_by_tier_then_region_then_name(self) -> None:
        plan = parse_plan({"strategy": "rolling", "batches": {"size": 1}}, DEV)
        some = [
            Candidate("big"), Candidate("b-eu", "pro", {"region": "eu"}), Candidate("a-eu", "pro", {"region": "eu"}),
            Candidate("ap", "pro", {"region": "ap"}), Candidate("gratis", "free"),
            Candidate("own", "pro", {"tier": "internal"}),
        ]  # fmt: skip
        stages = stages_of(plan, "s", some)
        assert sorted(stages, key=stages.__getitem__) == ["own", "gratis", "ap", "a-eu", "b-eu", "big"]

    def test_hold_a_share_of_all_rounded_up(self) -> None:
        plan = parse_plan({"strategy": "rolling", "batches": {"percent": 30}}, DEV)
        stages = stages_of(plan, "s", [Candidate(f"t{n}") for n in range(7)])
        assert [list(stages.values()).count(each) for each in range(3)] == [3, 3, 1]

    def test_excluded_ones_come_last_and_included_ones_first(self) -> None:
        audience = {"mode": "tenant", "include": ["c"], "exclude": ["a"]}
        plan = parse_plan({"strategy": "rolling", "batches": {"size": 1}, "audience": audience}, DEV)
        assert stages_of(plan, "s", [Candidate(each) for each in "abc"]) == {"c": 0, "b": 1, "a": 2}


class TestEverybody:
    def test_is_served_at_once_by_a_direct_change(self) -> None:
        plan = parse_plan({"strategy": "direct"}, DEV)
        stages = stages_of(plan, "s", [Candidate("a"), Candidate("b")])
        assert stages == {"a": 0, "b": 0}
