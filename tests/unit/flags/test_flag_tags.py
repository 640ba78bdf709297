"""A snapshot knows its flags by their tags, and keeps to that as flags change."""

from typing import Any

import pytest

from domain.flags import FlagSet, compile_flag_set
from domain.flags.tags import TagIndex, index_of, tags_of

pytestmark = pytest.mark.req("FR-SM-012")


def flag(tags: str | None = None, **more: Any) -> dict[str, Any]:
    metadata = {} if tags is None else {"metadata": {"tags": tags}}
    return {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on", **metadata, **more}


def keys(flags: FlagSet, *tags: str) -> list[str]:
    return [each.key for each in flags.tagged(tags).evaluate_all({})]


@pytest.mark.parametrize(
    ("metadata", "tags"),
    [({"tags": "web,checkout"}, ("checkout", "web")), ({"tags": " web ,web,, "}, ("web",)), ({"tags": ""}, ()),
     ({"tags": 7}, ()), ({"tags": True}, ()), ({}, ()), (None, ())],
)  # fmt: skip
def test_tags_are_read_from_one_text(metadata: Any, tags: tuple[str, ...]) -> None:
    assert tags_of(metadata) == tags


class TestSnapshot:
    def test_flags_are_found_by_any_of_their_tags_once_and_in_order(self) -> None:
        flags = compile_flag_set(
            {"c": flag("web"), "b": flag("web,shop"), "a": flag("shop"), "z": flag()}, revision=3, now=lambda: 0.0
        )
        assert keys(flags, "web") == ["b", "c"]
        assert sorted(keys(flags, "web", "shop")) == ["a", "b", "c"]
        assert keys(flags, "moon") == []
        assert flags.tagged(["web"]).tagged(["shop"]).keys == {"b"}
        assert flags.tagged(["web"]).revision == 3

    def test_whatever_its_state_a_flag_has_its_tags(self) -> None:
        rule = {"if": [{"var": "x"}, "on"]}
        made = {"off": {**flag("web"), "state": "DISABLED"}, "ruled": flag("web", targeting=rule), "code": flag("web")}
        del made["code"]["defaultVariant"]
        assert keys(compile_flag_set(made, revision=1, now=lambda: 0.0), "web") == ["code", "off", "ruled"]

    def test_only_what_is_asked_for_depends_on_the_time(self) -> None:
        timed = flag("night", targeting={"if": [{">": [{"var": "$flagd.timestamp"}, 0]}, "on"]})
        flags = compile_flag_set({"a": flag("web"), "b": timed}, revision=1, now=lambda: 0.0)
        assert [flags.tagged([tag]).time_dependent for tag in ("web", "night")] == [False, True]

    def test_a_change_of_a_flag_moves_it_and_no_other(self) -> None:
        flags = compile_flag_set({"a": flag("web"), "b": flag("web")}, revision=1, now=lambda: 0.0)
        moved = flags.with_flag("a", flag("shop"), 2)
        assert (keys(moved, "web"), keys(moved, "shop"), keys(flags, "web")) == (["b"], ["a"], ["a", "b"])
        bare = moved.with_flag("a", flag(), 3).with_flag("c", flag("shop,web"), 4)
        assert (keys(bare, "web"), keys(bare, "shop")) == (["b", "c"], ["c"])
        gone = bare.with_flag("c", None, 5)
        assert (keys(gone, "web"), keys(gone, "shop")) == (["b"], [])

    def test_an_index_that_was_changed_is_the_one_that_is_made_anew(self) -> None:
        steps = [("a", ("x", "y")), ("b", ("y",)), ("a", ("y", "z")), ("c", ("x",)), ("b", ()), ("a", ()), ("d", ())]
        index, tags = TagIndex(), dict[str, tuple[str, ...]]()
        for key, each in steps:
            index, tags = index.with_flag(key, each), {**tags, key: each}
            assert index == index_of(tags)
