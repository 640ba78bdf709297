"""An explanation is the evaluation itself, watched: it ends as that does, and what it calls decisive is enough."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.flags import Bucketing, compile_flag_set
from domain.flags.authoring import plain
from domain.flags.explaining import Explanation, Step, explain, written
from domain.flags.iteration import FORMS as ITERATIONS
from domain.flags.resolution import Setting
from tests.contract.flag_pairs import EVALUATORS, NOW, Author

KEY = "checkout"
SHARED: dict[str, Any] = {**EVALUATORS, "german": {"in": [{"var": "country"}, ["DE", "AT"]]}}


def setting(bucketing: Bucketing = Bucketing.V3) -> Setting:
    return Setting(bucketing, {"flagSetId": "acme"}, SHARED, lambda: NOW)


def flag(targeting: Any, **changes: Any) -> dict[str, Any]:
    variants = {"blue": "b", "green": "g"}
    return {"state": "ENABLED", "variants": variants, "defaultVariant": "green", "targeting": targeting, **changes}


def explained(targeting: Any, /, **context: Any) -> Explanation:
    return explain(KEY, flag(targeting), setting(), context)


def steps(step: Step | None) -> Iterator[Step]:
    if step is not None:
        yield step
        for each in step.steps:
            yield from steps(each)


def at(definition: Any, place: str) -> Any:
    """What a JSON Pointer names, in the definition or among the shared rules."""
    found: Any = {"$evaluators": SHARED, **definition}
    for step in place.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        found = found[int(name)] if isinstance(found, list) else found[name]
    return found


def decisive(step: Step, definition: Any) -> Any:
    """A rule made of the decisive steps alone."""
    kept = [each for each in step.steps if each.decided]
    if step.operator is None or step.operator == "fractional" or step.operator in ITERATIONS:
        return at(definition, step.pointer)
    made = [decisive(each, definition) for each in kept]
    if step.operator == "$ref":
        return made[0]
    if step.operator in {"if", "?:"}:
        places = [index for index, each in enumerate(step.steps) if each.decided]
        if len(places) == 2 and places[-1] % 2:
            return {"if": made}
        return made[0] if [len(step.steps) - 1] == places and len(places) % 2 else {"if": [{"or": made}, "wrong"]}
    if step.operator in {"and", "or"}:
        return {step.operator: made}
    operands = [decisive(each, definition) if each.looked_at else at(definition, each.pointer) for each in step.steps]
    return operands if step.operator == "[]" else {step.operator: operands}


@pytest.mark.req("FL5")
class TestHonesty:
    @settings(max_examples=120, deadline=None)
    @given(seed=st.integers(0, 2**32), bucketing=st.sampled_from(Bucketing))
    def test_it_ends_as_the_evaluation_does_and_its_decisive_steps_do(self, seed: int, bucketing: Bucketing) -> None:
        author = Author(seed)
        flags, contexts = author.flags(4), author.contexts(4)
        evaluated = compile_flag_set(
            flags, revision=1, now=lambda: NOW, bucketing=bucketing, evaluators=SHARED, metadata={"flagSetId": "acme"}
        )
        for key, definition in flags.items():
            for context in contexts:
                told = explain(key, definition, setting(bucketing), context)
                assert told.evaluation == evaluated.evaluate(key, context)
                json.dumps([str(told.sentence), *(each.operands for each in steps(told.rule))], allow_nan=False)
                if told.rule is None:
                    continue
                rule = decisive(told.rule, definition)
                shorter = {**definition, "targeting": rule if isinstance(rule, dict) else {"if": [True, rule]}}
                again = compile_flag_set(
                    {key: shorter}, revision=1, now=lambda: NOW, bucketing=bucketing, evaluators=SHARED
                ).evaluate(key, context)
                assert (again.value, again.variant, again.reason) == (
                    told.evaluation.value, told.evaluation.variant, told.evaluation.reason,
                )  # fmt: skip

    @settings(max_examples=60, deadline=None)
    @given(seed=st.integers(0, 2**32), bucketing=st.sampled_from(Bucketing))
    def test_the_bucket_lies_within_the_arm_that_gives_the_result(self, seed: int, bucketing: Bucketing) -> None:
        author = Author(seed)
        for key, definition in author.flags(4).items():
            for context in author.contexts(4):
                for step in steps(explain(key, definition, setting(bucketing), context).rule):
                    if step.split is None or step.failed:
                        continue
                    arm = step.split.taken
                    assert (arm.variant if arm else None) == step.result
                    if arm is not None:
                        first, bucket, last = arm.first, step.split.bucket, arm.last
                        assert first is not None and bucket is not None and last is not None  # noqa: PT018 -- for its types
                        assert first <= bucket <= last
                        assert sum(each.weight for each in step.split.arms) == step.split.total

    def test_what_was_not_looked_at_says_so_and_nothing_more(self) -> None:
        targeting = {"if": [{"or": [{"var": "a"}, {"var": "b"}]}, "blue", {"var": "c"}, "green"]}
        told = explained(targeting, a=1, b=2, c=3)
        unseen = {each.pointer for each in steps(told.rule) if not each.looked_at}
        assert unseen == {"/targeting/if/0/or/1", "/targeting/if/2", "/targeting/if/3"}
        assert all(each.result is None and not each.steps for each in steps(told.rule) if not each.looked_at)

    def test_a_shared_rule_is_named_and_told_at_its_own_place(self) -> None:
        told = explained({"if": [{"$ref": "german"}, "blue", {"!": {"$ref": "german"}}, "green"]}, country="FR")
        named = [(each.pointer, each.refers_to, each.result) for each in steps(told.rule) if each.refers_to]
        assert named == [("/targeting/if/0", "german", False), ("/targeting/if/2/!", "german", False)]
        inside = [each.pointer for each in steps(told.rule) if each.operator == "in"]
        assert inside == ["/$evaluators/german/in"[:-3]] * 2

    def test_an_evaluation_that_breaks_off_says_where(self) -> None:
        infinite = {"*": [{"var": "n"}, {"var": "n"}]}
        told = explained({"if": [{"and": [{"var": "n"}, {"substr": ["x", infinite]}]}, "blue"]}, n=1e308)
        assert told.evaluation.failed
        assert [each.pointer for each in steps(told.rule) if each.failed][-1] == "/targeting/if/0/and/1"


@pytest.mark.req("FL5")
class TestBounds:
    def test_of_many_items_the_first_and_the_last_are_told(self) -> None:
        rule = {"some": [{"var": "many"}, {"==": [{"var": ""}, 900]}]}
        told = explained({"if": [rule, "blue"]}, many=list(range(1000)))
        some = next(each for each in steps(told.rule) if each.operator == "some")
        assert some.items == 901
        bodies = [each for each in some.steps if each.operator == "=="]
        assert [(each.operands, each.decided) for each in bodies] == [
            ([0, 900], False), ([1, 900], False), ([2, 900], False), ([900, 900], True),
        ]  # fmt: skip

    def test_iterations_within_each_other_stay_few(self) -> None:
        rule: Any = {"==": [{"var": ""}, 3]}
        for _ in range(5):
            rule = {"all": [[1, 2, 3], {"!": rule}]}
        told = explained({"if": [rule, "blue"]})
        assert len(list(steps(told.rule))) < 500

    @pytest.mark.parametrize(
        "value", ["x" * 5000, list(range(5000)), {str(n): n for n in range(5000)}, [[[["x" * 999]]]]]
    )
    def test_large_values_are_cut(self, value: Any) -> None:
        told = explained({"if": [{"!!": {"var": "a"}}, "blue"]}, a=value)
        assert told.evaluation.variant == "blue"
        assert max(len(json.dumps(each.result)) for each in steps(told.rule)) < 800
        assert len(told.sentence) < 200

    def test_numbers_that_json_has_not_are_texts(self) -> None:
        told = explained({"if": [{"!": {"+": [{"var": "a"}]}}, "blue", {"*": [2**53 - 1, {"var": "b"}]}]}, a="x", b=3)
        assert {each.operator: each.result for each in steps(told.rule)}["+"] == "nan"
        assert told.evaluation.variant == "blue"


DEFAULT = "this is its default variant"
CODE = "the default of the application's code"
SPLIT = {"fractional": [["blue", 25_000], ["green", 75_000]]}
AUTHORED = {
    "off": "green",
    "force": {"attribute": "tenant", "off": ["acme"], "on": {"blue": ["initech"]}},
    "targets": {"blue": ["zoe"]},
    "rules": [
        {"when": {"attribute": "country", "is": ["DE"]}, "serve": "blue"},
        {
            "when": {"attribute": "age", "atLeast": 18},
            "serve": {"split": [["blue", 25], ["green", 75]], "by": "company"},
        },
    ],
}


@pytest.mark.req("FL5")
class TestSentences:
    @pytest.mark.parametrize(
        ("targeting", "context", "told"),
        [
            ({"if": [{"==": [{"var": "country"}, "DE"]}, "blue"]}, {"country": "DE"},
             "This context gets `blue`: rule 1 matched (country is DE)."),
            ({"if": [{"==": [{"var": "country"}, "DE"]}, "blue"]}, {"country": "FR"},
             f"This context gets `green`: rule 1 did not match (country (FR) is not DE), {DEFAULT}."),
            ({"if": [{"and": [{"var": "vip"}, {">": [{"var": "age"}, 17]}]}, "blue"]}, {"vip": 1, "age": 7},
             f"This context gets `green`: rule 1 did not match (age (7) is not > 17), {DEFAULT}."),
            ({"if": [{"in": [{"var": "plan"}, ["a", "b"]]}, "blue", {"or": [{"var": "vip"}]}, "blue"]}, {},
             f"This context gets `green`: no rule matched, {DEFAULT}."),
            ({"if": [{"!": {"or": [{"var": "vip"}, {"sem_ver": [{"var": "v"}, "^", "1"]}]}}, "blue"]}, {"v": "2.0"},
             "This context gets `blue`: rule 1 matched (vip is absent and v (2.0) is not ^ 1)."),
            ({"if": [{"var": "a"}, "green", {"if": [{"<": [{"var": "age"}, 18]}, "blue"]}]}, {"age": 7},
             "This context gets `blue`: rule 2 matched (age (7) < 18)."),
            ({"if": [{"and": [{"ends_with": [{"var": "mail"}, "@a.org"]}, {"sem_ver": [{"var": "v"}, ">=", "1.2"]}]},
                     "blue"]},
             {"mail": "x@a.org", "v": "1.4.0"},
             "This context gets `blue`: rule 1 matched (mail (x@a.org) ends with @a.org and v (1.4.0) >= 1.2)."),
            ({"if": [{"!": {"$ref": "german"}}, "blue"]}, {"country": "FR"},
             "This context gets `blue`: rule 1 matched (`german` does not hold)."),
            (SPLIT, {},
             "This context gets `green`: there is no targeting key to be bucketed by, this is its default variant."),
            ({"if": [{"var": "vip"}, SPLIT]}, {"targetingKey": "globex", "vip": True},
             ("globex gets `green`: rule 1 matched (vip is true), "
             "share 75 %: bucket N of 100,000 is within 25,000 to 99,999.")),
            ({"var": "country"}, {"country": "moon"},
             f"This context gets {CODE}: the targeting gave 'moon', which is not a variant."),
        ],
    )  # fmt: skip
    def test_it_says_who_gets_what_and_why(self, targeting: Any, context: dict[str, Any], told: str) -> None:
        assert re.sub(r"bucket [0-9,]+", "bucket N", explain(KEY, flag(targeting), setting(), context).sentence) == told

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"state": "DISABLED"}, f"{CODE}: the flag is disabled."),
            ({"targeting": {}}, "`green`: there is no targeting, this is its default variant."),
            (
                {"targeting": {}, "defaultVariant": None},
                f"{CODE}: there is no targeting, the flag has no default variant.",
            ),
        ],
    )
    def test_without_a_rule(self, changes: dict[str, Any], told: str) -> None:
        definition = {**flag(SPLIT), **changes}
        found = explain(KEY, definition, setting(), {"targetingKey": "globex"})
        assert (found.sentence, found.rule) == (f"globex gets {told}", None)

    @pytest.mark.parametrize(
        ("context", "told"),
        [
            ({"tenant": "acme"}, "`green`: force/off matched (tenant is acme)."),
            ({"tenant": "initech"}, "`blue`: force/on/blue matched (tenant is initech)."),
            ({"targetingKey": "zoe"}, "`blue`: targets/blue matched (targetingKey is zoe)."),
            ({"country": "DE"}, "`blue`: rules/0 matched (country is DE)."),
            (
                {"age": 18},
                f"`green`: rules/1 matched (age is 18 and age (18) >= 18), company is absent, {DEFAULT}.",
            ),
        ],
    )
    def test_an_authored_rule_is_named_as_it_was_written(self, context: dict[str, Any], told: str) -> None:
        definition = {**flag(None), "authoring": AUTHORED}
        definition.pop("targeting")
        found = explain(KEY, plain(definition), setting(), context, written(definition, SHARED))
        assert found.sentence.partition(" gets ")[2] == told

    def test_addresses_and_prerequisites_are_named_where_they_stood(self) -> None:
        rule = {"and": [{"ip_range": [{"var": "ip"}, "10.0.0.0/8"]}, {"$flag": ["basket", "on"]}, {"$ref": "near"}]}
        near = {"ip_range": [{"var": "ip"}, "10.1.0.0/16"]}
        assert written(flag({"if": [rule, "blue"]}), {"near": near}) == {
            "/targeting/if/0/and/0": "the address range",
            "/targeting/if/0/and/1": "prerequisite `basket`",
            "/$evaluators/near": "the address range",
        }
