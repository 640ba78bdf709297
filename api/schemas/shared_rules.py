"""Shared rules (`$evaluators`) on the wire."""

from datetime import datetime
from uuid import UUID

from api.schemas.common import In, Object, Out, Reason
from application.ports.records import StoredFlag
from application.shared_rules import Segment
from domain.environments import Environment


class SharedRulesIn(In):
    """All of them, by name: what is not named is gone."""

    evaluators: Object
    reason: Reason


class SharedRulesOut(Out):
    """Version 0 holds none and was written by nobody."""

    environment: Environment
    version: int
    evaluators: Object
    origin: str | None
    written_by: UUID | None
    written_at: datetime | None

    @classmethod
    def of(cls, environment: Environment, rules: StoredFlag | None) -> "SharedRulesOut":
        if rules is None:
            return cls(environment=environment, version=0, evaluators={}, origin=None, written_by=None, written_at=None)
        return cls(
            environment=environment, version=rules.version, evaluators=rules.definition, origin=rules.origin,
            written_by=rules.written_by, written_at=rules.written_at,
        )  # fmt: skip


class SharedRulesPage(Out):
    items: list[SharedRulesOut]
    next_cursor: str | None

    @classmethod
    def of(cls, environment: Environment, page: tuple[list[StoredFlag], str | None]) -> "SharedRulesPage":
        return cls(items=[SharedRulesOut.of(environment, rules) for rules in page[0]], next_cursor=page[1])


class SegmentOut(Out):
    """`flags` are the keys of those that name it."""

    name: str
    description: str | None
    owner: str | None
    flags: list[str]

    @classmethod
    def of(cls, segment: Segment) -> "SegmentOut":
        return cls(
            name=segment.name, description=segment.description, owner=segment.owner, flags=list(segment.flags)
        )  # fmt: skip


class SegmentPage(Out):
    items: list[SegmentOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Segment], str | None]) -> "SegmentPage":
        return cls(items=[SegmentOut.of(segment) for segment in page[0]], next_cursor=page[1])
