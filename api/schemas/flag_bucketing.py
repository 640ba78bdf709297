"""The bucketing of a flag set on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.common import In, Out, Reason
from application.ports.records import StoredFlag
from domain.canonical import Json
from domain.environments import Environment
from domain.flags import Bucketing
from domain.flags.bucketing import CLIENTS
from domain.flags.whole import bucketing_of


class BucketingIn(In):
    bucketing: Annotated[Bucketing, Field(description="Which bytes of a subject are hashed.")]
    reason: Reason

    @property
    def content(self) -> Json:
        return {"version": self.bucketing.value}


class BucketingOut(Out):
    """Version 0 is what every set begins with. `clients` evaluate by themselves and agree with this server."""

    environment: Environment
    version: int
    bucketing: Bucketing
    clients: list[str]
    origin: str | None
    written_by: UUID | None
    written_at: datetime | None

    @classmethod
    def of(cls, environment: Environment, stored: StoredFlag | None) -> "BucketingOut":
        bucketing = bucketing_of(stored.definition if stored else None)
        return cls(
            environment=environment, version=stored.version if stored else 0,
            bucketing=bucketing, clients=list(CLIENTS[bucketing]),
            origin=stored.origin if stored else None,
            written_by=stored.written_by if stored else None,
            written_at=stored.written_at if stored else None,
        )  # fmt: skip


class BucketingPage(Out):
    items: list[BucketingOut]
    next_cursor: str | None

    @classmethod
    def of(cls, environment: Environment, page: tuple[list[StoredFlag], str | None]) -> "BucketingPage":
        return cls(items=[BucketingOut.of(environment, stored) for stored in page[0]], next_cursor=page[1])
