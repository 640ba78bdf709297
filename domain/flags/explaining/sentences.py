"""One sentence says who gets what, and why: which rule matched on which values, and which share has the bucket."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from domain.flags.evaluation import Evaluation, Reason
from domain.flags.explaining.conditions import statement, value_text
from domain.flags.explaining.splits import Split
from domain.flags.explaining.steps import CHOICES, SPLIT, Step

_CODE: Final = "the default of the application's code"
_ONE_RULE: Final = (2, 3)
"""Operands of a choice with one condition: its value, and maybe another otherwise."""


def sentence(evaluation: Evaluation, rule: Step | None, context: Mapping[str, Any]) -> str:
    key = context.get("targetingKey")
    who = value_text(key) if isinstance(key, str) and key else "This context"
    what = _CODE if evaluation.variant is None else f"`{evaluation.variant}`"
    return f"{who} gets {what}: {', '.join(_reasons(evaluation, rule))}."


def _reasons(evaluation: Evaluation, rule: Step | None) -> list[str]:
    if evaluation.reason is Reason.DISABLED:
        return ["the flag is disabled"]
    if evaluation.reason is Reason.ERROR:
        return [evaluation.error_details or "the evaluation failed"]
    default = "the flag has no default variant" if evaluation.variant is None else "this is its default variant"
    if rule is None:
        return ["there is no targeting", default]
    reasons = list(_decided(rule))
    return reasons if evaluation.reason is Reason.TARGETING_MATCH else [*reasons, default]


def _decided(step: Step, before: int = 0, *, inner: bool = False) -> Iterator[str]:
    """What led to the result; `before` is the number of rules that stand before those of this choice."""
    if step.operator in CHOICES:
        yield from _guarded(step) if inner and len(step.steps) in _ONE_RULE else _chosen(step, before)
    elif step.split is not None:
        yield _shared_out(step.split)
        yield from (each for arm in step.told if _is_taken(arm) for each in _decided(arm, inner=True))
    elif step.refers_to is not None and step.steps[0].operator in {*CHOICES, SPLIT}:
        yield from _decided(step.steps[0], inner=inner)
    elif step.operator is not None:
        yield statement(step)


def _chosen(choice: Step, before: int) -> Iterator[str]:
    rules = list(zip(choice.steps[::2], choice.steps[1::2], strict=False))
    for number, (condition, value) in enumerate(rules, before + 1):
        if value.looked_at:
            yield f"{_name(value, number)} matched ({statement(condition)})"
            yield from _decided(value, inner=True)
            return
    otherwise = choice.steps[-1] if len(choice.steps) % 2 else None
    if otherwise is not None and otherwise.operator in CHOICES:
        yield from _decided(otherwise, before + len(rules))
        return
    if len(rules) == 1 and before == 0:
        ((condition, value),) = rules
        yield f"{_name(value, 1)} did not match ({statement(condition)})"
    elif rules:
        yield "no rule matched"
    if otherwise is not None:
        yield from _decided(otherwise, inner=True)


def _name(value: Step, number: int) -> str:
    return value.written or f"rule {number}"


def _guarded(choice: Step) -> Iterator[str]:
    """What a rule gives may have a condition of its own, which says nothing where it holds for a split."""
    condition, value, *_ = choice.steps
    if value.operator != SPLIT or not value.looked_at:
        yield statement(condition)
    for each in choice.steps[1:]:
        if each.looked_at:
            yield from _decided(each, inner=True)


def _is_taken(step: Step) -> bool:
    """A rule that gives the variant of the arm: one for a weight says nothing more than the arms do."""
    return step.looked_at and step.decided and step.pointer.endswith("/0") and step.operator in {*CHOICES, SPLIT}


def _shared_out(split: Split) -> str:
    arm = split.taken
    if arm is not None and arm.first is not None and arm.last is not None:
        return (
            f"share {100 * arm.weight / split.total:.6g} %: "
            f"bucket {split.bucket:,} of {split.total:,} is within {arm.first:,} to {arm.last:,}"
        )
    if split.hash is None and split.shorthand:
        return "there is no targeting key to be bucketed by"
    return "there is nothing to be bucketed by" if split.hash is None else "nobody has a share"
