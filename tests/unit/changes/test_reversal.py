from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.changes import Reversal, merged, three_ways

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"])
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc/~"), inner, max_size=3)
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), DOCUMENTS, max_size=3)


def reversal(before: Any, written: Any, now: Any, **more: Any) -> Reversal:
    return Reversal("thing", before, written, now, touched=True, **more)


class TestReversal:
    @given(before=DOCUMENTS, written=DOCUMENTS)
    def test_of_what_nobody_touched_is_what_was_before(self, before: Any, written: Any) -> None:
        back = reversal(before, written, written)
        assert three_ways(back.result, before, before) == []
        assert back.collisions == []

    @given(before=OBJECTS, written=OBJECTS, other=DOCUMENTS)
    def test_keeps_what_somebody_wrote_elsewhere(self, before: Any, written: Any, other: Any) -> None:
        now = {**written, "elsewhere": other}
        back = reversal(before, written, now)
        assert back.collisions == []
        assert three_ways(back.result, {**before, "elsewhere": other}, {**before, "elsewhere": other}) == []

    @given(before=DOCUMENTS, written=DOCUMENTS, now=DOCUMENTS)
    def test_leaves_what_collides_as_it_is(self, before: Any, written: Any, now: Any) -> None:
        back = reversal(before, written, now)
        if "" in back.collisions:
            assert not back.moves
        forced, collisions = merged(written, before, now)
        assert bool(collisions) or three_ways(back.result, forced, forced) == []

    @given(before=OBJECTS, written=OBJECTS, now=OBJECTS)
    def test_tells_each_path_once(self, before: Any, written: Any, now: Any) -> None:
        lines = reversal(before, written, now).to_json()["lines"]
        paths = [line["path"] for line in lines]
        assert len(paths) == len(set(paths))
        assert all({"base", "theirs", "ours"} & line.keys() for line in lines)

    def test_tells_nobody_what_is_veiled(self) -> None:
        back = reversal({"value": "one"}, {"value": "two"}, {"value": "three", "enforced": True}, veiled="/value")
        assert back.to_json()["lines"] == [
            {"path": "/enforced", "theirs": True, "ours": True, "collides": False},
            {"path": "/value", "changed": True, "collides": True},
        ]

    @pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), ([1], [True])])
    def test_knows_a_number_from_a_truth(self, one: Any, other: Any) -> None:
        assert reversal(one, other, other).moves
