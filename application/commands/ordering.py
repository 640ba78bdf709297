"""An execution as its handler sees it: what it sends or starts is written with what it writes, or at once."""

import asyncio
from dataclasses import replace

from application.commands.handling import Order
from application.commands.reading import Ready
from application.commands.sending import Sent, send_in
from application.ports.store import Store, Transaction
from application.sagas.starting import Started, start_process
from domain.canonical import Json
from domain.commands import Command, CommandRecord, caused, name_of
from domain.commands.outcomes import Transient
from domain.sagas import Wish


def order_of(store: Store, record: CommandRecord, tx: Transaction | None = None) -> Order:
    async def send(*commands: Command) -> list[Sent]:
        wished = [caused(command, record.command) for command in commands]
        if tx is not None:
            return await send_in(tx, wished)
        async with store.transaction(record.tenant) as own:
            return await send_in(own, wished)

    async def start(wish: Wish) -> Started:
        if tx is not None:
            return await _started(tx, record, wish)
        async with store.transaction(record.tenant) as own:
            return await _started(own, record, wish)

    return Order.of(record, send, start)


async def answer_of(each: Ready, order: Order, *connection: object) -> Json:
    """What its handler returns, or raises; Transient when it took too long."""
    seconds = each.handler.policy.timeout_seconds
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await each.handler.call(order, each.payload, *connection)
    except TimeoutError:
        if not limit.expired():
            raise
        raise Transient("timeout", f"it was not done within {seconds:g} seconds") from None


async def _started(tx: Transaction, record: CommandRecord, wish: Wish) -> Started:
    """In the name of whoever sent the command, and part of what that belongs to."""
    asked = record.command.options
    whole = replace(
        wish, causation=name_of(record.key), correlation=wish.correlation or asked.correlation,
        change=wish.change or asked.change,
    )  # fmt: skip
    sender = await tx.people.actor(record.sender) if record.sender else None
    return await start_process(tx, whole, sender)
