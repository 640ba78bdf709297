"""Batches of commands on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.commands import CommandIn, Id
from api.schemas.common import In, Out
from application.commands.batches import BatchSent
from domain.commands.batches import MOST_COMMANDS, BatchWish, OnParked, Progress


class CommandBatchIn(In):
    """`callback` is sent once every command is over: its payload is given `batch`, with what came of them.

    A command that waits for a person keeps the batch waiting, or counts as failed, once.
    """

    id: Id
    commands: Annotated[tuple[CommandIn, ...], Field(min_length=1, max_length=MOST_COMMANDS)]
    callback: CommandIn | None = None
    on_parked: OnParked = OnParked.WAIT

    def wish(self) -> BatchWish:
        callback = self.callback.command() if self.callback else None
        return BatchWish(self.id, tuple(each.command() for each in self.commands), callback, self.on_parked)


class CallbackOut(Out):
    """`sent`: the batch is over, and this was sent."""

    domain: str
    id: str
    type: str
    sent: bool


class CommandBatchOut(Out):
    """Of `total` commands these are over; `parked` wait for a person now."""

    id: str
    on_parked: OnParked
    total: int
    completed: int
    failed: int
    canceled: int
    expired: int
    parked: int
    over: bool
    callback: CallbackOut | None
    sender: UUID | None
    fingerprint: str
    created_at: datetime
    ended_at: datetime | None
    version: int

    @classmethod
    def of(cls, progress: Progress) -> "CommandBatchOut":
        batch = progress.batch
        called = batch.callback
        callback = (
            CallbackOut(domain=called.domain, id=called.id, type=called.type, sent=batch.called_back)
            if called
            else None
        )
        said = {**vars(batch), "parked": progress.parked, "over": batch.over, "callback": callback}
        return cls(**{name: said[name] for name in cls.model_fields})


class CommandBatchSentOut(Out):
    """`replayed`: it was sent before, and this is how far it is."""

    batch: CommandBatchOut
    replayed: bool

    @classmethod
    def of(cls, sent: BatchSent) -> "CommandBatchSentOut":
        return cls(batch=CommandBatchOut.of(sent.progress), replayed=sent.replayed)


class CommandBatchPage(Out):
    items: list[CommandBatchOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Progress], str | None]) -> "CommandBatchPage":
        return cls(items=[CommandBatchOut.of(each) for each in page[0]], next_cursor=page[1])
