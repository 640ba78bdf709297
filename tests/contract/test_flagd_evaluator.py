"""The client's evaluator is one by flagd's protocol: it answers as it is written, wherever flagd's own could stand."""

import copy
import json
from typing import Any

import pytest
from changegate.flagd_evaluator import FlagdEvaluator
from openfeature.contrib.tools.flagd.api import Evaluator, FlagStoreError
from openfeature.evaluation_context import EvaluationContext

from domain.flags import Bucketing
from tests.vectors import vectors

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}


def document(**flags: Any) -> dict[str, Any]:
    return {"flags": flags, "metadata": {"team": "web"}}


@pytest.mark.req("FR-SM-014", "FD-06")
class TestFlagdEvaluator:
    @pytest.mark.parametrize("bucketing", list(Bucketing))
    def test_gives_what_is_written(self, bucketing: Bucketing) -> None:
        written = vectors(bucketing)
        evaluator: Evaluator = FlagdEvaluator(bucketing)
        evaluator.set_flags(json.dumps(written.published(bucketing)))
        for key, case in written.cases:
            asked = dict(case["context"])
            context = EvaluationContext(asked.pop("targetingKey", None), asked)
            found = getattr(evaluator, f"resolve_{written.types[key]}_value")(key, None, context)
            said = {"reason": str(found.reason)} if found.variant is None else {
                "reason": str(found.reason), "value": found.value, "variant": found.variant
            }  # fmt: skip
            wanted = {name: case[name] for name in ("reason", "value", "variant") if name in case}
            assert repr(said) == repr(wanted), key

    def test_tells_which_flags_are_others_than_before(self) -> None:
        evaluator = FlagdEvaluator()
        assert evaluator.set_flags_and_get_changed_keys(document(a=FLAG, b=FLAG)) == ["a", "b"]
        other = {**FLAG, "defaultVariant": "off"}
        assert evaluator.set_flags_and_get_changed_keys(document(a=FLAG, b=other, c=FLAG)) == ["b", "c"]
        assert evaluator.get_flag_set_metadata() == {"team": "web"}
        listed = {**document(), "flags": [{"key": "a", **FLAG}]}
        assert evaluator.set_flags_and_get_changed_keys(listed) == ["b", "c"]

    @pytest.mark.parametrize("wrong", ["{", "[]", {"flags": 7}, {"flags": {}, "metadata": {"bucketing": "v1"}}])
    def test_keeps_what_it_has_when_told_something_else(self, wrong: Any) -> None:
        evaluator = FlagdEvaluator()
        evaluator.set_flags(document(a=FLAG))
        with pytest.raises(FlagStoreError):
            evaluator.set_flags(copy.deepcopy(wrong))
        assert evaluator.resolve_boolean_value("a", default_value=False).value is True
