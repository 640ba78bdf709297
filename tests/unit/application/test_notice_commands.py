"""A message stands where its command does."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from application.notice_commands import brought, delivering
from application.ports.records import Notice, NoticeProgress, NoticeState
from domain.commands import CommandError, CommandRecord, CommandState, Options, fingerprint

S, N = CommandState, NoticeState
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TOLD = {
    S.PENDING: N.DUE, S.DISPATCHED: N.DUE, S.RUNNING: N.DUE, S.RETRY_WAIT: N.DUE, S.COMPLETED: N.DELIVERED,
    S.PARKED: N.FAILED, S.FAILED: N.FAILED, S.CANCELED: N.FAILED, S.EXPIRED: N.FAILED,
}  # fmt: skip


@pytest.mark.req("CB-60")
@pytest.mark.parametrize("state", CommandState)
def test_whatever_becomes_of_a_command_is_said_of_its_message(state: CommandState) -> None:
    notice = Notice(uuid4(), "kill_switch", None, {}, "/x", AT)
    command = delivering(notice, Options())
    sent = CommandRecord(command, uuid4(), fingerprint(command), None, AT, AT)
    assert brought(replace(sent, state=state)) == NoticeProgress(notice.id, TOLD[state], 0, None)
    failed = replace(sent, state=state, attempt=3, error=CommandError("transient", "status-503", "it said no"))
    assert brought(failed) == NoticeProgress(notice.id, TOLD[state], 3, "status-503")
