"""A document of flagd is read and written again without loss."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.flags import CODE_DEFAULT, compile_flag_set, parse_definition
from domain.flags.flagd import parse_flagd
from domain.flags.importers import from_flagd

FLAG = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
NAMES = st.text("abcdefgh-_.09", min_size=1, max_size=12).filter(lambda name: name[0] not in ".-")
TEXTS = st.text(max_size=20)
FLOATS = st.floats(-1e6, 1e6, allow_nan=False)
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1)
OBJECTS = st.dictionaries(TEXTS, st.one_of(TEXTS, NUMBERS, st.booleans(), st.none(), st.lists(NUMBERS, max_size=3)))
RULES = st.recursive(
    st.one_of(NAMES.map(lambda name: {"var": name}), TEXTS, NUMBERS, st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.builds(lambda name, parts: {name: parts}, st.sampled_from(["and", "or", "==", "<", "in", "cat"]),
                  st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda part: {"!": [part]}, inner),
    ),
    max_leaves=8,
)  # fmt: skip


@st.composite
def definitions(draw: st.DrawFn, evaluators: tuple[str, ...]) -> dict[str, Any]:
    values = draw(st.sampled_from([TEXTS, NUMBERS, FLOATS, st.booleans(), OBJECTS]))
    variants = draw(st.dictionaries(TEXTS.filter(bool), values, min_size=1, max_size=4))
    names = st.sampled_from(sorted(variants))
    conditions = st.one_of(RULES, st.sampled_from(evaluators).map(lambda name: {"$ref": name})) if evaluators else RULES
    arms = st.lists(st.tuples(names, st.integers(0, 1000)).map(list), min_size=1, max_size=4)
    raw: dict[str, Any] = {"state": draw(st.sampled_from(["ENABLED", "DISABLED"])), "variants": variants}
    default, arm = draw(st.none() | names), draw(st.none() | arms)
    if default is not None:
        raw["defaultVariant"] = default
    if arm is not None:
        raw["targeting"] = {"if": [draw(conditions), draw(names), {"fractional": arm}]}
    metadata = draw(st.dictionaries(TEXTS.filter(bool), st.one_of(TEXTS, NUMBERS, FLOATS, st.booleans()), max_size=3))
    return raw | ({"metadata": metadata} if metadata else {})


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    evaluators = draw(st.dictionaries(NAMES, RULES, max_size=3))
    flags = draw(st.dictionaries(NAMES, definitions(tuple(sorted(evaluators))), max_size=4))
    metadata = draw(st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=2))
    parts = {"$evaluators": evaluators, "metadata": metadata}
    return {"flags": flags, **{name: part for name, part in parts.items() if part}}


def text(value: Any) -> str:
    """In one order; unlike in Python 1 is not 1.0 and True is not 1."""
    return json.dumps(value, sort_keys=True)


@pytest.mark.req("FI1")
class TestThereAndBack:
    @settings(max_examples=40)
    @given(documents())
    def test_a_document_is_the_same_again_and_so_is_an_array_of_its_flags(self, document: dict[str, Any]) -> None:
        assert text(parse_flagd(document).to_json()) == text(document)
        listed = {**document, "flags": [{"key": key, **flag} for key, flag in document["flags"].items()]}
        assert text(parse_flagd(listed).to_json()) == text(document)

    def test_metadata_of_the_set_goes_to_its_flags_but_for_what_names_the_set(self) -> None:
        shared = {"owner": "web", "team": "x", "flagSetId": "a/dev", "scope": "a/dev", "version": 3}
        document = {"flags": {"f": {**FLAG, "metadata": {"team": "y"}}}, "metadata": shared}
        found = from_flagd(parse_flagd(document))
        assert found.flags["f"]["metadata"] == {"owner": "web", "team": "y"}
        evaluation = compile_flag_set(found.flags, revision=1, now=lambda: 0.0).evaluate("f", {})
        assert (evaluation.value, evaluation.metadata) == (False, {"owner": "web", "team": "y"})

    def test_metadata_of_the_set_is_not_said_over_what_was_authored(self) -> None:
        authored = {"state": "ENABLED", "variants": FLAG["variants"], "authoring": {"owner": "shop", "serve": "off"}}
        document = {"flags": {"till": authored}, "metadata": {"owner": "else", "team": "x"}}
        found = from_flagd(parse_flagd(document)).flags["till"]
        assert found == {**authored, "metadata": {"team": "x"}}
        assert parse_definition(found).metadata == {"owner": "shop", "team": "x"}

    def test_a_flag_without_a_default_stays_one(self) -> None:
        flag = {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": None}
        document = parse_flagd({"$schema": "https://flagd.dev/schema/v0/flags.json", "flags": {"f": flag}})
        flags = compile_flag_set(document.flags, revision=1, now=lambda: 0.0)
        assert flags.evaluate("f", {}).value is CODE_DEFAULT


@pytest.mark.req("FI1")
class TestRefusal:
    @pytest.mark.parametrize(
        ("document", "paths"),
        [
            ([], [""]),
            ({}, ["/flags"]),
            ({"flags": {}, "sources": []}, ["/sources"]),
            ({"flags": {}, "$evaluators": {"a": {"nope": 1}}}, ["/$evaluators/a/nope"]),
            ({"flags": {}, "metadata": {"a": []}}, ["/metadata/a"]),
            ({"flags": [FLAG, 1]}, ["/flags/0", "/flags/1"]),
            ({"flags": [{"key": "f", **FLAG}, {"key": "f", **FLAG}]}, ["/flags/1/key"]),
            ({"flags": {"a b": FLAG, "f": {**FLAG, "state": "ON"}}}, ["/flags/a b/key", "/flags/f/state"]),
            ({"flags": {"f": {**FLAG, "targeting": {"$ref": "a"}}}}, ["/flags/f/targeting/$ref"]),
        ],
    )
    def test_names_every_fault_at_its_place(self, document: Any, paths: list[str]) -> None:
        with pytest.raises(Invalid) as refusal:
            parse_flagd(document)
        assert [fault.path for fault in refusal.value.faults] == paths
