"""Rules, contexts and outcomes that are written down hold for this evaluator and for flagd's own."""

import json
from pathlib import Path
from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError

from domain.flags import CODE_DEFAULT, compile_flag_set

VECTORS = json.loads((Path(__file__).parent / "flag_vectors.json").read_text(encoding="utf-8"))
DEFINITIONS = {key: each["definition"] for key, each in VECTORS["flags"].items()}
CASES = [
    pytest.param(key, each["type"], case, id=f"{key}-{number}")
    for key, each in VECTORS["flags"].items()
    for number, case in enumerate(each["cases"])
]


@pytest.fixture(scope="module")
def reference() -> FlagdCore:
    made = FlagdCore()
    made.set_flags(json.dumps({"flags": DEFINITIONS, "$evaluators": VECTORS["evaluators"]}))
    return made


@pytest.mark.req("FR-SM-014")
@pytest.mark.parametrize(("key", "kind", "case"), CASES)
def test_both_find_what_is_written(key: str, kind: str, case: dict[str, Any], reference: FlagdCore) -> None:
    ours = compile_flag_set(DEFINITIONS, revision=1, now=lambda: 0.0, evaluators=VECTORS["evaluators"])
    found = ours.evaluate(key, case["context"])
    value = {} if found.value is CODE_DEFAULT else {"value": found.value, "variant": found.variant}
    assert repr({"context": case["context"], "reason": str(found.reason), **value}) == repr(case)
    asked = dict(case["context"])
    context = EvaluationContext(asked.pop("targetingKey", None), asked)
    try:
        theirs = getattr(reference, f"resolve_{kind}_value")(key, None, context)
    except OpenFeatureError:
        assert case["reason"] == "ERROR"
        return
    assert (theirs.value, theirs.variant or None, str(theirs.reason)) == (
        case.get("value"), case.get("variant"), case["reason"],
    )  # fmt: skip
