"""While a deployment grows, who holds the old version and who the new one sum to those that are live."""

from dataclasses import replace
from typing import Any

import pytest

from domain.environments import Environment
from domain.gates import Verdict
from tests.api.driving import Drive, begun
from tests.api.trees import FLAG, WHY

NAMES = ("a", "b", "c", "d")
STAGES = {
    "strategy": "canary",
    "stages": [{"percent": percent, "min_soak_seconds": 0} for percent in (10, 50, 100)],
    "bake_seconds": 0,
}


@pytest.fixture
async def drive(ask: Any, world: Any, house: Any) -> Drive:
    wish = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
    assert (await ask("ada", "POST", "/flags", json=wish)).status_code == 201
    change = {
        "environment": "dev", "key": "checkout", "definition": {**FLAG, "defaultVariant": "on"}, "base_version": 1,
        "plan": STAGES, "gates": {"acknowledge_infeasible": True}, **WHY,
    }  # fmt: skip
    made = await ask("root", "POST", "/changes", json=change)
    assert made.status_code == 201, made.text

    async def as_root(method: str, path: str) -> Any:
        return await ask("root", method, path)

    return await begun(world, house, made.json()["id"], as_root)


async def passed(drive: Drive) -> None:
    """The gate of the present stage says so."""
    async with drive.store.transaction(drive.tenant) as tx:
        found = await tx.rollouts.get(drive.rollout, lock=True)
        assert found is not None
        await tx.rollouts.save(replace(found, verdict=Verdict.PASS))


@pytest.fixture
def versions(ask: Any, world: Any, drive: Drive) -> Any:
    """How many of those that are live hold which version, once these have said that they hold the latest."""

    async def counted(*names: str) -> dict[int, int]:
        await world.services.events.publisher.publish(drive.tenant)
        async with drive.store.transaction(drive.tenant) as tx:
            latest = await tx.flags.revision(Environment.DEV)
        said = {"environment": "dev", "instances": [{"name": name, "flags": latest} for name in names]}
        assert (await ask("shop", "POST", "/instances/acknowledgements", json=said)).status_code == 200
        await world.services.sightings.flush()
        found = (await ask("eve", "GET", "/targets/dev/flag/checkout/instances")).json()
        assert found["live"] == len(NAMES)
        assert sum(each["instances"] for each in found["versions"]) == len(NAMES)
        return {each["version"]: each["instances"] for each in found["versions"] if each["instances"]}

    return counted


@pytest.mark.req("S60")
async def test_old_and_new_sum_to_those_that_are_live_in_every_stage(drive: Drive, versions: Any) -> None:
    before = (await versions(*NAMES)).keys()
    assert before == {1}
    for stage in range(3):
        new = await drive.expose(stage)
        assert await versions("a") == {new - 1: 3, new: 1}
        assert await versions("b", "c") == {new - 1: 1, new: 3}
        assert await versions("d") == {new: 4}
        await passed(drive)
    await drive.go_back()
    assert await versions("a", "b", "c", "d") == {5: 4}
