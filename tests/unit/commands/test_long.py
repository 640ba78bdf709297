"""A long command says in words where it stands, and its handler tells what can be told."""

from datetime import timedelta
from typing import Any

import pytest

from application.commands.handling import untold
from application.commands.stand import CommandStand, at_work
from domain.commands import CommandError, CommandRecord, ParkedKind
from domain.commands.progress import MOST_BYTES, tellable
from tests.unit.commands.test_commands import NOW, record, running

BUSY = CommandError("transient", "busy", "the bank does not answer")


class TestStand:
    @pytest.mark.parametrize(
        ("stands", "words"),
        [
            (running().completed(None, NOW), "Completed in attempt 1. Its result is in the database."),
            (
                running().waiting(NOW + timedelta(minutes=1), BUSY),
                "Attempt 1 failed, with the code `busy`. It is tried again from ",
            ),
            (running().crashed(BUSY), "Given back, with the code `busy`; it is executed again, in another run."),
            (
                running().parked_as(ParkedKind.EXHAUSTED, BUSY),
                "Parked as exhausted in attempt 1, with the code `busy`: it goes on only by the word of a person. Look",
            ),
            (running().stopped(BUSY, NOW), "It is over: canceled, with the code `busy`."),
        ],
    )
    def test_says_what_comes_next(self, stands: CommandRecord, words: str) -> None:
        assert CommandStand.of(stands).words("ledger/42").startswith(words)

    def test_carries_neither_payload_nor_result(self) -> None:
        done = running().completed({"secret": 7}, NOW)
        assert "secret" not in str(CommandStand.of(done))
        assert "`changegate commands watch ledger 42`" in at_work("ledger", "42")

    def test_its_workflow_is_named_by_command_and_epoch(self) -> None:
        one = record()
        assert one.workflow_id == f"command/{one.tenant}/{'/'.join(one.key)}/1"


class TestProgress:
    @pytest.mark.parametrize("said", [{"lines": 7}, None, [1.5, "é"], "x" * (MOST_BYTES - 2)])
    def test_of_json_is_told(self, said: Any) -> None:
        assert tellable(said) == said

    @pytest.mark.parametrize("said", [{1, 2}, float("nan"), "x" * MOST_BYTES])
    def test_of_what_nobody_could_keep_is_a_mistake(self, said: Any) -> None:
        with pytest.raises(ValueError, match=r"JSON|bytes"):
            tellable(said)

    async def test_of_what_is_executed_with_others_is_told_to_nobody(self) -> None:
        await untold({"lines": 7})
