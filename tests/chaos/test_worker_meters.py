"""A receiver that is away is seen at the port where a worker tells its numbers, and so is its return."""

import asyncio
import re
import urllib.request
from pathlib import Path
from urllib.error import URLError
from uuid import uuid4

import pytest

from adapters.postgres.store import PostgresStore
from adapters.settings import Settings
from application.destinations import Destinations, DestinationWish
from application.notices import tell
from application.ports.outward import DestinationKind
from bootstrap import Parts
from tests.chaos.conftest import eventually, free_port, running
from tests.conftest import House
from tests.receiving import receiving

SECRET = "whsec_" + "c2VjcmV0" * 4


def scraped(port: int, outcome: str) -> float:
    """How many messages to webhooks fared so; none while the worker does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            text = answer.read().decode()
    except URLError:
        return 0
    found = re.search(rf'^changegate_deliveries_total{{kind="webhook",outcome="{outcome}"}} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0


@pytest.mark.req("S77")
@pytest.mark.usefixtures("empty_post")
async def test_a_worker_tells_how_its_deliveries_fare(
    house: House, store: PostgresStore, surroundings: dict[str, str], tmp_path: Path
) -> None:
    keys = {"database_url": surroundings["CHANGEGATE_DATABASE_URL"], "keys": surroundings["CHANGEGATE_KEYS"]}
    sealer, port = Parts(Settings.model_validate(keys)).sealer, free_port()

    async def counted(outcome: str) -> float:
        return await asyncio.to_thread(scraped, port, outcome)

    async with receiving() as receiver:
        wish = DestinationWish(DestinationKind.WEBHOOK, receiver.url, SECRET)
        await Destinations(store, sealer).put(house.root, "ops", wish, expected=0, reason="because of the test")
        receiver.status = 503
        facts = {"title": "flag checkout", "environment": "production", "outcome": "succeeded"}
        async with store.transaction(house.id) as tx:
            await tell(tx, "rollout_finished", [None], facts, link=f"/rollouts/{uuid4()}", seed=uuid4())
        env = {**surroundings, "CHANGEGATE_WORKER_METRICS_PORT": str(port)}
        async with running("-m", "worker", env=env, log=tmp_path / "worker.log"):
            await eventually(lambda: counted("retried"))
            assert await counted("delivered") == 0
            receiver.status = 200
            await eventually(lambda: counted("delivered"))
    assert len(set(receiver.ids)) == 1
