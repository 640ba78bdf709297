"""Parked commands from the terminal, at a real API."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from adapters.postgres.store import PostgresStore
from application.commands.moves import moved
from domain.commands import CommandError, ParkedKind
from tests.conftest import House
from tests.contract.ordering import POST, TYPES
from tests.e2e.provided import Say, offered, typed  # noqa: F401 -- fixtures are found by their names

WRONG = CommandError("permanent", "no-account", "there is no such account", None, "f-account")
WHY = ("--reason", "The account is there now.")


@pytest.fixture
async def parked(store: PostgresStore, house: House, say: Say, tmp_path: Path) -> None:
    """Two commands that ada sent and that went wrong."""
    await store.put_command_types(TYPES)
    payload = tmp_path / "journal.json"
    payload.write_text('{"entry": 7}')
    for each in ("41", "42"):
        assert (await say("ada", "commands", "send", POST, each, str(payload)))[0] == 0
    async with store.transaction(house.id) as tx:
        records = await tx.commands.lease("ledger", 2, tx.now, uuid4())
        begun = await moved(tx, [each.started() for each in records])
        await moved(tx, [each.parked_as(ParkedKind.PERMANENT, WRONG) for each in begun])


async def shown(say: Say, *words: str) -> Any:
    code, said = await say("olu", "commands", *words, "--json")
    assert code == 0, said
    return json.loads(said)


@pytest.mark.usefixtures("parked")
class TestParked:
    @pytest.mark.req("CB-39")
    async def test_are_listed_and_counted(self, say: Say) -> None:
        _, said = await say("aud", "commands", "parked", "--domain", "ledger")
        rows = (line.split() for line in said.splitlines())  # a narrow terminal wraps what stands to the right
        assert [row[0] for row in rows if row[0].startswith("ledger/")] == ["ledger/42", "ledger/41"]
        (cause,) = (await shown(say, "parked", "--causes"))["items"]
        assert (cause["count"], cause["type"], cause["code"]) == (2, POST, "no-account")
        _, said = await say("aud", "commands", "parked", "--causes")
        assert any(line.startswith("2 ") for line in said.splitlines())
        assert (await shown(say, "parked", "--kind", "poison"))["items"] == []
        assert (await shown(say, "parked", "--snoozed"))["items"] == []

    @pytest.mark.req("CB-40", "CB-42")
    async def test_are_retried_once(self, say: Say) -> None:
        asked = ("commands", "retry", "ledger", "42", *WHY, "--operation", str(uuid4()), "--version", "4", "--alone")
        for _ in range(2):
            assert await say("olu", *asked) == (0, "retry of ledger/42: it is pending, in epoch 2 and version 5.\n")
        code, said = await say("olu", "commands", "retry", "ledger", "42", *WHY)
        assert (code, said.split(":")[0]) == (1, "409 /problems/wrong-command-state")
        assert (await say("ada", "commands", "retry", "ledger", "41", *WHY))[0] == 1
        assert (await say("olu", "commands", "cancel", "ledger", "43", *WHY))[0] == 1
        _, said = await say("aud", "commands", "trail", "ledger", "42")
        assert "retried" in said
        told = await shown(say, "trail", "ledger", "42")
        assert told["items"][-1]["action"].rpartition(":")[2] == "retried"
        assert (await shown(say, "show", "ledger", "42"))["alone"]

    async def test_are_canceled_or_completed(self, say: Say, tmp_path: Path) -> None:
        assert (await say("olu", "commands", "cancel", "ledger", "41", *WHY))[0] == 0
        result, proof = tmp_path / "result.json", tmp_path / "statement.pdf"
        proof.write_bytes(b"the bank's own words")
        result.write_text("nothing")
        asked = ("commands", "complete", "ledger", "42", *WHY, "--evidence", str(proof), "--result", str(result))
        assert (await say("olu", *asked))[0] == 2
        result.write_text('{"journal": 9}')
        operation = str(uuid4())
        code, said = await say("olu", *asked, "--operation", operation)
        waits = f"complete of ledger/42: awaiting-approval.\nSomebody else says yes to {operation}.\n"
        assert (code, said) == (0, waits)
        assert (await say("olu", "commands", "approve", operation))[0] == 1
        assert await say("root", "commands", "approve", operation) == (
            0, "approve counted; the approval is APPROVED.\n"
        )  # fmt: skip
        told = await shown(say, "show", "ledger", "42")
        assert (told["state"], told["result"]) == ("completed", {"journal": 9})
        (*_, event) = (await shown(say, "trail", "ledger", "42"))["items"]
        assert event["after"]["evidence"] == "sha256:" + hashlib.sha256(proof.read_bytes()).hexdigest()

    async def test_are_put_off_and_given_to_somebody(self, say: Say) -> None:
        later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        assert (await say("olu", "commands", "snooze", "ledger", "41", *WHY, "--until", later))[0] == 0
        assert (await say("olu", "commands", "assign", "ledger", "42", *WHY, "--to", "olu"))[0] == 0
        (awake,) = (await shown(say, "parked", "--no-snoozed"))["items"]
        assert (awake["command"]["id"], awake["assignee"] is None) == ("42", False)
        assert (await say("olu", "commands", "assign", "ledger", "42", *WHY))[0] == 0
        assert (await shown(say, "parked", "--no-snoozed"))["items"][0]["assignee"] is None


@pytest.mark.usefixtures("parked")
class TestEdit:
    @pytest.mark.req("CB-44")
    async def test_by_a_patch_is_looked_at_made_and_told(self, say: Say, tmp_path: Path) -> None:
        patch, mine = tmp_path / "patch.json", str(uuid4())
        patch.write_text('[{"op": "replace", "path": "/entry", "value": 0}]')
        asked = ("commands", "edit", "ledger", "42", *WHY, "--patch", str(patch))
        code, said = await say("olu", *asked, "--dry-run")
        assert (code, said.splitlines()[0], said.splitlines()[-1]) == (0, "  replace /entry 0", "It would be refused.")
        assert (await say("olu", *asked))[0] == 1
        patch.write_text('[{"op": "replace", "path": "/entry", "value": 8}]')
        assert (await say("olu", *asked, "--dry-run"))[1].splitlines()[-1] == "It would be taken."
        assert (await say("olu", *asked, "--operation", mine))[0] == 0
        code, said = await say("root", "commands", "operation", mine)
        assert (code, "  replace /entry 8" in said.splitlines()) == (0, True)
        assert (await say("root", "commands", "reject", mine, "--reason", "the other account"))[0] == 0
        assert (await say("olu", "commands", "operation", mine))[1].startswith("edit of ledger/42: rejected")

    @pytest.mark.req("CB-44")
    async def test_in_an_editor_is_made_by_two(self, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        editor, mine = tmp_path / "editor", str(uuid4())
        editor.write_text("#!/bin/sh\nsed -i 's/7/9/' \"$1\"\n")
        editor.chmod(0o700)
        monkeypatch.setenv("VISUAL", str(editor))
        assert (await say("olu", "commands", "edit", "ledger", "41", *WHY, "-e", "--operation", mine))[0] == 0
        assert (await say("root", "commands", "approve", mine))[0] == 0
        told = await shown(say, "show", "ledger", "41")
        assert (told["payload"], told["edited_payload"], told["epoch"]) == ({"entry": 7}, {"entry": 9}, 2)
        _, said = await say("aud", "commands", "show", "ledger", "41")
        rows = [line.split() for line in said.splitlines()]
        assert [row[-1] for row in rows if row[0] in {"payload", "executed"}] == ['{"entry":"[hidden]"}'] * 2
        _, said = await say("olu", "commands", "lineage", "ledger", "41")
        lines = [line.strip() for line in said.splitlines()]
        assert (lines[1].startswith("as it was sent"), lines[-1]) == (True, "replace /entry 9")
        monkeypatch.setenv("VISUAL", "true")
        assert (await say("olu", "commands", "edit", "ledger", "42", *WHY, "-e"))[0] == 2
        withdrawn = str(uuid4())
        monkeypatch.setenv("VISUAL", str(editor))
        assert (await say("olu", "commands", "edit", "ledger", "42", *WHY, "-e", "--operation", withdrawn))[0] == 0
        assert "withdrawn" in (await say("olu", "commands", "withdraw", withdrawn, *WHY))[1]
