"""Whoever looks sees all targets of a switch as they were, or all as they are: whatever fails between two writes."""

from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from adapters.postgres.errors import DatabaseUnavailable
from adapters.postgres.flags import PostgresFlags
from application.drafts.wanted import Wanted
from application.ports.records import StoredFlag
from application.progression import Progression, Step
from domain.changes import Kind
from domain.rollouts import NotRunning, State, Verb
from tests.workflow.theatre import EXPRESS, PRODUCTION, Theatre, now, seen

KEYS = ("checkout", "basket", "search", "till", "van")
SWITCH: dict[str, Any] = {"strategy": "blue-green", "bake_seconds": 3600, "converge": 0}


@pytest_asyncio.fixture
async def prepared(stage: Theatre) -> UUID:
    """Five flags, one change, and a person who has not switched yet."""
    for key in KEYS[1:]:
        await stage.flag(key)
    await stage.policy()
    targets = tuple(Wanted(Kind.FLAG, key, EXPRESS, 1, f"/targets/{place}") for place, key in enumerate(KEYS))
    plan = {**SWITCH, "blue_green": {"manual_switch": True}}
    change = await stage.submit("", plan=plan, targets=targets, content=None, base_version=0, gates=None)
    await stage.until(change, State.PAUSED)
    return change


async def generations(stage: Theatre) -> set[Any]:
    async with stage.store.transaction(stage.house.id) as tx:
        flags = (await tx.flags.flag_set(PRODUCTION)).flags
    return {flags[key]["defaultVariant"] for key in KEYS}


class Failing:
    """The database goes away at the first write, then at the second, and so on; each time somebody looks."""

    def __init__(self, stage: Theatre, patch: pytest.MonkeyPatch) -> None:
        self.seen: list[set[Any]] = []
        self._stage, self._put, self._written = stage, PostgresFlags.put, 0

        async def put(flags: PostgresFlags, flag: StoredFlag, *, expected: int) -> int:
            return await self.put(flags, flag, expected)

        patch.setattr(PostgresFlags, "put", put)

    async def put(self, flags: PostgresFlags, flag: StoredFlag, expected: int) -> int:
        self._written += 1
        if self._written > len(self.seen) and len(self.seen) < len(KEYS):
            self._written = 0
            self.seen.append(await generations(self._stage))
            raise DatabaseUnavailable
        return await self._put(flags, flag, expected=expected)


@pytest.mark.req("S64", "S65")
async def test_five_targets_are_never_seen_mixed(
    stage: Theatre, prepared: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        there = Failing(stage, patch)
        await stage.act(stage.house.root, prepared, Verb.PROMOTE)
        await seen(lambda: _tried(there))
        await stage.until(prepared, State.BAKING)
    assert there.seen == [{"classic"}] * len(KEYS)
    assert await generations(stage) == {"express"}
    with monkeypatch.context() as patch:
        back = Failing(stage, patch)
        await stage.act(stage.house.olu, prepared, Verb.ABORT)
        await seen(lambda: _tried(back))
        assert await stage.end(prepared) is State.ROLLED_BACK
    assert back.seen == [{"express"}] * len(KEYS)
    assert await generations(stage) == {"classic"}


@pytest.mark.req("S64", "I1")
async def test_nobody_switches_for_the_person_who_is_asked(stage: Theatre, prepared: UUID) -> None:
    with pytest.raises(NotRunning):
        await Progression(stage.store).expose(Step(prepared, stage.house.id, "zombie", now()), 0)
    assert await generations(stage) == {"classic"}
    await stage.act(stage.house.olu, prepared, Verb.ABORT)
    assert await stage.end(prepared) is State.CANCELLED


async def _tried(failing: Failing) -> bool:
    return len(failing.seen) == len(KEYS)
