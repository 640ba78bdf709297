"""What was added to an outbox and committed is passed on to Temporal, or set aside where it cannot be."""

from typing import Final, TypeAlias

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from temporal_outbox.events import Tell, logged
from temporal_outbox.news import news
from temporal_outbox.passing import Passing
from temporal_outbox.relay import Relay
from temporal_outbox.source import Batch, Config, OutboxSource
from temporal_outbox.table import Outbox

OutboxRelay: TypeAlias = Relay[str, Batch]
CONFIG: Final = Config()


def relay_of(
    engine: AsyncEngine,
    client: Client,
    outbox: Outbox | None = None,
    config: Config = CONFIG,
    tell: Tell = logged,
) -> OutboxRelay:
    """Any number of them may run on one table. The outbox is by default the one of the client's namespace."""
    outbox = outbox or Outbox(namespace=client.namespace)
    if outbox.namespace != client.namespace:
        raise ValueError(f"the outbox is for {outbox.namespace} and the client for {client.namespace}")
    source = OutboxSource(engine, Passing(client, config.more), outbox, config, tell)
    return Relay(source, news=news(engine, outbox), pace=config.pace, tell=tell)
