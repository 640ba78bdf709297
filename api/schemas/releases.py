"""Freezes, blocks, change windows and rollout policies, on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from api.schemas.common import Handle, In, Instant, Object, Out, Reason
from application.locking.freezing import FreezeWish
from application.locking.ruling import ChangeWindow, PolicyOf
from domain.changes import Kind
from domain.environments import Environment
from domain.locks import Freeze, FreezeKind, Reach, WhileRunning

Prefix = Annotated[str, Field(max_length=200, examples=["checkout."])]
RolledOut = Literal[
    Kind.FLAG, Kind.SETTING, Kind.SETTING_DEFINITION, Kind.SETTING_RULES, Kind.POLICY, Kind.FISCAL_CALENDAR,
    Kind.ENTITY_BOOKS,
]  # fmt: skip
"""What a rollout writes, and so waits; the close of a period is none."""
Tag = Annotated[str, Field(min_length=1, max_length=100)]


class ReachIn(In):
    """What it stands over; a field that is not there narrows nothing. `tag` is one of a definition of a setting."""

    environment: Environment | None = None
    kinds: Annotated[tuple[RolledOut, ...], Field(max_length=7)] = ()
    prefix: Prefix = ""
    tag: Tag | None = None

    def reach(self) -> Reach:
        return Reach(self.environment, tuple(dict.fromkeys(self.kinds)), self.prefix, self.tag)


class BlockIn(In):
    """Until somebody lifts it; `until` is when it ends if nobody does, 90 days after it begins unless it says so."""

    scope: ReachIn = ReachIn()
    from_: Instant | None = Field(None, alias="from")
    until: Instant | None = None
    running: WhileRunning = WhileRunning.CONTINUE
    owner: Handle | None = None
    reason: Reason

    def wish(self, kind: FreezeKind) -> FreezeWish:
        return FreezeWish(kind, self.scope.reach(), self.from_, self.until, self.running, self.owner, self.reason)


class FreezeIn(BlockIn):
    """From now unless it says otherwise, until a moment that is at most 90 days after that."""

    until: Instant


class ReachOut(Out):
    environment: Environment | None
    kinds: list[Kind]
    prefix: str
    tag: str | None


class FreezeOut(Out):
    """`lifted_at` is null while nobody has lifted it; `owner` answers for it."""

    id: UUID
    scope: ReachOut
    from_: datetime = Field(alias="from")
    until: datetime
    running: WhileRunning
    owner: str
    reason: str
    created_by: UUID
    created_at: datetime
    lifted_at: datetime | None
    lifted_by: UUID | None

    @classmethod
    def of(cls, freeze: Freeze) -> "FreezeOut":
        reach = freeze.reach
        scope = ReachOut(environment=reach.environment, kinds=list(reach.kinds), prefix=reach.prefix, tag=reach.tag)
        return cls(
            id=freeze.id, scope=scope, until=freeze.ends, running=freeze.running, owner=freeze.owner,
            reason=freeze.reason, created_by=freeze.created_by, created_at=freeze.created_at,
            lifted_at=freeze.lifted_at, lifted_by=freeze.lifted_by, **{"from": freeze.starts},
        )  # fmt: skip


class FreezePage(Out):
    items: list[FreezeOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Freeze], str | None]) -> "FreezePage":
        return cls(items=[FreezeOut.of(each) for each in page[0]], next_cursor=page[1])


WINDOW: dict[str, Any] = {
    "time_zone": "Europe/Berlin",
    "hours": {"mon": [["09:00", "17:00"]], "fri": [["09:00", "12:00"]]},
    "holidays": ["2026-12-25"],
    "calendar": "business",
}


class WindowIn(In):
    """`calendar` is `every-day`, or `business`, which is closed on Saturdays and Sundays whatever the hours say."""

    window: Object = Field(examples=[WINDOW])
    reason: Reason


class WindowOut(Out):
    """`opens` is when rollouts may start there next: now, while it is open; null when it does not open in a year."""

    name: str
    version: int
    window: Object
    opens: datetime | None

    @classmethod
    def of(cls, found: ChangeWindow) -> "WindowOut":
        return cls(name=found.name, version=found.version, window=found.window.to_json(), opens=found.opens)


class WindowPage(Out):
    items: list[WindowOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[ChangeWindow], str | None]) -> "WindowPage":
        return cls(items=[WindowOut.of(each) for each in page[0]], next_cursor=page[1])


class RolloutPolicyIn(In):
    """What is not said is the default of the environment."""

    policy: Object = Field(examples=[{"strategies": ["canary", "rolling"], "on_conflict": "queue"}])
    reason: Reason


class RolloutPolicyOut(Out):
    """`version` 0 is the default."""

    environment: Environment
    kind: Kind
    version: int
    policy: Object

    @classmethod
    def of(cls, found: PolicyOf) -> "RolloutPolicyOut":
        return cls(
            environment=found.environment, kind=found.kind, version=found.version, policy=found.policy.to_json()
        )  # fmt: skip


class SupersededOut(Out):
    """The rollouts that give way, which end superseded once they have gone back."""

    superseded: list[UUID]
