"""Destinations of messages on the wire: what they are told, and never where exactly."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.schemas.common import In, Out, Reason
from application.destinations import DestinationWish
from application.ports.outward import Destination, DestinationKind
from domain.environments import Environment

NAME = r"^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$"


class DestinationIn(In):
    """No events are all of them, no environments all environments. The address is sealed and not shown again."""

    kind: DestinationKind
    url: Annotated[str | None, Field(max_length=2000, examples=["https://hooks.example/services/T0/B0/x"])] = None
    secret: Annotated[str | None, Field(max_length=300, description="Signs what a webhook is sent.")] = None
    addresses: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    events: Annotated[tuple[str, ...], Field(max_length=30, examples=[["approval_requested"]])] = ()
    environments: Annotated[tuple[Environment, ...], Field(max_length=4)] = ()
    enabled: bool = True
    reason: Reason

    def wish(self) -> DestinationWish:
        events, environments = tuple(dict.fromkeys(self.events)), tuple(dict.fromkeys(self.environments))
        return DestinationWish(
            self.kind, self.url, self.secret, tuple(dict.fromkeys(self.addresses)), events, environments, self.enabled
        )


class DestinationOut(Out):
    """`shown` is the host, or how many addresses a list has; `failing_since` is null while messages arrive."""

    name: str
    version: int
    kind: DestinationKind
    shown: str
    events: list[str]
    environments: list[Environment]
    enabled: bool
    written_at: datetime
    failing_since: datetime | None
    last_error: str | None

    @classmethod
    def of(cls, found: Destination) -> "DestinationOut":
        return cls(
            name=found.name,
            version=found.version,
            kind=found.kind,
            shown=found.shown,
            events=list(found.events),
            environments=list(found.environments),
            enabled=found.enabled,
            written_at=found.written_at,
            failing_since=found.failing_since,
            last_error=found.last_error,
        )


class DestinationList(Out):
    items: list[DestinationOut]

    @classmethod
    def of(cls, found: list[Destination]) -> "DestinationList":
        return cls(items=[DestinationOut.of(each) for each in found])
