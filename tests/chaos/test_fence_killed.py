"""A worker that is killed between a module's handler and its reply leaves a fence that is settled once."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.postgres.store import PostgresStore
from application.commands.handling import Handlers
from application.ports.records import AuditFilter
from domain.audit import Action
from domain.commands import CommandState
from domain.fences import Fence, FenceState
from tests.chaos.conftest import eventually, running
from tests.chaos.doomed_fences import Gatehouse
from tests.contract.fencing import Fenced, fenced
from tests.contract.homes import moved_in

pytestmark = pytest.mark.timeout(300)


async def asked(store: PostgresStore) -> tuple[Fenced, Fence]:
    """A fence of a module that is told by commands, for which no close waits."""
    await store.put_command_types(Handlers(Gatehouse()).types())
    place = await fenced(await moved_in(store))
    async with place.home.transaction() as tx:
        module = await tx.fences.module("AP", lock=True)
        await tx.fences.put_module(replace(module, told_by="gatehouse.set-gate", version=2))
    return place, await place.asked("opened", "soft_closed", run=None)


@pytest.mark.req("FP54")
async def test_it_is_settled_once(store: PostgresStore, surroundings: dict[str, str], tmp_path: Path) -> None:
    place, fence = await asked(store)
    heard, log = tmp_path / "heard", tmp_path / "worker.log"
    env = {
        **surroundings, "CHANGEGATE_HANDLERS": "tests.chaos.doomed_fences:Gatehouse",
        "DOOMED_HEARD": str(heard), "DOOMED_TENANT": str(place.home.tenant.id),
    }  # fmt: skip
    stands = {}
    for dies in ("handler", "settled"):
        module = running("-m", "tests.chaos.doomed_fences", env={**env, "DOOMED": dies}, log=log)
        async with module as doomed:
            assert await doomed.wait() == -signal.SIGKILL, log.read_text()
        async with place.home.transaction() as tx:
            stands[dies] = (await tx.fences.get(fence.id)).state
    assert stands == {"handler": FenceState.ASKED, "settled": FenceState.ACKNOWLEDGED}

    async def over() -> bool:
        async with place.home.transaction() as tx:
            reply = await tx.commands.get(("changegate", f"answer:gatehouse:fence:{fence.id}"))
        return reply is not None and reply.state is CommandState.COMPLETED

    async with running("-m", "worker", env=env, log=log):
        await eventually(over, 60)
    async with place.home.transaction() as tx:
        after = await tx.fences.get(fence.id)
        rows = await tx.audit.page(AuditFilter(action=Action.FENCE_ACKNOWLEDGED), None, 9)
    assert heard.read_text().splitlines() == [f"gatehouse/fence:{fence.id}:1"] * 2
    assert (after.state, after.settled_by, len(rows)) == (FenceState.ACKNOWLEDGED, place.speaker.id, 1)
