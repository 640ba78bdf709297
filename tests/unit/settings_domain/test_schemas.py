"""A schema is checked when it is proposed, and cannot make a validation costly."""

from typing import Any

import pytest
from jsonschema_rs import ValidationError

from domain.canonical import canonical_bytes
from domain.settings.schemas import _validator, instance_faults, schema_faults


def paths(schema: Any) -> list[str]:
    return [fault.path for fault in schema_faults(schema, "/schema")]


def doubling(levels: int) -> dict[str, Any]:
    """A small schema that visits a value 2 ** levels times."""
    parts: dict[str, Any] = {f"s{level}": {"allOf": [{"$ref": f"#/$defs/s{level + 1}"}] * 2} for level in range(levels)}
    return {"$ref": "#/$defs/s0", "$defs": {**parts, f"s{levels}": {"type": "string"}}}


class TestSchema:
    @pytest.mark.parametrize("schema", [None, True, [], "integer"])
    def test_it_is_an_object(self, schema: object) -> None:
        assert paths(schema) == ["/schema"]

    @pytest.mark.parametrize(
        ("schema", "path"),
        [
            ({"type": "strin"}, "/schema/type"),
            ({"properties": {"a": {"minimum": "1"}}}, "/schema/properties/a/minimum"),
            ({"pattern": "("}, "/schema/pattern"),
            ({"pattern": "(?=a)b"}, "/schema/pattern"),
            ({"items": [{"type": "string"}]}, "/schema/items"),
            ({"minimum": 2**60}, "/schema/minimum"),
        ],
    )
    def test_what_is_no_schema_is_refused_where_it_is_none(self, schema: dict[str, Any], path: str) -> None:
        assert paths(schema) == [path]

    def test_it_is_of_one_dialect(self) -> None:
        assert paths({"$schema": "https://json-schema.org/draft/2020-12/schema"}) == []
        assert paths({"$schema": "http://json-schema.org/draft-07/schema#"}) == ["/schema/$schema"]

    def test_its_size_is_bounded(self) -> None:
        assert paths({"enum": ["a" * 60_000]}) == []
        assert paths({"enum": ["a" * 60_000, "b" * 10_000]}) == ["/schema"]


class TestReferences:
    def test_parts_of_itself_may_be_used_again(self) -> None:
        schema = {
            "properties": {"a/b": {"$ref": "#/$defs/x~1y/anyOf/1"}},
            "$defs": {"x/y": {"anyOf": [{}, {"type": "null"}]}},
        }
        assert paths(schema) == []
        assert [fault.path for fault in instance_faults(schema, {"a/b": 1})] == ["/a~1b"]

    @pytest.mark.parametrize(
        "reference",
        [
            "https://example.com/s",
            "file:///etc/passwd",
            "other.json",
            "#name",
            "#/$defs/b",
            "#/$defs/a/x",
            "#/allOf/1",
            "",
        ],
    )
    def test_whatever_leaves_the_document_is_refused(self, reference: str) -> None:
        schema = {"allOf": [{"$ref": reference}], "$defs": {"a": True}}
        assert paths(schema) == ["/schema/allOf/0/$ref"]

    def test_the_validator_would_not_follow_it_either(self) -> None:
        with pytest.raises(ValidationError, match="outside of this schema"):
            _validator(canonical_bytes({"$ref": "https://example.com/s"}))

    @pytest.mark.parametrize("keyword", ["$dynamicRef", "$anchor", "$dynamicAnchor", "$recursiveRef", "$id"])
    def test_other_ways_to_name_a_part_are_refused(self, keyword: str) -> None:
        assert paths({"$defs": {"a": {keyword: "a"}}}) == [f"/schema/$defs/a/{keyword}"]

    def test_a_property_may_be_called_like_a_keyword(self) -> None:
        assert paths({"$id": "https://example.com/s", "properties": {"$ref": {"type": "string"}, "$id": {}}}) == []


class TestCost:
    @pytest.mark.parametrize(
        "schema",
        [
            {"$ref": "#"},
            {"items": {"$ref": "#"}},
            {"$ref": "#/$defs/a", "$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"$ref": "#/$defs/a"}}},
        ],
    )
    def test_a_schema_does_not_contain_itself(self, schema: dict[str, Any]) -> None:
        assert "expected a schema that does not contain itself" in {fault.message for fault in schema_faults(schema)}

    def test_references_do_not_multiply_without_bound(self) -> None:
        assert paths(doubling(5)) == []
        assert paths(doubling(40)) == ["/schema"]

    def test_patterns_are_few(self) -> None:
        assert paths({"patternProperties": {f"^{n}": {} for n in range(50)}}) == []
        assert paths({"patternProperties": {f"^{n}": {"pattern": "a"} for n in range(26)}}) == ["/schema"]

    def test_a_pattern_is_no_larger_than_what_it_needs(self) -> None:
        assert paths({"pattern": "(a{1000}){1000}"}) == ["/schema/pattern"]

    def test_many_faults_are_cut_short(self) -> None:
        assert len(instance_faults({"items": {"type": "string"}}, [0] * 9_000)) == 100
