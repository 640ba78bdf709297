"""What a change of flags would do to contexts, and what of contexts is sampled, on the wire."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.schemas.common import In, Object, Out, Reason
from application.flag_impact.asking import Answer
from application.flag_impact.sampling import SamplingView
from application.flag_impact.weighing import Source
from domain.canonical import Json
from domain.environments import Environment
from domain.flags.impact import Example
from domain.flags.sampling import MOST_ATTRIBUTES, MOST_CONTEXTS, Sampling, parse_sampling

Contexts = Annotated[list[Object], Field(min_length=1, max_length=MOST_CONTEXTS)]
Names = Annotated[list[str], Field(max_length=MOST_ATTRIBUTES, examples=[["plan", "country"]])]


class SamplingIn(In):
    """Attributes that are named nowhere are dropped; the targeting key is hashed, unless it stands in `plain`.

    A `capacity` of 0 turns sampling off, and deletes what was sampled.
    """

    plain: Names = Field(default_factory=list)
    hashed: Names = Field(default_factory=list)
    capacity: Annotated[int, Field(strict=True, examples=[500])]
    reason: Reason

    def sampling(self) -> Sampling:
        return parse_sampling(self.plain, self.hashed, self.capacity)


class SamplingOut(Out):
    """`contexts` are held now; `since`: the one that was not seen for longest was seen last then, to the hour."""

    environment: Environment
    version: int
    plain: list[str]
    hashed: list[str]
    capacity: int
    written_at: datetime | None
    contexts: int
    since: datetime | None

    @classmethod
    def of(cls, view: SamplingView) -> "SamplingOut":
        return cls(
            environment=view.environment, version=view.version, **view.sampling.to_json(), written_at=view.written_at,
            contexts=view.sampled.contexts, since=view.sampled.since,
        )  # fmt: skip


class ImpactIn(In):
    """Without `contexts` those that were sampled are looked at."""

    contexts: Contexts | None = None


class DraftImpactIn(ImpactIn):
    definition: Object


class OutcomeOut(Out):
    """`variant` is null where the code's own default holds; `reason` may be what is wrong, as FLAG_NOT_FOUND."""

    variant: str | None
    reason: str


class MoveOut(Out):
    before: OutcomeOut
    after: OutcomeOut
    times: int


class FlagImpactOut(Out):
    """Of the `changed` so many get another value, and so many another variant; else only the reason changes."""

    key: str
    changed: int
    unchanged: int
    unknown: int
    values: int
    variants: int
    moves: list[MoveOut]


class SegmentImpactOut(Out):
    """A shared rule: `contexts` are in it, of which so many change; of `unknown` it cannot be told."""

    name: str
    contexts: int
    changed: int
    unknown: int


class ExampleOut(Out):
    """`index` is its place in the request; `context` is as it was sampled, null where it is not shown."""

    index: int
    key: str
    before: OutcomeOut
    after: OutcomeOut
    context: Object | None

    @classmethod
    def of(cls, example: Example, answer: Answer) -> "ExampleOut":
        shown = answer.contexts[example.index] if answer.contexts is not None else None
        before, after = (OutcomeOut(**side._asdict()) for side in (example.before, example.after))
        context = None if shown is None else dict(shown)
        return cls(index=example.index, key=example.key, before=before, after=after, context=context)


class CountedOut(Out):
    """A context changes where the value, the variant or the reason of any flag does.

    `changed` + `unchanged` + `unknown` are all `contexts`: it is not known where a rule reads what was hashed or
    dropped, other than for equality or a share. The share of the changed lies `between` these two at 95 %, of what is
    known; with `hashed` targeting keys other subjects stand in their places, so that shares are right and subjects are
    not. `touched` flags can change at all, of which the most changed are told.
    """

    source: Source
    hashed: bool
    contexts: int
    changed: int
    unchanged: int
    unknown: int
    between: tuple[float, float] | None
    touched: int
    flags: list[FlagImpactOut]
    segments: list[SegmentImpactOut]

    @classmethod
    def told(cls, impact: Json) -> "CountedOut | None":
        return None if impact is None else cls.model_validate(impact)


class ImpactOut(CountedOut):
    """With a few contexts that change."""

    examples: list[ExampleOut]

    @classmethod
    def of(cls, answer: Answer) -> "ImpactOut":
        examples = [ExampleOut.of(each, answer) for each in answer.weighed.impact.examples]
        return cls(**answer.weighed.told(), examples=examples)
