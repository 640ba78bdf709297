"""A bucket never gives more than its limit allows, whatever happens when."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commands.limits import Bucket, Limit
from domain.commands.policies import TypePolicy

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TYPE = "works.call"
RATES = st.floats(0.1, 1000)
ASKED = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 50)), max_size=40)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class TestBuckets:
    @pytest.mark.req("CB-37")
    @given(rate=RATES, burst=st.integers(1, 100), asked=ASKED)
    def test_give_a_burst_and_then_so_many_a_second(self, rate: float, burst: int, asked: list[Any]) -> None:
        limit = Limit(TYPE, per_second=rate, burst=burst)
        bucket, now, given = limit.full(NOON), NOON, 0
        for milliseconds, wanted in asked:
            now += timedelta(milliseconds=milliseconds)
            bucket = bucket.filled(limit, now)
            room = limit.room(bucket, 0)
            assert room is not None
            taken = min(wanted, room)
            bucket, given = bucket.spent(taken), given + taken
            assert bucket.tokens >= 0
        assert given <= burst + rate * (now - NOON).total_seconds() + 1e-3

    @given(rate=RATES, burst=st.integers(1, 100))
    def test_are_full_again_after_a_rest_and_never_fuller(self, rate: float, burst: int) -> None:
        limit = Limit(TYPE, per_second=rate, burst=burst)
        rested = limit.full(NOON).spent(burst).filled(limit, after(burst / rate + 1))
        assert limit.room(rested, 0) == burst

    def test_never_go_back_in_time(self) -> None:
        limit = Limit(TYPE, per_second=10, burst=10)
        bucket = Bucket(3, after(5))
        assert bucket.filled(limit, NOON) == bucket

    @pytest.mark.req("CB-37")
    def test_leave_room_for_so_many_at_once(self) -> None:
        limit = Limit(TYPE, at_once=3)
        assert [limit.room(limit.full(NOON), leased) for leased in (0, 2, 3, 4)] == [3, 1, 0, 0]
        both = Limit(TYPE, per_second=1, burst=2, at_once=3)
        assert [both.room(Bucket(tokens, NOON), 1) for tokens in (0.5, 1, 2, 9)] == [0, 1, 2, 2]
        assert Limit(TYPE).room(Bucket(0, NOON), 9) is None


class TestBounds:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"per_second": 0}, {"per_second": float("inf")}, {"burst": 3}, {"per_second": 1, "burst": 0},
            {"at_once": 0}, {"limit_scope": "house"}, {"depends_on": "The CRM"}, {"breaks_after": 0},
            {"rest_seconds": 0}, {"at_once_apart": 0}, {"apart": "/to"}, {"depends_on": "crm", "apart": "to"},
            {"depends_on": "crm", "apart": "/0"}, {"depends_on": "crm", "apart": "/to", "limit_scope": "everywhere"},
        ],
    )  # fmt: skip
    def test_nonsense_is_refused_where_it_is_written(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"second|one|scope|crm|pointer|parts"):
            TypePolicy(**wrong)

    def test_are_told_where_there_are_some(self) -> None:
        assert "limit_scope" not in TypePolicy().to_json()
        assert TypePolicy().limit(TYPE) is None
        told = TypePolicy(per_second=2.5, limit_scope="everywhere").to_json()
        assert (told["per_second"], told["limit_scope"], "depends_on" in told) == (2.5, "everywhere", False)
        limit = TypePolicy(per_second=2.5).limit(TYPE)
        assert limit is not None
        assert limit.burst == 3
