import copy
import pickle
import threading
from typing import Any

import pytest

from domain.flags import CODE_DEFAULT, Bucketing, ErrorCode, Evaluation, FlagSet, Reason, compile_flag_set

NOW = 1_780_000_000.9


def flag(targeting: Any = None, **changes: Any) -> dict[str, Any]:
    raw = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off", **changes}
    return raw if targeting is None else {**raw, "targeting": targeting}


def flag_set(**flags: Any) -> FlagSet:
    return compile_flag_set(flags, revision=7, now=lambda: NOW, metadata={"flagSetId": "acme", "owner": "all"})


def outcome(raw: Any, context: Any = None) -> Evaluation:
    return flag_set(f=raw).evaluate("f", {} if context is None else context)


def shape(evaluation: Evaluation) -> tuple[Any, str | None, str]:
    return evaluation.value, evaluation.variant, evaluation.reason


class TestResolution:
    @pytest.mark.parametrize("targeting", [None, {}])
    @pytest.mark.req("FR-SM-014")
    def test_without_targeting_the_default_is_static(self, targeting: Any) -> None:
        assert shape(outcome(flag(targeting))) == (False, "off", "STATIC")

    def test_a_named_variant_is_a_match(self) -> None:
        assert shape(outcome(flag({"if": [{"var": "vip"}, "on"]}), {"vip": True})) == (True, "on", "TARGETING_MATCH")

    def test_null_falls_to_the_default(self) -> None:
        assert shape(outcome(flag({"if": [{"var": "vip"}, "on"]}))) == (False, "off", "DEFAULT")

    @pytest.mark.parametrize("targeting", [None, {"var": "absent"}])
    def test_no_default_is_the_code_default(self, targeting: Any) -> None:
        for raw in (flag(targeting, defaultVariant=None), {**flag(targeting), "defaultVariant": None}):
            assert shape(outcome(raw)) == (CODE_DEFAULT, None, "DEFAULT")

    @pytest.mark.req("FR-SM-013")
    def test_disabled_succeeds_without_a_value(self) -> None:
        evaluation = outcome(flag({"if": [True, "on"]}, state="DISABLED"))
        assert shape(evaluation) == (CODE_DEFAULT, None, "DISABLED")
        assert not evaluation.failed

    @pytest.mark.parametrize(("result", "name"), [(True, "true"), (False, "false"), (1, "1"), (1.5, "1.5")])
    def test_booleans_and_numbers_name_variants(self, result: Any, name: str) -> None:
        raw = flag({"var": "x"}, variants={"true": "a", "false": "b", "1": "c", "1.5": "d"}, defaultVariant=None)
        assert outcome(raw, {"x": result}).variant == name

    @pytest.mark.parametrize("result", ["ON", 3, True, [], ["on"], {"a": 1}, ""])
    def test_any_other_result_is_an_error(self, result: Any) -> None:
        evaluation = outcome(flag({"var": "x"}), {"x": result})
        assert shape(evaluation) == (CODE_DEFAULT, None, "ERROR")
        assert evaluation.error_code is ErrorCode.GENERAL

    def test_metadata_of_the_flag_stands_over_that_of_the_set(self) -> None:
        raw = flag(metadata={"owner": "ada", "tier": 1})
        for each in (raw, {**raw, "state": "DISABLED"}, {**raw, "targeting": {"var": "x"}}):
            assert outcome(each, {"x": "no"}).metadata == {"flagSetId": "acme", "owner": "ada", "tier": 1}

    def test_float_flags_give_floats(self) -> None:
        assert repr(outcome(flag(variants={"a": 1, "b": 0.5}, defaultVariant="a")).value) == "1.0"

    def test_the_flag_knows_its_key_and_the_time(self) -> None:
        raw = flag({"if": [{"==": [{"var": "$flagd.flagKey"}, "f"]}, {"var": "$flagd.timestamp"}]})
        raw["variants"] = {"on": True, "off": False, "1780000000": True}
        assert outcome(raw).variant == "1780000000"

    def test_the_context_cannot_replace_them(self) -> None:
        raw = flag({"if": [{"==": [{"var": {"var": "name"}}, "f"]}, "on"]})
        context = {"name": "$flagd.flagKey", "$flagd": {"flagKey": "other"}}
        assert outcome(raw, context).variant == "on"
        assert context == {"name": "$flagd.flagKey", "$flagd": {"flagKey": "other"}}


class TestNothingIsRaised:
    def test_an_unknown_flag_is_not_found(self) -> None:
        evaluation = flag_set().evaluate("nope", {})
        assert (evaluation.key, evaluation.error_code, evaluation.reason) == ("nope", "FLAG_NOT_FOUND", Reason.ERROR)

    @pytest.mark.parametrize("context", [None, [], 5, "x", object()])
    def test_a_context_that_is_no_object(self, context: Any) -> None:
        flags = flag_set(f=flag({"if": [{"var": "x"}, "on"]}), g=flag({"if": [{"var": ""}, "on"]}), h=flag())
        assert flags.evaluate("f", context).failed
        assert [each.failed for each in flags.evaluate_all(context)] == [True, True, False]

    def test_a_context_of_foreign_objects(self) -> None:
        raw = flag({"if": [{"<": [{"+": [{"var": "x"}, {"var": "x.y"}]}, {"cat": [{"var": "x"}]}]}, "on"]})
        for foreign in (object(), {1, 2}, b"x", 1j, threading.Lock()):
            assert outcome(raw, {"x": foreign}).key == "f"
            assert outcome(flag({"fractional": [{"var": "x"}, ["on"]]}), {"x": foreign}).variant == "off"

    def test_a_context_that_contains_itself(self) -> None:
        endless: list[Any] = []
        endless.append(endless)
        assert outcome(flag({"cat": [{"var": "x"}]}), {"x": endless}).error_code is ErrorCode.GENERAL
        assert outcome(flag({"fractional": [[{"var": "x"}, 1]]}), {"x": endless, "targetingKey": "u"}).failed

    def test_a_broken_flag_harms_no_other(self) -> None:
        flags = flag_set(broken={"state": "ENABLED", "variants": {"a": 1}, "targeting": {"regex": []}}, fine=flag())
        broken, fine = flags.evaluate_all({})
        assert (broken.error_code, broken.error_details) == (
            "PARSE_ERROR",
            "/targeting/regex: unknown operator 'regex'",
        )
        assert fine.value is False

    def test_mappings_that_are_not_dicts_are_contexts_too(self) -> None:
        from types import MappingProxyType

        assert outcome(flag({"if": [{"var": "a.b"}, "on"]}), MappingProxyType({"a": {"b": 1}})).variant == "on"


class TestFlagSet:
    def test_tells_what_its_flags_share(self) -> None:
        flags = flag_set(a=flag())
        assert (flags.revision, flags.bucketing, flags.metadata) == (
            7,
            Bucketing.V3,
            {"flagSetId": "acme", "owner": "all"},
        )

    def test_evaluates_all_in_order(self) -> None:
        flags = flag_set(b=flag(), a=flag({"var": "x"}))
        assert list(flags.keys) == ["b", "a"]
        assert flags.evaluate_all({"x": "on"}) == [flags.evaluate("b", {}), flags.evaluate("a", {"x": "on"})]

    def test_a_changed_flag_makes_a_new_set_and_leaves_the_old_one(self) -> None:
        old = flag_set(a=flag(), b=flag({"var": "x"}))
        new = old.with_flag("a", flag(defaultVariant="on"), 8)
        assert (old.revision, old.evaluate("a", {}).value) == (7, False)
        assert (new.revision, new.evaluate("a", {}).value) == (8, True)
        assert new.evaluate("b", {"x": "on"}) is old.evaluate("b", {"x": "on"})

    def test_a_flag_can_be_added_and_removed(self) -> None:
        old = flag_set(a=flag())
        assert list(old.with_flag("b", flag(), 8).keys) == ["a", "b"]
        assert old.with_flag("a", None, 8).evaluate("a", {}).error_code is ErrorCode.FLAG_NOT_FOUND
        assert list(old.with_flag("zz", None, 8).keys) == ["a"]

    def test_shared_rules_serve_changed_flags_too(self) -> None:
        flags = compile_flag_set({}, revision=1, now=lambda: NOW, evaluators={"vip": {"var": "vip"}})
        flags = flags.with_flag("a", flag({"if": [{"$ref": "vip"}, "on"]}), 2)
        assert flags.evaluate("a", {"vip": True}).variant == "on"

    @pytest.mark.parametrize(
        ("targeting", "timed"),
        [
            ({"<": [{"var": "$flagd.timestamp"}, 5]}, True),
            ({"var": {"cat": ["$flagd.", "timestamp"]}}, True),
            ({"var": "$flagd"}, True),
            ({"var": ""}, True),
            ({"var": {"var": "name"}}, True),
            ({"var": "$flagd.flagKey"}, False),
            ({"var": "timestamp"}, False),
            ({"map": [{"var": "items"}, {"var": ""}]}, False),
        ],
    )
    def test_knows_whether_time_matters(self, targeting: Any, timed: bool) -> None:  # noqa: FBT001  a table
        flags = flag_set(a=flag(), b=flag(targeting))
        assert flags.time_dependent is timed
        assert not flags.with_flag("b", flag(), 8).time_dependent

    def test_a_shared_rule_that_reads_the_time_counts(self) -> None:
        shared = {"late": {">": [{"var": "$flagd.timestamp"}, 5]}}
        raw = flag({"if": [{"$ref": "late"}, "on"]})
        flags = compile_flag_set({"a": raw}, revision=1, now=lambda: NOW, evaluators=shared)
        assert flags.time_dependent
        assert flags.evaluate("a", {}).variant == "on"

    def test_the_code_default_is_one_object(self) -> None:
        assert pickle.loads(pickle.dumps(CODE_DEFAULT)) is CODE_DEFAULT  # noqa: S301  our own bytes
        assert copy.deepcopy(CODE_DEFAULT) is CODE_DEFAULT
        assert repr(CODE_DEFAULT) == "CODE_DEFAULT"
