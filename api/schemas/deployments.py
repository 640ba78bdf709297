"""What those who watch a deployment are told, on the wire."""

from datetime import datetime
from typing import Any
from uuid import UUID

from api.schemas.common import Out
from api.schemas.rollouts import CheckOut, TransitionOut
from application.ports.records import Check
from domain.environments import Environment
from domain.instances import Convergence
from domain.rollouts import Rollout, Transition
from domain.rollouts.lasting import Spans, deadline_of, held_for
from domain.rollouts.parts import Part, PartState


class PartOut(Out):
    """`stage` is the one from which it is served, `revision` what an instance must hold to serve it."""

    ordinal: int
    tenant: str
    environment: Environment
    kind: str
    key: str
    base_version: int
    live_version: int
    stage: int
    state: PartState
    revision: int
    why: str

    @classmethod
    def of(cls, part: Part) -> "PartOut":
        return cls(
            ordinal=part.ordinal, tenant=part.slug, environment=part.environment, kind=part.kind.value, key=part.key,
            base_version=part.base_version, live_version=part.live_version, stage=part.stage, state=part.state,
            revision=part.revision, why=part.why,
        )  # fmt: skip


class PartPage(Out):
    items: list[PartOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Part], str | None]) -> "PartPage":
        return cls(items=[PartOut.of(part) for part in page[0]], next_cursor=page[1])


class ConvergenceOut(Out):
    """Of `live` instances that it concerns `holding` hold what was exposed; the plan asks for the share `wanted`."""

    live: int
    holding: int
    share: float
    wanted: float

    @classmethod
    def of(cls, convergence: Convergence, rollout: Rollout) -> "ConvergenceOut":
        return cls(
            live=convergence.live, holding=convergence.holding, share=convergence.share, wanted=rollout.plan.converge
        )


class MoveOut(TransitionOut):
    """`hold` says why it is held since, `deadline` until when at the longest."""

    hold: str | None
    deadline: datetime | None

    @classmethod
    def told(cls, line: Transition, rollout: Rollout) -> "MoveOut":
        hold = held_for(line)
        return cls(
            **TransitionOut.of(line, rollout).model_dump(), hold=hold.value if hold else None,
            deadline=deadline_of(rollout.plan, line),
        )  # fmt: skip


class DurationsOut(Out):
    """Seconds of each part; together they are the whole."""

    progression: float
    manual_wait: float
    blind: float

    @classmethod
    def of(cls, spans: Spans) -> "DurationsOut":
        return cls(
            progression=spans.progression.total_seconds(), manual_wait=spans.manual_wait.total_seconds(),
            blind=spans.blind.total_seconds(),
        )  # fmt: skip


class EndOut(Out):
    deployment: UUID
    state: str
    cause: str | None

    @classmethod
    def of(cls, rollout: Rollout) -> "EndOut":
        return cls(deployment=rollout.id, state=rollout.state.value, cause=rollout.cause)


def told(word: Transition | Check, rollout: Rollout) -> tuple[str, dict[str, Any]]:
    """The name of the event, and what it says."""
    if isinstance(word, Transition):
        return "transition", MoveOut.told(word, rollout).model_dump(mode="json")
    return "check", CheckOut.of(word).model_dump(mode="json")
