"""A message is carried by a command of its own id, and stands as far as that has brought it."""

from typing import Final
from uuid import UUID

from application.ports.records import Notice, NoticeProgress, NoticeState
from domain.commands import Command, CommandRecord, CommandState, Options
from domain.commands.answers import OWN

DELIVER_NOTICE: Final = f"{OWN}.deliver-notice"


def delivering(notice: Notice, options: Options) -> Command:
    """Holds ids alone. Of a change it is none: what was withdrawn is told, too, and its trail is not about mail."""
    payload = {"notice": str(notice.id), "receiver": receiver_of(notice)}
    return Command(DELIVER_NOTICE, str(notice.id), payload, options=options)


def receiver_of(notice: Notice) -> str:
    """What is called: while it does not answer, messages to others go on."""
    if notice.recipient is not None or notice.place is not None:
        return "mail"
    return f"to.{notice.destination}" if notice.destination else "webhook"


def brought(record: CommandRecord) -> NoticeProgress:
    """What a person completes was told by other means; what ends otherwise, or waits for a person, is not told."""
    state = NoticeState.DUE
    if record.state is CommandState.COMPLETED:
        state = NoticeState.DELIVERED
    elif record.over or record.state is CommandState.PARKED:
        state = NoticeState.FAILED
    return NoticeProgress(UUID(record.command.id), state, record.attempt, record.error.code if record.error else None)
