"""A worker that is killed between a call and its writing down calls again, under the same id."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from adapters.egress.client import EgressClient
from adapters.notify.events import SignedPosts
from adapters.settings import Settings
from application.events.cases import relay
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


@pytest.mark.req("FR-SM-001")
class TestWorker:
    async def test_tells_and_delivers_by_itself(
        self, neighbourhood: House, made: Parts, surroundings: dict[str, str], tmp_path: Path
    ) -> None:
        webhooks = Webhooks(made.store, made.sealer)
        async with receiving() as receiver, running("-m", "worker", env=surroundings, log=tmp_path / "log"):
            wants = Wants(receiver.url, prefix="alone.")
            subscribed = await webhooks.subscribe(neighbourhood.ada, wants, WHY)
            definition = {"key": "alone.limit", "type": "integer"}
            await SettingDefinitions(made.store).create(neighbourhood.ada, definition, WHY)

            async def delivered() -> bool:
                webhook = subscribed.subscription.id
                found = await webhooks.deliveries(neighbourhood.ada, webhook, DeliveryState.DELIVERED, None, 9)
                return len(found) == 1

            await eventually(delivered, 60)
            assert subscribed.secret is not None
            (event,) = receiver.events(subscribed.secret.reveal())
        assert (event["type"], event["subject"]["key"]) == ("SettingDefined", "alone.limit")


@pytest.mark.req("FR-SM-001")
class TestKilledRelay:
    async def test_an_event_that_arrived_and_was_not_written_down_comes_again_with_its_id(
        self, neighbourhood: House, made: Parts, surroundings: dict[str, str], tmp_path: Path
    ) -> None:
        webhooks = Webhooks(made.store, made.sealer)
        async with receiving() as receiver, EgressClient(allow_loopback=True) as egress:
            subscribed = await webhooks.subscribe(neighbourhood.ada, Wants(receiver.url), WHY)
            definition = {"key": "limit", "type": "integer"}
            await SettingDefinitions(made.store).create(neighbourhood.ada, definition, WHY)
            async with running("-m", "tests.chaos.doomed_relay", env=surroundings, log=tmp_path / "log") as doomed:
                assert await asyncio.wait_for(doomed.wait(), 60) == -signal.SIGKILL, (tmp_path / "log").read_text()
            webhook = subscribed.subscription.id
            (left,) = await webhooks.deliveries(neighbourhood.ada, webhook, None, None, 9)
            assert (left.state, left.attempts) == (DeliveryState.DUE, 1)
            healthy = relay(made.store, made.sealer, SignedPosts(egress), 7)
            await healthy.round()
            await healthy.settled()
            assert len(receiver.taken) == 1, "the lease of the dead one still stands"
            async with made.engine.begin() as connection:
                tenant = {"id": str(neighbourhood.id)}
                await connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), tenant)
                await connection.execute(text("UPDATE webhook_delivery SET leased_until = now()"))
            await healthy.round()
            await healthy.settled()
            (settled,) = await webhooks.deliveries(neighbourhood.ada, webhook, None, None, 9)
            assert (settled.state, settled.attempts) == (DeliveryState.DELIVERED, 2)
            assert receiver.ids == [str(left.event)] * 2
            assert subscribed.secret is not None
            first, second = receiver.events(subscribed.secret.reveal())
            assert first == second
