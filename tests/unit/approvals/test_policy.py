from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.approvals import ApprovalPolicy, Level, TimeoutScope, Timetable, default_policy, parse_policy
from domain.environments import Environment
from domain.errors import Invalid
from domain.people import Role

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
BOB = UUID(int=2)


def faults(raw: Any) -> list[str]:
    with pytest.raises(Invalid) as refused:
        parse_policy(raw)
    return [fault.path for fault in refused.value.faults]


class TestPolicy:
    def test_grows_towards_production(self) -> None:
        assert [len(default_policy(environment).levels) for environment in Environment] == [0, 0, 1, 2]

    def test_nothing_said_is_72_hours_and_three_reminders(self) -> None:
        policy = parse_policy({})
        assert policy == ApprovalPolicy()
        assert [offset / timedelta(hours=1) for offset in policy.reminders] == [24, 48, 66]

    @pytest.mark.parametrize(
        ("raw", "paths"),
        [
            ([], [""]),
            ({"a/b": 1}, ["/a~1b"]),
            ({"levels": [{}] * 4}, ["/levels"]),
            ({"levels": [1, {"quorum": 0}]}, ["/levels/0", "/levels/1/quorum"]),
            ({"levels": [{"quorum": True, "who": 1}]}, ["/levels/0/who", "/levels/0/quorum"]),
            ({"levels": [{"roles": ["Approver", "King", []], "people": "bob"}]},
             ["/levels/0/roles/1", "/levels/0/roles/2", "/levels/0/people"]),
            ({"levels": [{"roles": [], "people": []}]}, ["/levels/0"]),
            ({"levels": [{"people": [5]}]}, ["/levels/0/people/0", "/levels/0"]),
            ({"deadline_seconds": 0, "validity_seconds": 1e300}, ["/deadline_seconds", "/validity_seconds"]),
            ({"scope": "year"}, ["/scope"]),
            ({"scope": []}, ["/scope"]),
            ({"reminders_seconds": [float("nan")]}, ["/reminders_seconds"]),
            ({"reminders_seconds": [1e300]}, ["/reminders_seconds"]),
            ({"reminders_seconds": [1] * 21}, ["/reminders_seconds"]),
        ],
    )  # fmt: skip
    def test_every_fault_has_a_pointer(self, raw: Any, paths: list[str]) -> None:
        assert faults(raw) == paths

    def test_people_alone_may_be_named(self) -> None:
        (level,) = parse_policy({"levels": [{"people": [str(BOB)]}]}).levels
        assert level == Level((), (BOB,))

    @given(
        st.lists(st.builds(Level, st.just((Role.APPROVER,)), st.just((BOB,)), st.integers(1, 10)), max_size=3),
        st.integers(1, 10**6),
        st.sampled_from(TimeoutScope),
        st.lists(st.integers(1, 10**6), max_size=5),
    )
    def test_survives_a_trip_through_json(
        self, levels: list[Level], deadline: int, scope: TimeoutScope, reminders: list[int]
    ) -> None:
        offsets = tuple(timedelta(seconds=each) for each in sorted(reminders))
        policy = ApprovalPolicy(tuple(levels), timedelta(seconds=deadline), scope, offsets)
        assert parse_policy(policy.to_json()) == policy


class TestTimetable:
    def at(self, **given: Any) -> Timetable:
        later = START + timedelta(hours=20)
        return Timetable.of(ApprovalPolicy(**given), requested_at=START, level_opened_at=later)

    @pytest.mark.req("S9", "S10")
    def test_reminds_three_times_and_ends(self) -> None:
        times, now, hours = self.at(), START, []
        while now < times.deadline:
            now += times.wait(now)
            hours.append((now - START) / timedelta(hours=1))
        assert hours == [24, 48, 66, 72]
        assert times.wait(now + timedelta(days=1)) == timedelta(0)

    @pytest.mark.req("S21")
    def test_a_level_may_have_its_own_time(self) -> None:
        times = self.at(scope=TimeoutScope.LEVEL, deadline=timedelta(hours=24))
        assert times.deadline == START + timedelta(hours=44)
        assert times.reminders == ()
