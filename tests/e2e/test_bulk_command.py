"""Many parked commands from the terminal, at a real API."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.postgres.store import PostgresStore
from application.bulks.carrying import Carrying
from application.bulks.stand import BulkStep
from application.commands.moves import moved
from domain.commands import CommandError, ParkedKind
from tests.conftest import House
from tests.contract.ordering import POST, TYPES
from tests.e2e.provided import Say, offered, typed  # noqa: F401 -- fixtures are found by their names

WRONG = CommandError("permanent", "no-account", "there is no such account", None, "f-account")
WHY = ("--reason", "The account is there now.")
ALL = ("commands", "retry-all", "--fingerprint", "f-account", "--stages", "1,rest", *WHY)


@pytest.fixture
async def parked(store: PostgresStore, house: House, say: Say, tmp_path: Path) -> None:
    """Three commands that ada sent and that went wrong."""
    await store.put_command_types(TYPES)
    payload = tmp_path / "journal.json"
    payload.write_text('{"entry": 7}')
    for each in ("41", "42", "43"):
        assert (await say("ada", "commands", "send", POST, each, str(payload)))[0] == 0
    await park(store, house, 3)


async def park(store: PostgresStore, house: House, many: int) -> None:
    async with store.transaction(house.id) as tx:
        records = await tx.commands.lease("ledger", many, tx.now, uuid4())
        begun = await moved(tx, [each.started() for each in records])
        await moved(tx, [each.parked_as(ParkedKind.PERMANENT, WRONG) for each in begun])


@pytest.mark.usefixtures("parked")
class TestBulk:
    @pytest.mark.req("CB-45")
    async def test_is_tried_asked_and_watched_until_it_stops(
        self, say: Say, store: PostgresStore, house: House
    ) -> None:
        code, said = await say("olu", *ALL, "--dry-run")
        assert (code, said.splitlines()[0]) == (0, "3 parked commands")
        assert said.splitlines()[2] == "first: ledger/41, ledger/42, ledger/43"
        assert (await say("ada", *ALL))[0] == 1
        asked: Any = (await say("olu", *ALL, "--operation", str(uuid4())))[1].strip()
        carrying, step = Carrying(store), BulkStep(house.id, UUID(asked))
        await carrying.act(step)
        await park(store, house, 1)
        await carrying.settle(step)
        code, said = await say("aud", "commands", "bulk", "watch", asked)
        why = "1 of 1 failed again, 1 of them with the same error; at most 0 may"
        assert (code, said) == (1, f"stopped ({why}), stage 1 of 2: 2 waiting, 1 failed\n")
        _, said = await say("aud", "commands", "bulk", "show", asked)
        assert said.splitlines()[1] == f"  stage 1: {why}"
        _, told = await say("aud", "commands", "bulk", "items", asked, "--outcome", "failed", "--json")
        assert [(each["command"], each["why"]) for each in json.loads(told)["items"]] == [("ledger/41", "no-account")]

    @pytest.mark.req("CB-46")
    async def test_is_paused_and_ended(self, say: Say) -> None:
        asked = (await say("olu", *ALL))[1].strip()
        for verb, words in (
            ("pause", "paused (paused)"),
            ("resume", "running (resumed)"),
            ("pause", "paused (paused)"),
        ):
            code, said = await say("olu", "commands", "bulk", verb, asked, *WHY)
            assert (code, said.split(", ")[0]) == (0, words)
        code, said = await say("olu", "commands", "bulk", "resume", asked, *WHY, "--version", "2")
        assert (code, said.split(":")[0]) == (1, "412 /problems/stale")
        assert (await say("aud", "commands", "bulk", "abort", asked, *WHY))[0] == 1
        assert (await say("olu", "commands", "bulk", "abort", asked, *WHY))[0] == 0
        code, said = await say("olu", "commands", "bulk", "abort", asked, *WHY)
        assert (code, said.split(":")[0]) == (1, "409 /problems/wrong-bulk-state")
        assert await say("aud", "commands", "bulk", "watch", asked) == (
            3,
            "aborted (aborted), stage 1 of 2: 3 waiting\n",
        )
