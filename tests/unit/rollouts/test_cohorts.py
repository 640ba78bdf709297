import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rollouts.cohorts import bucket, cohort

SEVEN = [f"tenant-{n}" for n in range(7)]
tenants = st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=40)
percents = st.floats(0.001, 100)


class TestCohort:
    @pytest.mark.req("S43")
    def test_ten_percent_of_seven_is_one(self) -> None:
        assert len(cohort(SEVEN, 10, salt="flag/checkout")) == 1

    @pytest.mark.req("S43")
    @pytest.mark.parametrize("percent", [1, 10, 50, 99, 99.999])
    def test_an_excluded_tenant_comes_only_at_the_end(self, percent: float) -> None:
        assert SEVEN[3] not in cohort(SEVEN, percent, salt="s", exclude={SEVEN[3]}, include={SEVEN[3]})
        assert SEVEN[3] in cohort(SEVEN, 100, salt="s", exclude={SEVEN[3]})

    def test_an_included_tenant_comes_first(self) -> None:
        assert cohort(SEVEN, 1, salt="s", include={SEVEN[5]}) == {SEVEN[5]}
        assert cohort(SEVEN, 1, salt="s", include=set(SEVEN[:4])) == set(SEVEN[:4])

    def test_binary_fractions_round_nothing_up(self) -> None:
        assert len(cohort([str(n) for n in range(100)], 29, salt="s")) == 29

    @pytest.mark.parametrize("percent", [0, -1, 100.1, float("nan")])
    def test_is_some_share(self, percent: float) -> None:
        with pytest.raises(ValueError, match="per cent"):
            cohort(SEVEN, percent, salt="s")

    def test_a_bucket_is_what_the_formula_says(self) -> None:
        assert (
            bucket("acme", salt="flag/checkout") == int(hashlib.sha256(b"flag/checkout:acme").hexdigest(), 16) % 10_000
        )

    def test_nobody_is_nobody(self) -> None:
        assert cohort([], 50, salt="s") == frozenset()

    @pytest.mark.req("S42")
    @given(tenants, percents, percents, st.text(max_size=5))
    def test_a_smaller_one_lies_in_a_larger_one(self, people: set[str], one: float, other: float, salt: str) -> None:
        small, large = sorted((one, other))
        pinned, kept_out = set(sorted(people)[:2]), set(sorted(people)[2:4])
        first = cohort(people, small, salt=salt, include=pinned, exclude=kept_out)
        assert first <= cohort(people, large, salt=salt, include=pinned, exclude=kept_out)
        assert first == cohort(sorted(people, reverse=True), small, salt=salt, include=pinned, exclude=kept_out)

    @given(tenants, percents)
    def test_is_rounded_up_and_never_empty(self, people: set[str], percent: float) -> None:
        size = len(cohort(people, percent, salt="s"))
        assert 1 <= size <= len(people)
        assert len(people) * percent / 100 - 1e-6 <= size < max(1, len(people) * percent / 100) + 1
