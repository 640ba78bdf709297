from typing import Any

import pytest

from domain.canonical import canonical_bytes
from domain.errors import Invalid
from domain.flags import FlagType, check_key, parse_definition, parse_evaluators


def flag(**changes: Any) -> dict[str, Any]:
    return {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off", **changes}


def faults_of(raw: Any, **evaluators: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refusal:
        parse_definition(raw, evaluators=evaluators)
    return {fault.path: fault.message for fault in refusal.value.faults}


def paths_of(targeting: Any, **evaluators: Any) -> list[str]:
    return sorted(faults_of(flag(targeting=targeting), **evaluators))


class TestKey:
    @pytest.mark.parametrize("key", ["a", "_x", "9", "checkout.new-flow", "A" * 100])
    def test_letters_digits_dots_dashes_are_accepted(self, key: str) -> None:
        assert check_key(key) == key

    @pytest.mark.parametrize("key", ["", ".a", "-a", "a b", "a/b", "é", "a\n", "A" * 101])
    def test_others_are_refused(self, key: str) -> None:
        with pytest.raises(Invalid) as refusal:
            check_key(key)
        assert [fault.path for fault in refusal.value.faults] == ["/key"]


class TestShape:
    def test_smallest_definition(self) -> None:
        definition = parse_definition({"state": "DISABLED", "variants": {"x": "y"}})
        assert definition.canonical == {"state": "DISABLED", "variants": {"x": "y"}}

    @pytest.mark.parametrize("raw", [None, [], "x", 1])
    def test_anything_but_an_object_is_refused(self, raw: Any) -> None:
        assert faults_of(raw) == {"": "expected an object"}

    @pytest.mark.req("FR-SM-010", "FR-SM-011")
    def test_every_fault_is_told_at_once(self) -> None:
        faults = faults_of(
            {
                "state": "on",
                "variants": {"a": True, "b": "x", "c~/d": None},
                "defaultVariant": "z",
                "targeting": {"if": [{"regex": ["x", 1]}, {"fractional": [["a", -1], ["q", 1]]}]},
                "metadata": {"owner": []},
                "rollout": 5,
            }
        )
        assert sorted(faults) == [
            "/defaultVariant",
            "/metadata/owner",
            "/rollout",
            "/state",
            "/targeting/if/0/regex",
            "/targeting/if/1/fractional/0/1",
            "/targeting/if/1/fractional/1/0",
            "/variants/b",
            "/variants/c~0~1d",
        ]

    @pytest.mark.parametrize("state", [None, "enabled", True, ["ENABLED"]])
    def test_state_is_one_of_two_words(self, state: Any) -> None:
        assert list(faults_of(flag(state=state))) == ["/state"]

    @pytest.mark.parametrize("variants", [None, {}, [], "on", {str(n): True for n in range(101)}])
    def test_variants_are_1_to_100(self, variants: Any) -> None:
        assert "/variants" in faults_of({"state": "ENABLED", "variants": variants})

    def test_a_variant_has_a_name(self) -> None:
        assert list(faults_of(flag(variants={"": True, "off": False}))) == ["/variants/"]

    @pytest.mark.parametrize("default", [1, True, "", "ON", ["on"], {}])
    def test_default_is_a_variant(self, default: Any) -> None:
        assert list(faults_of(flag(defaultVariant=default))) == ["/defaultVariant"]

    def test_default_may_be_null(self) -> None:
        assert parse_definition(flag(defaultVariant=None)).default_variant is None

    @pytest.mark.parametrize("targeting", ["x", [], 1, False])
    def test_targeting_is_an_object(self, targeting: Any) -> None:
        assert list(faults_of(flag(targeting=targeting))) == ["/targeting"]

    @pytest.mark.parametrize("value", [None, {}, []])
    def test_metadata_is_flat(self, value: Any) -> None:
        assert list(faults_of(flag(metadata={"owner": value}))) == ["/metadata/owner"]

    def test_metadata_is_an_object_with_names(self) -> None:
        assert list(faults_of(flag(metadata=[]))) == ["/metadata"]
        assert list(faults_of(flag(metadata={"": "x"}))) == ["/metadata/"]

    def test_canonical_is_a_copy_without_what_says_nothing(self) -> None:
        raw = flag(variants={"a": {"x": [1]}}, defaultVariant=None, targeting={}, metadata={})
        stored = parse_definition(raw).canonical
        raw["variants"]["a"]["x"].append(2)
        assert stored == {"state": "ENABLED", "variants": {"a": {"x": [1]}}}

    def test_canonical_is_valid_and_hashable_as_it_is(self) -> None:
        stored = parse_definition(flag(targeting={"if": [{"var": "vip"}, "on"]}, metadata={"owner": "ada"})).canonical
        assert parse_definition(stored).canonical == stored
        assert canonical_bytes(stored)


class TestType:
    @pytest.mark.parametrize(
        ("values", "kind"),
        [
            ([True, False], FlagType.BOOLEAN),
            (["x", ""], FlagType.STRING),
            ([1, -2], FlagType.INTEGER),
            ([1.0, 2.5], FlagType.FLOAT),
            ([1, 2.5], FlagType.FLOAT),
            ([2.5, 1], FlagType.FLOAT),
            ([{}, {"a": [None]}], FlagType.OBJECT),
        ],
    )
    def test_is_that_of_all_variants(self, values: list[Any], kind: FlagType) -> None:
        assert parse_definition({"state": "ENABLED", "variants": dict(zip("ab", values, strict=True))}).type is kind

    def test_integers_beside_floats_become_floats(self) -> None:
        stored = parse_definition({"state": "ENABLED", "variants": {"a": 1, "b": 2.5}}).canonical
        assert repr(stored["variants"]) == "{'a': 1.0, 'b': 2.5}"

    @pytest.mark.parametrize(
        ("first", "second"), [(True, 1), (1, True), ("x", 1), ({}, "x"), (1.5, True), (True, {}), (1, "x")]
    )
    def test_mixed_types_are_refused(self, first: Any, second: Any) -> None:
        assert list(faults_of({"state": "ENABLED", "variants": {"a": first, "b": second}})) == ["/variants/b"]

    def test_a_third_type_beside_two_kinds_of_numbers_is_refused(self) -> None:
        assert list(faults_of({"state": "ENABLED", "variants": {"a": 1, "b": 2.5, "c": True}})) == ["/variants/c"]

    @pytest.mark.parametrize("value", [None, [1], (1,), b"x"])
    def test_other_types_are_refused(self, value: Any) -> None:
        assert list(faults_of({"state": "ENABLED", "variants": {"a": value}})) == ["/variants/a"]

    @pytest.mark.parametrize("number", [2**53, -(2**53), 1e300, 10**400, float("inf"), float("nan")])
    def test_numbers_that_clients_cannot_hold_are_refused(self, number: float) -> None:
        assert list(faults_of({"state": "ENABLED", "variants": {"a": number}})) == ["/variants/a"]
        assert list(faults_of({"state": "ENABLED", "variants": {"a": {"deep": [number]}}})) == ["/variants/a/deep/0"]
        assert list(faults_of(flag(metadata={"n": number}))) == ["/metadata/n"]
        assert paths_of({"==": [{"var": "n"}, number]}) == ["/targeting/==/1"]

    def test_the_largest_exact_numbers_are_accepted(self) -> None:
        parse_definition({"state": "ENABLED", "variants": {"a": 2**53 - 1, "b": 1 - 2**53}})

    def test_text_that_is_not_unicode_is_refused(self) -> None:
        assert list(faults_of({"state": "ENABLED", "variants": {"a": "\ud800"}})) == ["/variants/a"]
        assert list(faults_of({"state": "ENABLED", "variants": {"a": {"\ud800": 1}}})) == ["/variants/a/\ud800"]

    def test_names_inside_an_object_are_strings(self) -> None:
        assert list(faults_of({"state": "ENABLED", "variants": {"a": {1: 2}}})) == ["/variants/a/1"]


class TestRule:
    def test_unknown_operators_are_refused_where_they_stand(self) -> None:
        assert paths_of({"and": [{"regex": [1]}, {"!": {"a/b": []}}]}) == [
            "/targeting/and/0/regex",
            "/targeting/and/1/!/a~1b",
        ]

    def test_log_is_not_an_operator(self) -> None:
        assert paths_of({"log": "x"}) == ["/targeting/log"]

    def test_an_object_is_one_operator(self) -> None:
        assert paths_of({"if": [{}, {"var": "x", "==": [1, 1]}]}) == ["/targeting/if/0", "/targeting/if/1"]
        assert paths_of({"var": "a", "!": "b"}) == ["/targeting"]

    @pytest.mark.parametrize("sign", ["==", "", "=>", 1, ["="], True])
    def test_sem_ver_compares_with_a_known_sign(self, sign: Any) -> None:
        assert paths_of({"sem_ver": [{"var": "v"}, sign, "1.0.0"]}) == ["/targeting/sem_ver/1"]

    def test_sem_ver_may_compute_its_sign(self) -> None:
        parse_definition(flag(targeting={"sem_ver": [{"var": "v"}, {"var": "sign"}, "1.0.0"]}))


class TestSplit:
    @pytest.mark.parametrize("weight", [-1, 0.5, 1.0, "1", True, None, []])
    def test_weights_are_whole_numbers(self, weight: Any) -> None:
        assert paths_of({"fractional": [["on", weight], ["off", 1]]}) == ["/targeting/fractional/0/1"]

    def test_a_bucketing_value_shifts_the_arms(self) -> None:
        assert paths_of({"fractional": [{"var": "email"}, ["on", 1], ["off", -1]]}) == ["/targeting/fractional/2/1"]

    @pytest.mark.parametrize("arm", ["on", 5, None, [], ["on", 1, 2]])
    def test_an_arm_is_variant_and_weight(self, arm: Any) -> None:
        assert paths_of({"fractional": [["on", 1], arm]}) == ["/targeting/fractional/1"]

    @pytest.mark.parametrize("arguments", [[], [{"var": "email"}], {"var": "email"}, "x"])
    def test_a_split_has_arms(self, arguments: Any) -> None:
        assert paths_of({"fractional": arguments}) == ["/targeting/fractional"]

    def test_the_sum_of_weights_is_bounded(self) -> None:
        parse_definition(flag(targeting={"fractional": [["on", 2**31 - 2], ["off", 1]]}))
        assert paths_of({"fractional": [["on", 2**31 - 1], ["off"]]}) == ["/targeting/fractional"]

    @pytest.mark.parametrize("name", ["ON", "", 1, True, ["on"]])
    def test_a_resulting_arm_names_a_variant(self, name: Any) -> None:
        assert paths_of({"if": [True, {"fractional": [[name, 1]]}]}) == ["/targeting/if/1/fractional/0/0"]

    def test_true_and_numbers_name_variants_too(self) -> None:
        variants = {"true": 1, "2": 2}
        parse_definition({"state": "ENABLED", "variants": variants, "targeting": {"fractional": [[True], [2]]}})

    def test_a_nested_split_names_variants_too(self) -> None:
        nested = {"fractional": [{"var": "x"}, ["on"], ["of"]]}
        assert paths_of({"fractional": [["off", 1], [nested, 1]]}) == ["/targeting/fractional/1/0/fractional/2/0"]

    @pytest.mark.parametrize(
        "rule", [{"==": [{"fractional": [["in"], ["out"]]}, "in"]}, {"fractional": [[None], ["on"]]}]
    )
    def test_labels_that_are_only_compared_and_null_are_free(self, rule: Any) -> None:
        parse_definition(flag(targeting={"if": [rule, "on"]}))

    def test_arms_and_weights_may_be_computed(self) -> None:
        rule = {"fractional": [["on", {"-": [{"var": "$flagd.timestamp"}, 5]}], [{"var": "v"}, 1], {"var": "arm"}]}
        parse_definition(flag(targeting=rule))


class TestSharedRules:
    def test_a_reference_names_a_shared_rule(self) -> None:
        parse_definition(flag(targeting={"if": [{"$ref": "vip"}, "on"]}), evaluators={"vip": {"var": "vip"}})

    @pytest.mark.parametrize("name", ["vop", 1, None, ["vip"]])
    def test_an_unknown_one_is_refused(self, name: Any) -> None:
        assert paths_of({"if": [{"$ref": name}, "on"]}, vip=True) == ["/targeting/if/0/$ref"]

    def test_a_shared_rule_may_not_refer_to_another(self) -> None:
        assert paths_of({"!": {"$ref": "a"}}, a={"and": [{"$ref": "b"}]}, b=True) == ["/targeting/!/$ref"]

    def test_a_fault_inside_it_is_told_at_the_reference(self) -> None:
        faults = faults_of(flag(targeting={"!": {"$ref": "a"}}), a={"regex": 1})
        assert faults == {"/targeting/!/$ref": "in the evaluator 'a': unknown operator 'regex'"}


class TestEvaluators:
    def test_are_rules_by_name(self) -> None:
        rules = {"vip": {"in": [{"var": "plan"}, ["gold"]]}, "half": {"fractional": [["in"], ["out"]]}, "all": True}
        assert parse_evaluators(rules) == rules

    def test_every_fault_is_told(self) -> None:
        with pytest.raises(Invalid) as refusal:
            parse_evaluators({"a": {"regex": 1}, "b": {"!": {"$ref": "a"}}, "": True, "c": {"fractional": [["x", -1]]}})
        paths = [fault.path for fault in refusal.value.faults]
        assert paths == ["/", "/a/regex", "/b/!/$ref", "/c/fractional/0/1"]

    def test_anything_but_an_object_is_refused(self) -> None:
        with pytest.raises(Invalid):
            parse_evaluators([])


def nested(depth: int) -> Any:
    rule: Any = {"var": "x"}
    for _ in range(depth - 1):
        rule = {"!": [rule]}
    return rule


class TestHostileDefinition:
    def test_32_operators_deep_is_the_limit(self) -> None:
        parse_definition(flag(targeting=nested(32)))
        assert paths_of(nested(33)) == ["/targeting" + "/!/0" * 32]

    def test_a_very_deep_one_is_refused_and_not_walked(self) -> None:
        assert paths_of(nested(5_000)) == ["/targeting" + "/!/0" * 32]
        value: Any = {}
        for _ in range(50_000):
            value = {"a": value}
        assert list(faults_of({"state": "ENABLED", "variants": {"a": value}})) == ["/variants/a" + "/a" * 32]

    def test_5000_values_are_the_limit(self) -> None:
        parse_definition(flag(targeting={"in": ["x", [0] * 4_997]}))
        assert paths_of({"in": ["x", [0] * 4_998]}) == ["/targeting/in/1/4997"]

    def test_references_count_with_what_they_refer_to(self) -> None:
        assert paths_of({"and": [{"$ref": "a"}] * 100}, a=[0] * 100) == ["/targeting/and/49/$ref"]

    def test_long_strings_are_refused(self) -> None:
        parse_definition(flag(targeting={"==": [{"var": "x"}, "x" * 10_000]}))
        assert paths_of({"==": [{"var": "x"}, "x" * 10_001]}) == ["/targeting/==/1"]
        assert list(faults_of({"state": "ENABLED", "variants": {"a": "x" * 10_001}})) == ["/variants/a"]

    def test_256_kib_are_the_limit(self) -> None:
        variants = {str(n): "x" * 9_000 for n in range(28)}
        parse_definition({"state": "ENABLED", "variants": variants})
        variants["28"] = variants["29"] = "x" * 9_000
        assert faults_of({"state": "ENABLED", "variants": variants}) == {"": "expected at most 262144 bytes of JSON"}
