"""A worker that is killed between a call and its writing down calls again, under the same id."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from adapters.settings import Settings
from application.events.webhooks import Webhooks
from application.settings.definitions import SettingDefinitions
from bootstrap import Parts
from domain.events import DeliveryState, Wants
from tests.chaos.conftest import eventually, running
from tests.conftest import House
from tests.receiving import receiving

WHY = "because of the test"


@pytest_asyncio.fixture
async def made(surroundings: dict[str, str]) -> AsyncIterator[Parts]:
    """The parts that the processes have, too."""
    found = {"database_url": surroundings["CHANGEGATE_DATABASE_URL"], "keys": surroundings["CHANGEGATE_KEYS"]}
    made = Parts(Settings.model_validate(found))
    yield made
    await made.close()


@pytest.mark.req("FR-SM-001", "CB-21")
class TestKilledWorker:
    async def test_an_event_that_arrived_and_was_not_written_down_comes_again_with_its_id(
        self, neighbourhood: House, made: Parts, surroundings: dict[str, str], tmp_path: Path
    ) -> None:
        webhooks = Webhooks(made.store, made.sealer)
        async with receiving() as receiver:
            subscribed = await webhooks.subscribe(neighbourhood.ada, Wants(receiver.url, prefix="killed."), WHY)
            webhook = subscribed.subscription.id
            definition = {"key": "killed.limit", "type": "integer"}
            await SettingDefinitions(made.store).create(neighbourhood.ada, definition, WHY)
            order = json.dumps({receiver.url: "after"})
            doomed = running("-m", "tests.chaos.doomed_courier", order, env=surroundings, log=tmp_path / "log")
            async with doomed as process:
                assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL, (tmp_path / "log").read_text()
            (left,) = await webhooks.deliveries(neighbourhood.ada, webhook, None, None, 9)
            assert (left.state, left.attempts) == (DeliveryState.DUE, 1)
            async with running("-m", "worker", env=surroundings, log=tmp_path / "log"):

                async def delivered() -> bool:
                    return bool(await webhooks.deliveries(neighbourhood.ada, webhook, DeliveryState.DELIVERED, None, 9))

                await eventually(delivered, 120)
            assert receiver.ids == [str(left.event)] * 2
            assert subscribed.secret is not None
            first, second = receiver.events(subscribed.secret.reveal())
            assert first == second
