"""Rules, contexts and outcomes that are written down hold for this evaluator and for flagd's own."""

import json
from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.contrib.tools.flagd.core.targeting import targeting
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError

from domain.flags import CODE_DEFAULT, Bucketing, compile_flag_set
from domain.flags.jsonlogic import OPERATORS
from domain.flags.rules import AUTHORED
from tests.contract.flag_differences import PYTHON, applying
from tests.contract.visiting import Walk
from tests.vectors import FOLDER, examples, vectors

WRITTEN = vectors("v3")
KEY = "a-flag"
PARTS = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
EXAMPLES = [each for part in PARTS for each in examples(part) if AUTHORED.isdisjoint(each["rule"])]


def case_of(context: dict[str, Any], case: dict[str, Any], said: dict[str, Any], metadata: Any) -> dict[str, Any]:
    """What was found in the form of what is written."""
    return {"context": context, **said, **({"metadata": dict(sorted(metadata.items()))} if "metadata" in case else {})}


@pytest.mark.req("FR-SM-014", "FD-06")
class TestFlags:
    @pytest.mark.parametrize("bucketing", list(Bucketing))
    def test_ours(self, bucketing: Bucketing) -> None:
        written = vectors(bucketing)
        told = written.published(bucketing)
        flags = compile_flag_set(
            told["flags"], revision=1, now=lambda: 0.0, bucketing=bucketing, evaluators=told["$evaluators"],
            metadata=told["metadata"],
        )  # fmt: skip
        for key, case in written.cases:
            found = flags.evaluate(key, case["context"])
            said: dict[str, Any] = {"reason": str(found.reason)}
            if found.value is not CODE_DEFAULT:
                said |= {"value": found.value, "variant": found.variant}
            assert repr(case_of(case["context"], case, said, found.metadata)) == repr(case), key

    def test_flagds(self) -> None:
        core = FlagdCore()
        core.set_flags(json.dumps(WRITTEN.published(Bucketing.V3)))
        for key, case in WRITTEN.cases:
            asked = dict(case["context"])
            context = EvaluationContext(asked.pop("targetingKey", None), asked)
            resolve = getattr(core, f"resolve_{WRITTEN.types[key]}_value")
            try:
                found = resolve(key, None, context)
            except OpenFeatureError:
                assert case["reason"] == "ERROR", key
                continue
            except ZeroDivisionError:
                assert key.startswith(("operators-", "wrong-arguments-")), key  # a listed difference
                continue
            said: dict[str, Any] = {"reason": str(found.reason)}
            if found.variant:
                said |= {"value": found.value, "variant": found.variant}
            assert case_of(case["context"], case, said, dict(found.flag_metadata)) == case, key


@pytest.mark.req("FR-SM-014", "FD-06")
class TestRules:
    @pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: json.dumps(example["rule"], ensure_ascii=False))
    def test_the_value_is_what_is_written(self, example: dict[str, Any]) -> None:
        """To its type; and flagd's evaluator finds the same, unless it is listed why not."""
        rule, bucketing = example["rule"], Bucketing(example.get("bucketing", "v3"))
        walk = Walk(KEY, bucketing, WRITTEN.evaluators)
        for row in example["rows"]:
            scope = {**row["context"], "$flagd": {"flagKey": KEY}, "targetingKey": row["context"].get("targetingKey")}
            assert repr(walk.value(rule, scope)) == repr(row["gives"]), row
            if bucketing is Bucketing.V3 and "$ref" not in rule and not applying(PYTHON, walk.visits(rule, scope)):
                asked = {name: value for name, value in row["context"].items() if name != "targetingKey"}
                theirs = targeting(KEY, rule, EvaluationContext(row["context"].get("targetingKey"), asked))
                assert repr(theirs) == repr(row["gives"]), row

    def test_every_operator_is_described(self) -> None:
        (described,) = [part["groups"] for part in PARTS if "groups" in part]
        names = [name for group in described for operator in group["operators"] for name in operator["names"]]
        assert sorted(names) == sorted([*OPERATORS, *AUTHORED, "$ref"])
