"""Why a context gets this variant: the evaluator itself is watched, so that what is told is what happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from domain.flags.evaluation import Evaluation
from domain.flags.explaining.sentences import sentence
from domain.flags.explaining.splits import Arm, Split
from domain.flags.explaining.steps import Step, Steps
from domain.flags.explaining.traces import Trace
from domain.flags.explaining.writing import written
from domain.flags.resolution import Setting, compile_flag
from domain.json_value import Json

__all__ = ["Arm", "Explanation", "Split", "Step", "explain", "written"]

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Explanation:
    """`rule` is None where no rule was looked at: without targeting, disabled, not valid, or for no context."""

    sentence: str
    evaluation: Evaluation
    rule: Step | None


def explain(
    key: str, published: Json, setting: Setting, context: Mapping[str, Any], named: Mapping[str, str] = _NOTHING
) -> Explanation:
    """The same evaluation as that of a flag set; `named` is what `written` gives."""
    trace = Trace()
    evaluation = compile_flag(key, published, setting, trace.compile).resolve(context)
    rule = Steps(key, setting.bucketing, named).of(trace.visit) if trace.visit is not None else None
    return Explanation(sentence(evaluation, rule, context), evaluation, rule)
