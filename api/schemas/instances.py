"""Instances, and what they hold of a target, on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.common import Count, In, Out
from application.instances.looking import Held, Holders, Live, Present
from application.ports.deployments import Deployed
from domain.environments import Environment
from domain.instances import Holds, Instance
from domain.instances.versions import Share
from domain.rollouts import State

MOST_AT_ONCE = 1000


class AcknowledgedIn(In):
    """`flags` is the revision of the flag set, `settings` the epoch; either may be left out."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$", examples=["shop-7f9c-1"])]
    flags: Count | None = None
    settings: Count | None = None


class AcknowledgementsIn(In):
    """What instances hold in one environment; of one that stands here twice the last word counts."""

    environment: Environment
    instances: Annotated[list[AcknowledgedIn], Field(min_length=1, max_length=MOST_AT_ONCE)]

    def said(self) -> dict[str, Holds]:
        return {each.name: Holds(each.flags, each.settings) for each in self.instances}


class AcknowledgementsOut(Out):
    taken: int


class ShareOut(Out):
    """`version` null is one that is older than what is still known."""

    version: int | None
    instances: int

    @classmethod
    def of(cls, share: Share) -> "ShareOut":
        return cls(version=share.version, instances=share.instances)


class InstanceOut(Out):
    name: str
    version: int | None
    flags: int | None
    settings: int | None
    seen_at: datetime

    @classmethod
    def of(cls, held: Held) -> "InstanceOut":
        instance = held.instance
        return cls(
            name=instance.name, version=held.version, flags=instance.holds.flags, settings=instance.holds.settings,
            seen_at=instance.seen_at,
        )  # fmt: skip


class HoldersOut(Out):
    """`versions` count every live instance that follows the kind: their sum is `live`. `items` is one page of them."""

    live: int
    versions: list[ShareOut]
    items: list[InstanceOut]
    next_cursor: str | None

    @classmethod
    def of(cls, holders: Holders, page: tuple[list[Held], str | None]) -> "HoldersOut":
        return cls(
            live=holders.live, versions=[ShareOut.of(each) for each in holders.shares],
            items=[InstanceOut.of(each) for each in page[0]], next_cursor=page[1],
        )  # fmt: skip


class SeenOut(Out):
    """`flags` and `settings` are what it holds; null where it follows none."""

    name: str
    flags: int | None
    settings: int | None
    seen_at: datetime

    @classmethod
    def of(cls, seen: Instance) -> "SeenOut":
        return cls(name=seen.name, flags=seen.holds.flags, settings=seen.holds.settings, seen_at=seen.seen_at)


class InstancePage(Out):
    """`revision` is what the environment serves now; `holding` of the `live` instances hold it."""

    revision: int
    live: int
    holding: int
    items: list[SeenOut]
    next_cursor: str | None

    @classmethod
    def of(cls, present: Present, page: tuple[list[Instance], str | None]) -> "InstancePage":
        return cls(
            revision=present.revision, live=present.live, holding=present.holding,
            items=[SeenOut.of(each) for each in page[0]], next_cursor=page[1],
        )  # fmt: skip


class LiveOut(Out):
    """`revision` is that of the environment now; `deployment` is the one that has the target in hand, if any."""

    version: int
    revision: int
    deployment: UUID | None
    state: State | None

    @classmethod
    def of(cls, live: Live) -> "LiveOut":
        held = live.deployment
        return cls(
            version=live.version, revision=live.revision, deployment=held.id if held else None,
            state=held.state if held else None,
        )  # fmt: skip


class DeployedOut(Out):
    """`version` is what the deployment wrote last, over `base_version`."""

    deployment: UUID
    state: State
    base_version: int
    version: int
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, deployed: Deployed) -> "DeployedOut":
        return cls(
            deployment=deployed.rollout, state=deployed.state, base_version=deployed.base_version,
            version=deployed.version, created_at=deployed.created_at, ended_at=deployed.ended_at,
        )  # fmt: skip


class HistoryPage(Out):
    items: list[DeployedOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Deployed], str | None]) -> "HistoryPage":
        return cls(items=[DeployedOut.of(each) for each in page[0]], next_cursor=page[1])
