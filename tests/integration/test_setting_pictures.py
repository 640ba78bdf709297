"""A picture that is brought up to date again and again, beside writers, says what one says that is taken anew."""

import asyncio
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.memory.identity import MemoryAssertions
from adapters.memory.secrets import MemorySealer
from adapters.postgres.store import PostgresStore
from application.balloting import Balloting
from application.settings.cases import SettingCases
from application.settings.developing import Snapshot, brought_up, developed
from application.settings.wishes import Order, Wish
from application.submission import Submission
from domain.environments import Environment
from domain.errors import Refusal
from domain.settings import EntryState, Scope
from tests.conftest import House
from tests.recorded import RecordingProcesses
from tests.unit.application.test_settings_levels import held

DEV = Environment.DEV
KEYS, PLACES = ["a", "b", "c"], ["", "company:de", "company:de/user:ada"]
WRITERS, WRITES = 4, 15
WHY = "because of the test"


def clock() -> datetime:
    return datetime.now(UTC)


class Writer:
    def __init__(self, setting: SettingCases, house: House, number: int) -> None:
        self._setting, self._house, self._dice = setting, house, random.Random(number)

    async def go_on(self) -> None:
        for _ in range(WRITES):
            with suppress(Refusal):
                await self._one()

    async def _one(self) -> None:
        dice, ada = self._dice, self._house.ada
        key, scope, soon = dice.choice(KEYS), Scope(dice.choice(PLACES)), clock() + timedelta(hours=dice.randint(1, 5))
        match dice.randrange(5):
            case 0:
                await self._write(Wish(key, scope, EntryState.UNSET))
            case 1:
                await self._write(Wish(key, scope, EntryState.SET, 1, since=soon, until=soon + timedelta(hours=1)))
            case 2:
                wish = Wish(key, scope, EntryState.UNSET, expected=dice.randint(1, 9))
                await self._setting.writes.cancel(ada, DEV, wish, WHY)
            case 3:
                raw = {**DEFINITION, "key": key, "default": dice.randint(1, 9)}
                version = (await self._setting.definitions.get(ada, key)).version
                await self._setting.definitions.replace(ada, key, raw, expected=version, reason=WHY)
            case _:
                await self._write(Wish(key, scope, EntryState.SET, dice.randint(0, 9)))

    async def _write(self, wish: Wish) -> None:
        await self._setting.writes.write(self._house.ada, Order(DEV, (wish,), WHY))


DEFINITION: dict[str, Any] = {"type": "integer", "scopes": ["tenant", "company", "user"], "default": 0}


async def taken(store: PostgresStore, house: House) -> Snapshot:
    async with store.transaction(house.id) as tx:
        return await developed(house.id, await tx.settings.picture(DEV), 1, clock)


@pytest.mark.req("FR-CFG-009")
async def test_what_was_written_since_is_all_that_was_missing(store: PostgresStore, house: House) -> None:
    nobody = RecordingProcesses(Balloting(store, MemoryAssertions(clock)), house.id)
    setting = SettingCases.over(store, Submission(store, nobody), MemorySealer())
    for key in KEYS:
        await setting.definitions.create(house.ada, {**DEFINITION, "key": key}, WHY)
    present = await taken(store, house)
    compared = 0
    writing = asyncio.gather(*(Writer(setting, house, number).go_on() for number in range(WRITERS)))
    while True:
        done = writing.done()
        async with store.transaction(house.id) as tx:
            present = await brought_up(present, await tx.settings.written_since(DEV, present.mark), 1)
        fresh = await taken(store, house)
        if fresh.epoch == present.epoch:
            compared += 1
            assert held(present) == held(fresh)
            assert present.size == fresh.size
        if done:
            break
    await writing
    assert (compared > 1, fresh.epoch > WRITES) == (True, True)
