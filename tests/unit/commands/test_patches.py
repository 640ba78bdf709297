"""A patch does what RFC 6902 says, and says where it cannot."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commands.patches import difference, locked_faults, patched, same
from domain.commands.policies import TypePolicy
from domain.errors import Invalid

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab/~0", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~0", max_size=3), inner, max_size=3),
    max_leaves=12,
)
ONE = {"op": "add", "path": "/a", "value": 1}


def where(document: Any, *patch: Any) -> list[str]:
    with pytest.raises(Invalid) as refused:
        patched(document, list(patch))
    return [each.path for each in refused.value.faults]


class TestAppendix:
    """The cases of the RFC's appendix A."""

    @pytest.mark.req("CB-44")
    @pytest.mark.parametrize(
        ("before", "patch", "after"),
        [
            ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
            ({"foo": ["bar", "b"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "b"]}),
            ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
            ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
            ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
            (
                {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
                [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
                {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
            ),
            (
                {"foo": ["all", "grass", "cows", "eat"]},
                [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
                {"foo": ["all", "cows", "eat", "grass"]},
            ),
            ({"foo": ["a", 2]}, [{"op": "test", "path": "/foo/1", "value": 2}], {"foo": ["a", 2]}),
            ({"foo": "bar"}, [{"op": "add", "path": "/child", "value": {"g": {}}}], {"foo": "bar", "child": {"g": {}}}),
            ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": 1, "xyz": 123}], {"foo": "bar", "baz": 1}),
            ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
            ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc"]}], {"foo": ["bar", ["abc"]]}),
            ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
            ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
            ({"a": 1.0}, [{"op": "test", "path": "/a", "value": 1}], {"a": 1.0}),
        ],
    )  # fmt: skip
    def test_are_applied(self, before: Any, patch: list[Any], after: Any) -> None:
        assert patched(before, patch) == after

    @pytest.mark.req("CB-44")
    @pytest.mark.parametrize(
        ("operation", "path"),
        [
            ("add", "/patch/1"),
            ({"op": "spam", "path": "/a"}, "/patch/1/op"),
            ({"op": ["add"], "path": "/a"}, "/patch/1/op"),
            ({"op": "add", "path": "a", "value": 1}, "/patch/1/path"),
            ({"op": "add", "path": "/~2", "value": 1}, "/patch/1/path"),
            ({"op": "add", "path": "/a"}, "/patch/1"),
            ({"op": "add", "path": "/baz/bat", "value": 1}, "/patch/1/path"),
            ({"op": "add", "path": "/list/2", "value": 1}, "/patch/1/path"),
            ({"op": "replace", "path": "/list/-", "value": 1}, "/patch/1/path"),
            ({"op": "remove", "path": "/list/01"}, "/patch/1/path"),
            ({"op": "remove", "path": "/text/0"}, "/patch/1/path"),
            ({"op": "remove", "path": ""}, "/patch/1/path"),
            ({"op": "replace", "path": "/nothing", "value": 1}, "/patch/1/path"),
            ({"op": "move", "from": "/nothing", "path": "/b"}, "/patch/1/from"),
            ({"op": "move", "from": "/list", "path": "/list/0"}, "/patch/1/path"),
            ({"op": "copy", "path": "/b"}, "/patch/1/from"),
            ({"op": "test", "path": "/text", "value": "other"}, "/patch/1/value"),
            ({"op": "test", "path": "/truth", "value": 1}, "/patch/1/value"),
        ],
    )
    def test_what_cannot_be_is_pointed_at_and_nothing_changes(self, operation: Any, path: str) -> None:
        before = {"list": [1], "text": "t", "truth": True}
        assert where(before, ONE, operation) == [path]
        assert before == {"list": [1], "text": "t", "truth": True}

    def test_copies_do_not_grow_without_a_bound(self) -> None:
        doubles = {"op": "copy", "from": "/a", "path": "/a/-"}
        (path,) = where({"a": [1]}, *([doubles] * 100))
        assert path.startswith("/patch/")

    def test_is_a_list_of_a_few(self) -> None:
        for wrong in ([], [ONE] * 101):
            assert where({}, *wrong) == ["/patch"]
        with pytest.raises(Invalid):
            patched({}, {"op": "add"})


class TestDifference:
    @pytest.mark.req("CB-44")
    @given(JSON, JSON)
    def test_applied_makes_one_of_the_other(self, before: Any, after: Any) -> None:
        patch = difference(before, after)
        assert (patch == []) == same(before, after)
        if 0 < len(patch) <= 100:
            assert same(patched(before, patch), after)

    def test_names_what_is_different_and_nothing_else(self) -> None:
        before, after = {"a": [1, 2, 3], "b": {"c": 1}}, {"a": [1, 9], "b": {"c": 1}, "d": None}
        assert difference(before, after) == [
            {"op": "replace", "path": "/a/1", "value": 9},
            {"op": "remove", "path": "/a/2"},
            {"op": "add", "path": "/d", "value": None},
        ]


class TestLocked:
    @pytest.mark.req("CB-44")
    def test_is_what_stands_there_however_it_was_changed(self) -> None:
        before, locked = {"account": {"number": 7}, "lines": [1]}, ("/account", "/lines/1")
        for after, paths in (
            ({"account": {"number": 7}, "lines": [2]}, []),
            ({"account": {"number": 8}, "lines": [1]}, ["/payload/account"]),
            ({"lines": [1]}, ["/payload/account"]),
            ({"account": {"number": 7}, "lines": [1, 2]}, ["/payload/lines/1"]),
        ):
            assert [each.path for each in locked_faults(before, after, locked, "/payload")] == paths

    @pytest.mark.req("CB-44")
    def test_is_said_by_pointers(self) -> None:
        assert TypePolicy(locked=("/account",)).to_json()["locked"] == ["/account"]
        with pytest.raises(ValueError, match="pointers"):
            TypePolicy(locked=("account",))
