"""Imports of uploads, step by step, in memory."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.memory.secrets import MemorySealer
from application.locking.ruling import RolloutPolicies
from application.ports.imports import ImportRecord, ImportState, Progress
from application.settings.importing import Importing, NotWhole, Stand
from application.settings.imports import Imports, ImportWish, start_waiting_import
from application.settings.moving import importing
from application.settings.uploads import MOST_UPLOADS, TooManyUploads, UploadIncomplete, Uploads
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Missing, Unavailable
from domain.people import Role
from domain.settings import Bundle, Definition, EntryState, Line, Scope, SettingType
from tests.wishing import DE, DEV, QA, WHY, govern, value
from tests.world import World

LIMIT = Definition("limit", SettingType.INTEGER, scopes=("company",), default=1)


def bundle(world: World, *values: Any, tenant: str | None = None) -> Bundle:
    lines = tuple(
        Line("limit", Scope(DE if n == 0 else f"company:c{n}"), EntryState.SET, v) for n, v in enumerate(values)
    )
    return Bundle(tenant or world.tenant.slug, DEV, (LIMIT,), lines, {})


async def stream(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def broken() -> AsyncIterator[bytes]:
    yield b"x" * 600_000
    raise ConnectionError


async def uploaded(world: World, raw: Any) -> UUID:
    upload = await Uploads(world.store).take(world.ada, uuid4(), stream(json.dumps(raw).encode()))
    return upload.id


async def asked(world: World, raw: Any, environment: Environment = DEV, **options: Any) -> ImportRecord:
    wish = ImportWish(await uploaded(world, raw), environment, WHY, **options)
    return await Imports(world.store, world.processes).request(world.ada, uuid4(), wish)


@pytest.fixture
def steps(world: World) -> Importing:
    return importing(world.store, world.processes, MemorySealer())


async def carried_out(world: World, steps: Importing, record: UUID) -> tuple[Stand, list[Progress]]:
    told: list[Progress] = []
    for step in (steps.validate, steps.plan, steps.apply):
        await step(world.tenant.id, record, told.append)
        world.clock += timedelta(seconds=1)
    return await steps.finish(world.tenant.id, record), told


async def found(world: World, record: UUID) -> ImportRecord:
    return (await Imports(world.store, world.processes).get(world.eve, record))[0]


class TestUploads:
    async def test_that_break_off_leave_nothing(self, world: World) -> None:
        with pytest.raises(ConnectionError):
            await Uploads(world.store).take(world.ada, uuid4(), broken())
        async with world.store.transaction(world.tenant.id) as tx:
            assert await tx.uploads.all() == []

    async def test_go_after_a_day_and_make_room(self, world: World) -> None:
        uploads = [await uploaded(world, {}) for _ in range(MOST_UPLOADS)]
        with pytest.raises(TooManyUploads):
            await uploaded(world, {})
        world.clock += timedelta(days=1, seconds=1)
        fresh = await uploaded(world, {})
        async with world.store.transaction(world.tenant.id) as tx:
            assert [each.id for each in await tx.uploads.all()] == [fresh]
        with pytest.raises(Missing):
            await Imports(world.store, world.processes).request(world.ada, uuid4(), ImportWish(uploads[0], DEV, WHY))

    async def test_that_have_not_ended_cannot_be_imported(self, world: World) -> None:
        upload = await uploaded(world, {})
        async with world.store.transaction(world.tenant.id) as tx:
            known = await tx.uploads.get(upload)
            assert known is not None
            await tx.uploads.open(replace(known, size=None, digest=None))
        with pytest.raises(UploadIncomplete):
            await Imports(world.store, world.processes).request(world.ada, uuid4(), ImportWish(upload, DEV, WHY))


@pytest.mark.req("FR-SM-031", "ST82")
class TestSteps:
    async def test_tell_how_far_they_are(self, world: World, steps: Importing) -> None:
        record = await asked(world, bundle(world, 2, 3).to_json())
        stand, told = await carried_out(world, steps, record.id)
        assert stand.state is ImportState.APPLIED
        phases = list(dict.fromkeys(each.phase for each in told))
        assert phases == ["validating", "planning", "applying", "verifying"]
        assert [each for each in told if each.phase == "applying"][-1] == Progress("applying", 3, 3)
        assert await value(world, "limit", DE) == 2

    async def test_taken_again_do_nothing_more(self, world: World, steps: Importing) -> None:
        record = await asked(world, bundle(world, 2).to_json())
        for _ in range(2):
            stand, _ = await carried_out(world, steps, record.id)
            assert stand.state is ImportState.APPLIED
        assert len(await world.events("setting:bundle:imported")) == 1
        assert len(await world.events("setting:import:ended")) == 1

    async def test_fail_with_the_refusal_and_never_begin_again(self, world: World, steps: Importing) -> None:
        record = await asked(world, bundle(world, "x", tenant="somebody-else").to_json())
        stand, _ = await carried_out(world, steps, record.id)
        ended = await found(world, record.id)
        assert (stand.state, ended.outcome["refusal"]["kind"]) == (ImportState.FAILED, "invalid")
        assert [each["path"] for each in ended.outcome["refusal"]["faults"]] == ["/bundle/tenant"]
        (told,) = await world.events("setting:import:ended")
        assert (told.event["outcome"], told.event["after"]["refusal"]) == ("failure", "invalid")

    async def test_of_somebody_who_may_no_longer_fail(self, world: World, steps: Importing) -> None:
        record = await asked(world, bundle(world, 2).to_json())
        await world.tenants.set_roles(world.root, "ada", frozenset({Role.VIEWER}), "because of the story")
        stand, _ = await carried_out(world, steps, record.id)
        assert stand.state is ImportState.FAILED
        assert (await found(world, record.id)).outcome["refusal"]["kind"] == "permission-missing"

    async def test_that_cannot_reach_the_database_are_tried_again(self, world: World, steps: Importing) -> None:
        record = await asked(world, bundle(world, 2).to_json())
        world.store.down = True  # type: ignore[attr-defined]  # the one in memory
        with pytest.raises(Unavailable):
            await steps.apply(world.tenant.id, record.id, lambda _: None)
        world.store.down = False  # type: ignore[attr-defined]  # the one in memory
        assert (await carried_out(world, steps, record.id))[0].state is ImportState.APPLIED

    async def test_that_wrote_something_else_write_nothing(
        self, world: World, steps: Importing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is looked at before the commit is what is stored, not what was meant."""
        record = await asked(world, bundle(world, 2).to_json())

        async def nothing(*_: Any) -> None: ...

        monkeypatch.setattr("application.settings.transfer.carried_out", nothing)
        stand, _ = await carried_out(world, steps, record.id)
        ended = await found(world, record.id)
        assert (stand.state, ended.outcome["refusal"]["kind"]) == (ImportState.FAILED, NotWhole.kind)
        async with world.store.transaction(world.tenant.id) as tx:
            assert await tx.settings.definition("limit") is None

    @pytest.mark.req("S70")
    async def test_of_what_may_not_go_to_everybody_at_once_fail_before_anything_is_written(
        self, world: World, steps: Importing
    ) -> None:
        record = await asked(world, bundle(world, 2).to_json())
        said = {"strategies": ["canary"]}
        await RolloutPolicies(world.store).put(world.root, (DEV, Kind.SETTING), said, expected=0, reason=WHY)
        stand, told = await carried_out(world, steps, record.id)
        outcome = (await found(world, record.id)).outcome
        assert outcome is not None
        assert (stand.state, outcome["refusal"]["kind"]) == (ImportState.FAILED, "strategy-not-allowed")
        assert {each.phase for each in told} == {"validating", "planning"}

    async def test_given_up_from_outside_end(self, world: World, steps: Importing) -> None:
        record = await asked(world, bundle(world, 2).to_json())
        for _ in range(2):
            stand = await steps.give_up(world.tenant.id, record.id, "cancelled")
            assert stand.state is ImportState.CANCELLED
        assert (await carried_out(world, steps, record.id))[0].state is ImportState.CANCELLED

    async def test_of_what_policy_asks_about_wait_as_the_change(self, world: World, steps: Importing) -> None:
        await world.setting.definitions.create(world.ada, LIMIT.to_json(), WHY)
        await govern(world, QA, 1)
        record = await asked(world, bundle(world, 2).to_json(), QA)
        stand, _ = await carried_out(world, steps, record.id)
        assert (stand.state, stand.change) == (ImportState.AWAITING_APPROVAL, record.id)
        assert await steps.standing(world.tenant.id, record.id) == stand
        assert await steps.apply(world.tenant.id, record.id, lambda _: None) == stand


class TestStart:
    async def test_that_did_not_reach_temporal_is_made_up_for(self, world: World) -> None:
        world.processes.down = True
        record = await asked(world, bundle(world, 2).to_json())
        assert world.processes.imports == []
        world.clock += timedelta(seconds=3)
        (waiting,) = await world.store.waiting()
        assert (waiting.kind.value, waiting.id) == ("import", record.id)
        world.processes.down = False
        await start_waiting_import(world.store, world.processes, waiting.tenant, waiting.id)
        assert (world.processes.imports, await world.store.waiting()) == ([record.id], [])
