"""A definition is valid as a whole, or refused with everything that is wrong with it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Fault, Invalid
from domain.settings import (
    UNSET,
    Definition,
    Merge,
    Sensitivity,
    SettingType,
    check_setting_key,
    incompatible,
    parse_setting_definition,
)

SAMPLES: dict[str, tuple[Any, list[str]]] = {
    "string": ("dark", ["replace"]),
    "integer": (20, ["replace", "min", "max"]),
    "number": (0.5, ["replace", "min", "max"]),
    "boolean": (False, ["replace", "and", "or"]),
    "json": ({"a": [1]}, ["replace", "deep_merge"]),
    "secret": ("hunter2", ["replace"]),
    "duration": ("PT5M", ["replace", "min", "max"]),
    "list": (["a"], ["replace", "set_union", "append"]),
    "enum": ("blue", ["replace"]),
}


def raw(kind: str = "integer", **fields: Any) -> dict[str, Any]:
    choices = {"choices": ["blue", "green"]} if kind == "enum" else {}
    return {"key": "ui.page_size", "type": kind, **choices, **fields}


def defined(kind: str = "integer", **fields: Any) -> Definition:
    return parse_setting_definition(raw(kind, **fields))


def refused(**fields: Any) -> list[str]:
    """Where the faults of a definition are."""
    with pytest.raises(Invalid) as refusal:
        parse_setting_definition(raw(**fields))
    return [fault.path for fault in refusal.value.faults]


def paths(faults: list[Fault]) -> list[str]:
    return [fault.path for fault in faults]


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(SAMPLES)))
    sample, merges = SAMPLES[kind]
    optional = {
        "merge": st.sampled_from(merges),
        "scopes": st.lists(st.sampled_from(["tenant", "company", "user"]), min_size=1, unique=True),
        "financial": st.booleans(),
        "nullable": st.booleans(),
        "description": st.text(st.characters(codec="utf-8"), max_size=20),
        "tags": st.lists(st.text("abc", min_size=1, max_size=5), unique=True),
        "ui": st.dictionaries(st.text("abc", max_size=3), st.integers(0, 9)),
    }
    if kind != "secret":
        optional |= {"default": st.just(sample), "sensitivity": st.sampled_from(["public", "internal", "confidential"])}
    fields = draw(st.fixed_dictionaries({}, optional=optional))
    return raw(kind, **fields)


class TestParsing:
    def test_a_key_and_a_type_are_enough(self) -> None:
        definition = parse_setting_definition({"key": "a", "type": "integer"})
        assert (definition.type, definition.scopes, definition.merge) == (
            SettingType.INTEGER,
            ("tenant",),
            Merge.REPLACE,
        )
        assert (definition.default, definition.sensitivity) == (UNSET, Sensitivity.INTERNAL)

    @given(definitions())
    def test_what_it_writes_it_reads(self, given_raw: dict[str, Any]) -> None:
        definition = parse_setting_definition(given_raw)
        assert parse_setting_definition(json.loads(json.dumps(definition.to_json()))) == definition

    def test_it_says_again_what_it_was_given(self) -> None:
        whole = {
            **raw("list"),
            "schema": {"items": {"type": "string"}},
            "scopes": ["tenant", "user"],
            "merge": "set_union",
            "sensitivity": "confidential",
            "financial": True,
            "nullable": True,
            "default": None,
            "description": "Columns of the ledger.",
            "owner": "finance",
            "ui": {"widget": "chips"},
            "tags": ["ledger"],
        }
        assert parse_setting_definition(whole).to_json() == whole

    def test_it_does_not_change_with_what_it_was_read_from(self) -> None:
        given_raw = raw("json", default={"a": 1})
        definition = parse_setting_definition(given_raw)
        given_raw["default"]["a"] = 2
        definition.to_json()["default"]["a"] = 3
        assert definition.default == {"a": 1}

    @pytest.mark.req("FR-SM-004")
    def test_every_fault_is_named_at_once(self) -> None:
        faulty = {
            "key": "1abc",
            "colour": "red",
            "scopes": ["tenant", "tenant", "Site"],
            "merge": "deep_merge",
            "sensitivity": "none",
            "financial": "false",
            "schema": {"type": "strin"},
            "default": "ten",
            "tags": "ledger",
            "ui": [],
            "owner": 7,
        }
        assert refused(**faulty) == [
            "/colour", "/default", "/financial", "/key", "/merge", "/owner",
            "/schema/type", "/scopes/1", "/scopes/2", "/sensitivity", "/tags", "/ui",
        ]  # fmt: skip

    @pytest.mark.parametrize("given_raw", [None, [], "integer"])
    def test_it_is_an_object(self, given_raw: object) -> None:
        with pytest.raises(Invalid):
            parse_setting_definition(given_raw)

    def test_key_and_type_are_required(self) -> None:
        with pytest.raises(Invalid) as refusal:
            parse_setting_definition({})
        assert paths(list(refusal.value.faults)) == ["/key", "/type"]

    @pytest.mark.parametrize("kind", ["", "Integer", "float", None, ["integer"]])
    def test_an_unknown_type_is_refused(self, kind: Any) -> None:
        with pytest.raises(Invalid) as refusal:
            parse_setting_definition({"key": "a", "type": kind, "default": 1, "merge": "min"})
        assert paths(list(refusal.value.faults)) == ["/type"]

    @pytest.mark.parametrize("kind", sorted(SAMPLES))
    @pytest.mark.parametrize("merge", list(Merge))
    def test_values_meet_in_ways_that_their_type_knows(self, kind: str, merge: Merge) -> None:
        if merge in SAMPLES[kind][1]:
            assert defined(kind, merge=merge).merge is merge
        else:
            assert refused(kind=kind, merge=merge) == ["/merge"]

    def test_choices_belong_to_an_enum_alone(self) -> None:
        assert refused(choices=["a"]) == ["/choices"]
        assert refused(kind="enum", choices=[], default="x") == ["/choices"]
        assert refused(kind="enum", choices=["a", "a"]) == ["/choices/1"]

    @pytest.mark.parametrize("kind", sorted(set(SAMPLES) - {"secret"}))
    def test_a_default_is_a_value_of_the_setting(self, kind: str) -> None:
        sample, _ = SAMPLES[kind]
        assert defined(kind, default=sample).default == sample
        assert refused(kind=kind, default=None) == ["/default"]

    def test_a_default_satisfies_the_schema(self) -> None:
        assert refused(schema={"minimum": 10}, default=9) == ["/default"]

    @pytest.mark.req("ST80")
    def test_a_secret_has_no_default_and_is_called_secret(self) -> None:
        assert defined("secret").sensitivity is Sensitivity.SECRET
        assert refused(kind="secret", default="hunter2") == ["/default"]
        assert refused(kind="json", sensitivity="secret", default={"a": 1}) == ["/default"]
        assert refused(kind="secret", sensitivity="internal") == ["/sensitivity"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [("description", "a" * 2_001), ("owner", "\ud800"), ("ui", {"a": 2**60}), ("tags", [""]), ("scopes", [])],
    )
    def test_fields_are_bounded(self, field: str, value: object) -> None:
        assert len(refused(**{field: value})) == 1


class TestKey:
    @pytest.mark.req("ST78")
    @pytest.mark.parametrize("key", ["", "1abc", ".a", "_a", "a-b", "a b", "ä", "a\n", "a" * 201])
    def test_what_is_no_key_is_refused(self, key: str) -> None:
        assert refused(key=key) == ["/key"]
        with pytest.raises(Invalid):
            check_setting_key(key)

    @pytest.mark.parametrize("key", ["a", "billing.enabled", "A1_b.c", "a" * 200])
    def test_a_key_is_itself(self, key: str) -> None:
        assert check_setting_key(key) == key


class TestValues:
    @pytest.mark.req("FR-SM-004", "SM-D4", "ST78")
    @pytest.mark.parametrize("kind", sorted(SAMPLES))
    def test_a_setting_takes_values_of_its_type_alone(self, kind: str) -> None:
        definition = defined(kind)
        assert definition.faults(SAMPLES[kind][0]) == []
        assert paths(definition.faults("false", "/value")) == (
            [] if kind in {"string", "secret", "json"} else ["/value"]
        )

    @pytest.mark.parametrize("kind", sorted(SAMPLES))
    def test_null_is_a_value_only_where_it_was_allowed(self, kind: str) -> None:
        assert paths(defined(kind).faults(None, "/value")) == ["/value"]
        assert defined(kind, nullable=True, schema={"not": {}}).faults(None) == []

    def test_an_enum_takes_one_of_its_choices(self) -> None:
        assert "blue, green" in defined("enum").faults("red")[0].message

    @pytest.mark.req("FR-SM-004")
    def test_a_range_is_kept(self) -> None:
        definition = defined(schema={"minimum": 10, "maximum": 100})
        assert [bool(definition.faults(value)) for value in (9, 10, 100, 101)] == [True, False, False, True]

    def test_every_fault_of_a_schema_has_its_place(self) -> None:
        schema = {"properties": {"a/b": {"type": "integer"}, "c": {"format": "email"}}, "required": ["d"]}
        faults = defined("json", schema=schema).faults({"a/b": "x", "c": "nobody"}, "/value")
        assert sorted(paths(faults)) == ["/value", "/value/a~1b", "/value/c"]

    @pytest.mark.req("ST80")
    @pytest.mark.parametrize(
        "schema",
        [{"maxLength": 3}, {"pattern": "^x"}, {"const": "x"}, {"enum": ["x"]}, {"not": {}}, {"format": "email"}],
    )
    def test_no_fault_repeats_a_value(self, schema: dict[str, Any]) -> None:
        faults = defined("secret", schema=schema).faults("hunter2")
        assert faults
        assert "hunter2" not in str(faults)


class TestChange:
    def test_a_setting_keeps_its_type(self) -> None:
        assert paths(incompatible(defined("number"), [("", 1)], old=defined("integer"))) == ["/type"]

    def test_values_that_would_be_refused_are_named(self) -> None:
        stored = [("", 20), ("company:de", 5), ("company:de/site:berlin", 200)]
        new = defined(scopes=["tenant", "company", "site"], schema={"minimum": 10, "maximum": 100})
        assert paths(incompatible(new, stored, old=defined())) == [
            "/stored/company:de",
            "/stored/company:de~1site:berlin",
        ]

    def test_a_kind_of_scope_that_holds_values_stays(self) -> None:
        stored = [("production", 1), ("production/company:de", 1), ("production/company:at", 1)]
        faults = incompatible(defined(scopes=["tenant", "user"]), stored)
        assert faults == [Fault("/scopes", "expected company among the kinds: 2 values stand at such scopes")]

    def test_what_refuses_nothing_is_compatible(self) -> None:
        stored = [("", 20), ("user:ada", 30)]
        new = defined(scopes=["tenant", "user"], default=5, description="How many rows a page has.")
        assert incompatible(new, stored, old=defined(scopes=["tenant", "user"])) == []
