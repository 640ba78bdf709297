"""Processes from the terminal, at a real API."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from adapters.postgres.store import PostgresStore
from domain.sagas import Step, StepState
from tests.conftest import House
from tests.e2e.provided import Say, offered, typed  # noqa: F401 -- fixtures are found by their names
from tests.sagas import BOOK, TRIP

WHY = ("--reason", "The guests do not come.")


@pytest.fixture
async def data(store: PostgresStore, tmp_path: Path) -> Path:
    await store.put_process_types(BOOK.types())
    path = tmp_path / "trip.json"
    path.write_text('{"words": "kit"}')
    return path


class TestProcesses:
    @pytest.mark.req("S057")
    async def test_are_started_found_and_told(self, say: Say, data: Path) -> None:
        start = ("processes", "start", TRIP, "42", str(data))
        assert await say("ada", *start) == (0, f"{TRIP} 42 is started; it is started.\n")
        assert await say("ada", *start) == (0, f"{TRIP} 42 was started before; it is started.\n")
        _, said = await say("aud", "processes", "list", "--state", "started")
        assert [line.split()[:3] for line in said.splitlines()[1:]] == [[TRIP, "42", "started"]]
        code, said = await say("ada", "processes", "show", TRIP, "42", "--json")
        told: dict[str, Any] = json.loads(said)
        assert (code, told["steps"], told["data"]) == (0, None, {"words": "kit"})
        _, said = await say("aud", "processes", "show", TRIP, "42")
        assert said.splitlines()[-1] == 'data {"words":"[hidden]"}'
        assert (await say("ada", "processes", "start", TRIP, "42", __file__))[0] == 2

    @pytest.mark.req("S064")
    async def test_are_stopped_once_and_watched_to_their_end(self, say: Say, data: Path) -> None:
        await say("ada", "processes", "start", TRIP, "42", str(data))
        stop = ("processes", "cancel", TRIP, "42", *WHY, "--operation", str(uuid4()), "--version", "1")
        for _ in range(2):
            assert await say("olu", *stop) == (0, f"cancel of {TRIP}/42: it is compensated, in version 2.\n")
        assert await say("aud", "processes", "watch", TRIP, "42") == (1, "compensated (canceled)\n")
        assert (await say("olu", "processes", "retry", TRIP, "42", *WHY))[0] == 1
        assert (await say("ada", "processes", "cancel", TRIP, "42", *WHY))[0] == 1
        _, said = await say("aud", "processes", "trail", TRIP, "42")
        assert [line.split()[1] for line in said.splitlines()[1:]] == ["started", "canceled"]

    async def test_steps_are_lines_of_their_own(self, say: Say, data: Path, store: PostgresStore, house: House) -> None:
        await say("ada", "processes", "start", TRIP, "42", str(data))
        async with store.transaction(house.id) as tx:
            saga = await tx.sagas.get((TRIP, "42"), lock=True)
            assert saga is not None
            left = Step("book", undoable=True, state=StepState.UNDO_FAILED, command=("works", "1"), why="no-way")
            await tx.sagas.save(replace(saga.planned([left]), back=True, why="pay: no-money").settled(tx.now))
        _, said = await say("olu", "processes", "show", TRIP, "42")
        lines = said.splitlines()
        assert lines[0] == f"{TRIP} 42: compensation-failed (pay: no-money)"
        assert lines[2].split() == ["book", "undo-failed", "no-way", "works/1"]
        code, said = await say("aud", "processes", "watch", TRIP, "42")
        assert (code, said.splitlines()[0].split()) == (2, ["book", "undo-failed", "(no-way)"])
        assert (await say("olu", "processes", "retry", TRIP, "42", *WHY))[0] == 0
