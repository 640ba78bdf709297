"""Two places meet where one contains the other, and nowhere else."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.changes import Kind, Target
from domain.environments import Environment
from domain.locks import Claim, Freeze, FreezeKind, Place, Reach, WhileRunning, places_of, rivals_of, standing_over

PRODUCTION = Environment.PRODUCTION
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
scopes = st.lists(st.sampled_from(["company:a", "company:ab", "branch:a"]), max_size=3).map("/".join)
places = st.builds(
    Place, st.sampled_from(Environment), st.sampled_from([Kind.FLAG, Kind.SETTING]), st.sampled_from("ab"), scopes
)  # fmt: skip


@pytest.mark.req("S86")
class TestMeeting:
    @given(places, places)
    def test_is_mutual(self, one: Place, other: Place) -> None:
        assert one.meets(other) is other.meets(one)

    @given(places)
    def test_is_with_itself_and_with_its_root(self, one: Place) -> None:
        assert one.meets(one)
        assert one.meets(Place(one.environment, one.kind, one.key))

    def test_is_not_of_names_that_begin_alike(self) -> None:
        one, other = (Place(PRODUCTION, Kind.SETTING, "limit", scope) for scope in ("company:a", "company:ab"))
        assert not one.meets(other)

    def test_of_rivals_leaves_out_the_rollout_itself(self) -> None:
        mine, theirs = (Claim(UUID(int=n), UUID(int=9), Place(PRODUCTION, Kind.FLAG, "a")) for n in (1, 2))
        assert rivals_of(UUID(int=1), [mine.place], [mine, theirs]) == [theirs]


class TestPlacesOfTargets:
    def test_are_each_once_and_in_one_order(self) -> None:
        targets = [
            Target(PRODUCTION, Kind.SETTING, "limit#b", 0, {"key": "limit", "scope": "company:b"}),
            Target(PRODUCTION, Kind.FLAG, "checkout", 1, {}),
            Target(PRODUCTION, Kind.SETTING, "limit#b again", 0, {"key": "limit", "scope": "company:b"}),
        ]
        expected = (Place(PRODUCTION, Kind.FLAG, "checkout"), Place(PRODUCTION, Kind.SETTING, "limit", "company:b"))
        assert places_of(targets) == places_of(targets[::-1]) == expected


class TestTurn:
    def test_is_of_the_urgent_and_then_of_who_was_approved_first(self) -> None:
        place = Place(PRODUCTION, Kind.FLAG, "a")
        late = Claim(UUID(int=1), UUID(int=9), place, 0, NOON + timedelta(seconds=1))
        early, back = Claim(UUID(int=2), UUID(int=9), place, 0, NOON), Claim(UUID(int=3), UUID(int=9), place, 1, NOON)
        assert sorted([late, early, back], key=lambda each: each.turn) == [back, early, late]


class TestFreezes:
    @given(st.integers(-5, 5))
    def test_stand_from_their_beginning_until_their_end(self, hours: int) -> None:
        at = NOON + timedelta(hours=hours)
        over = standing_over([freeze(2)], {Place(PRODUCTION, Kind.FLAG, "checkout"): ()}, at)
        assert bool(over) is (0 <= hours < 2)

    def test_are_told_with_the_one_first_that_ends_last(self) -> None:
        over = standing_over([freeze(1), freeze(3), freeze(2)], {Place(PRODUCTION, Kind.FLAG, "checkout"): ()}, NOON)
        assert [each.ends.hour for each in over] == [15, 14, 13]

    def test_with_a_tag_stand_over_what_has_it(self) -> None:
        place = Place(PRODUCTION, Kind.SETTING, "limit")
        assert Reach(tag="financial").covers(place, ("pci", "financial"))
        assert not Reach(tag="financial").covers(place, ("pci",))


def freeze(hours: int) -> Freeze:
    return Freeze(
        UUID(int=hours), UUID(int=9), FreezeKind.FREEZE, Reach(prefix="check"), NOON, NOON + timedelta(hours=hours),
        WhileRunning.CONTINUE, "ops", "because", UUID(int=8), NOON,
    )  # fmt: skip
