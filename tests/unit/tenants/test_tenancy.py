from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.tenants import (
    DEFAULTS,
    KEPT,
    LifecycleConflict,
    Quota,
    RecoveryOver,
    Status,
    Tenancy,
    Tier,
    check_profile,
    check_slug,
    check_within,
    limits_of,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def tenancy(**given: Any) -> Tenancy:
    return Tenancy(uuid4(), "acme", "Acme", NOW, **given)


@pytest.mark.req("FR-CFG-001")
class TestLifecycle:
    def test_a_suspended_one_resumes(self) -> None:
        suspended = tenancy().suspended(NOW)
        assert (suspended.status, suspended.version) == (Status.SUSPENDED, 2)
        assert suspended.resumed().status is Status.ACTIVE

    @pytest.mark.parametrize("before", [tenancy(), tenancy().suspended(NOW)], ids=["active", "suspended"])
    def test_a_deleted_one_comes_back_as_it_was(self, before: Tenancy) -> None:
        recovered = before.deleted(NOW).recovered(NOW + KEPT - timedelta(microseconds=1))
        assert recovered.status is before.status

    def test_not_after_thirty_days(self) -> None:
        with pytest.raises(RecoveryOver):
            tenancy().deleted(NOW).recovered(NOW + timedelta(days=30))

    @pytest.mark.parametrize("move", ["suspended", "resumed", "deleted", "changed"])
    def test_of_a_deleted_one_nothing_changes(self, move: str) -> None:
        gone = tenancy().deleted(NOW)
        arguments: dict[str, tuple[Any, ...]] = {"resumed": (), "changed": ("x", Tier.FREE, {}, {})}
        with pytest.raises(LifecycleConflict):
            getattr(gone, move)(*arguments.get(move, (NOW,)))

    def test_an_active_one_is_neither_resumed_nor_recovered(self) -> None:
        for move in (tenancy().resumed, lambda: tenancy().recovered(NOW)):
            with pytest.raises(LifecycleConflict):
                move()


class TestLimits:
    def test_its_own_numbers_stand_in_the_place_of_its_tiers(self) -> None:
        free = tenancy(tier=Tier.FREE, quotas={Quota.FLAGS: 7})
        assert (free.limits[Quota.FLAGS], free.limits[Quota.PEOPLE]) == (7, DEFAULTS[Tier.FREE][Quota.PEOPLE])
        assert tenancy().limits == {}

    @given(
        st.sampled_from(list(Tier)),
        st.sampled_from(list(Tier)),
        st.dictionaries(st.sampled_from(list(Quota)), st.integers(0, 10**6)),
        st.dictionaries(st.sampled_from(list(Quota)), st.integers(0, 10**6)),
    )
    def test_nobody_gives_more_than_they_may_have(
        self, above: Tier, below: Tier, own: dict[Quota, int], given_on: dict[Quota, int]
    ) -> None:
        parent, child = limits_of(above, own), limits_of(below, given_on)
        fits = all(quota in child and child[quota] <= most for quota, most in parent.items())
        try:
            check_within(parent, below, given_on)
        except Invalid:
            assert not fits
        else:
            assert fits


class TestForm:
    @pytest.mark.parametrize("slug", ["abc", "a-b", "x" * 50, "9lives"])
    def test_an_id_that_is_good(self, slug: str) -> None:
        check_slug(slug)

    @pytest.mark.parametrize("slug", ["", "ab", "-ab", "ab-", "aB-c", "a_b", "x" * 51, "abc\n"])
    def test_an_id_that_is_not(self, slug: str) -> None:
        with pytest.raises(Invalid):
            check_slug(slug)

    def test_every_fault_of_a_profile_is_told(self) -> None:
        labels = {"Bad": "x", **{f"l{number}": "x" for number in range(20)}}
        with pytest.raises(Invalid) as refused:
            check_profile(" ", {Quota.FLAGS: -1}, labels)
        assert [fault.path for fault in refused.value.faults] == ["/name", "/quotas/flags", "/labels", "/labels"]
