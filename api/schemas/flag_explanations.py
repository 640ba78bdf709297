"""Explanations of evaluations on the wire."""

from pydantic import Field

from api.schemas.common import In, Object, Out, Version
from api.schemas.flags import EvaluationOut
from application.explaining import Explained, Question
from domain.canonical import Json
from domain.flags.explaining import Arm, Split, Step


class ExplainIn(In):
    """About what is served; about a version, or about a definition that is not stored, where one is given."""

    context: Object = Field(default_factory=dict)
    version: Version | None = None
    definition: Object | None = None

    def question(self) -> Question:
        return Question(self.context, self.version, self.definition)


class ArmOut(Out):
    """`first` and `last`: its buckets; null where it has none."""

    variant: Json
    weight: int
    first: int | None
    last: int | None
    taken: bool

    @classmethod
    def of(cls, arm: Arm) -> "ArmOut":
        return cls(variant=arm.variant, weight=arm.weight, first=arm.first, last=arm.last, taken=arm.taken)


class SplitOut(Out):
    """`bucket` = (`hash` * `total`) >> 32; both are null where the context has nothing to be bucketed by."""

    by: Json
    names_nothing: bool = Field(description="so `by` is the flag's key with the targeting key")
    hash: int | None
    bucket: int | None
    total: int
    arms: list[ArmOut]

    @classmethod
    def of(cls, split: Split) -> "SplitOut":
        return cls(
            by=split.by, names_nothing=split.shorthand, hash=split.hash, bucket=split.bucket, total=split.total,
            arms=[ArmOut.of(arm) for arm in split.arms],
        )  # fmt: skip


class StepOut(Out):
    """One operator of the published rule, or with `operator` null a value that stands there.

    Of large values the beginning is shown, and of iterations the first items and the last.
    """

    pointer: str
    operator: str | None
    looked_at: bool
    decided: bool
    failed: bool
    operands: list[Json]
    result: Json
    refers_to: str | None = Field(description="The shared rule that stands here.")
    written: str | None = Field(description="What people wrote that is published so.")
    items: int | None = Field(description="How many items an iteration looked at.")
    split: SplitOut | None
    steps: list["StepOut"]

    @classmethod
    def of(cls, step: Step) -> "StepOut":
        return cls(
            pointer=step.pointer, operator=step.operator, looked_at=step.looked_at, decided=step.decided,
            failed=step.failed, operands=step.operands, result=step.result, refers_to=step.refers_to,
            written=step.written, items=step.items, split=SplitOut.of(step.split) if step.split else None,
            steps=[StepOut.of(each) for each in step.told],
        )  # fmt: skip


class ExplanationOut(Out):
    """`rule` is null where no rule was looked at; the revision is that of what is served, whatever was asked about."""

    sentence: str
    evaluation: EvaluationOut
    bucketing: str
    rule: StepOut | None

    @classmethod
    def of(cls, explained: Explained) -> "ExplanationOut":
        told = explained.explanation
        return cls(
            sentence=told.sentence, evaluation=EvaluationOut.of(told.evaluation, explained.revision),
            bucketing=explained.bucketing.value, rule=StepOut.of(told.rule) if told.rule else None,
        )  # fmt: skip
