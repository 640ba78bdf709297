"""Remote modules and their fences, on the wire."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from api.schemas.common import Count, Handle, In, Out, Reason
from api.schemas.entities import Code, Title
from application.fences.modules import ModuleWish
from domain.closures.amounts import amount
from domain.closures.controls import Total
from domain.commands import CommandState
from domain.commands.shape import TYPE as COMMAND_TYPE
from domain.fences import Acknowledgement, Fence, FenceState, RemoteModule
from domain.fences.module import MOST_ENTITIES
from domain.fences.telling import Awaited, Telling
from domain.periods import Posting, Status

MODULE = r"^[A-Z][A-Z0-9_-]{0,39}$"
SCOPE = r"^[A-Z][A-Z0-9_]{0,19}$"
TYPE = f"^{COMMAND_TYPE}$"
Amount = Annotated[str, Field(pattern=r"^-?[0-9]{1,30}(\.[0-9]{1,20})?$", examples=["1250.00"])]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["EUR"])]
Epoch = Annotated[int, Field(strict=True, ge=1, lt=2**53)]


class ModuleIn(In):
    """`speaker` is the handle of the service that acknowledges for it. No `entities` are all of them.

    `told_by` is a type of commands that tell it of its gates; without it, the event `ModuleGateSet` does.
    """

    name: Title
    scope: Annotated[str, Field(pattern=SCOPE, examples=["AP"])]
    speaker: Handle
    entities: Annotated[tuple[Code, ...], Field(max_length=MOST_ENTITIES)] = ()
    in_service: Annotated[bool, Field(strict=True)] = True
    told_by: Annotated[str, Field(pattern=TYPE, examples=["warehouse.set-gate"])] | None = None
    reason: Reason

    def wish(self) -> ModuleWish:
        return ModuleWish(
            self.name, self.scope, self.speaker, tuple(dict.fromkeys(self.entities)), self.in_service, self.told_by
        )  # fmt: skip


class ModuleOut(Out):
    code: str
    name: str
    scope: str
    speaker: UUID
    entities: list[str]
    in_service: bool
    version: int
    told_by: str | None

    @classmethod
    def of(cls, module: RemoteModule) -> "ModuleOut":
        return cls(**{**vars(module), "entities": sorted(module.entities)})


class ModulePage(Out):
    items: list[ModuleOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[RemoteModule], str | None]) -> "ModulePage":
        return cls(items=[ModuleOut.of(each) for each in page[0]], next_cursor=page[1])


class EpochOut(Out):
    """Good when it was asked. What binds is asked by the ledger, in the transaction that takes the posting in."""

    module: str
    entity: str
    period: str
    epoch: int
    binding: bool

    @classmethod
    def of(cls, module: str, entity: str, period: str, epoch: int) -> "EpochOut":
        return cls(module=module, entity=entity, period=period, epoch=epoch, binding=False)


class TotalIn(In):
    currency: Currency
    debit: Amount
    credit: Amount


class AcknowledgementIn(In):
    """The epoch that the module's own gate has now, and what it has posted in the period behind it."""

    epoch: Epoch
    high_water: Annotated[str, Field(min_length=1, max_length=200, examples=["INV-2025-000417"])] | None = None
    entries: Count
    totals: Annotated[tuple[TotalIn, ...], Field(max_length=200)] = ()

    def told(self) -> Acknowledgement:
        totals = tuple(Total(each.currency, amount(each.debit), amount(each.credit)) for each in self.totals)
        return Acknowledgement(self.epoch, self.high_water, self.entries, totals)


class TotalOut(Out):
    currency: str
    debit: str
    credit: str


class AcknowledgementOut(Out):
    epoch: int
    high_water: str | None
    entries: int
    totals: list[TotalOut]


class FencedPeriodOut(Out):
    """`begins` and `ends` are local dates, both inside."""

    id: UUID
    code: str
    name: str
    begins: date
    ends: date


class FenceOut(Out):
    """One gate at one epoch, for one module: told `attempts` times, and awaited by `run`, if by a close.

    `command` names the one that told it last, of a module that is told by commands.
    """

    id: UUID
    module: str
    entity: str
    scope: str
    period: FencedPeriodOut
    status: Status
    posting: Posting
    epoch: int
    run: UUID | None
    state: FenceState
    attempts: int
    asked_at: datetime
    acknowledgement: AcknowledgementOut | None
    settled_at: datetime | None
    settled_by: UUID | None
    reason: str | None
    command: str | None

    @classmethod
    def of(cls, fence: Fence) -> "FenceOut":
        return cls(**cls.fields(fence))

    @staticmethod
    def fields(fence: Fence) -> dict[str, Any]:
        told: dict[str, Any] = {name: getattr(fence, name) for name in _PLAIN}
        said = fence.acknowledgement
        return {
            **told,
            "entity": fence.gate.key.entity,
            "scope": fence.gate.key.scope,
            "status": fence.gate.status,
            "posting": fence.gate.posting,
            "period": FencedPeriodOut(**vars(fence.period)),
            "acknowledgement": AcknowledgementOut.model_validate(said.to_json()) if said else None,
        }


_PLAIN = ("id", "module", "epoch", "run", "state", "attempts", "asked_at", "settled_at", "settled_by", "reason",
          "command")  # fmt: skip


class TellingOut(Out):
    """Where the command stands that tells the module, and the `code` of what is in its way."""

    command: str
    state: CommandState
    code: str | None

    @classmethod
    def of(cls, telling: Telling | None) -> "TellingOut | None":
        return None if telling is None else cls(**vars(telling))


class FenceDetailOut(FenceOut):
    """With how its module is told, where that is by a command."""

    told: TellingOut | None

    @classmethod
    def whole(cls, view: Awaited) -> "FenceDetailOut":
        return cls(**cls.fields(view.fence), told=TellingOut.of(view.telling))


class AwaitedOut(Out):
    """A module elsewhere that a close waits for, and in `words` why."""

    module: str
    scope: str
    fence: UUID
    state: FenceState
    told: TellingOut | None
    words: str

    @classmethod
    def of(cls, view: Awaited) -> "AwaitedOut":
        fence = view.fence
        return cls(
            module=fence.module, scope=fence.gate.key.scope, fence=fence.id, state=fence.state,
            told=TellingOut.of(view.telling), words=view.words,
        )  # fmt: skip


class FencePage(Out):
    items: list[FenceOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Fence], str | None]) -> "FencePage":
        return cls(items=[FenceOut.of(each) for each in page[0]], next_cursor=page[1])
