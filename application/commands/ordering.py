"""An execution as its handler sees it: what it sends is sent with what it writes, or at once."""

from application.commands.handling import Order
from application.commands.sending import Sent, send_in
from application.ports.store import Store, Transaction
from domain.commands import Command, CommandRecord, caused


def order_of(store: Store, record: CommandRecord, tx: Transaction | None = None) -> Order:
    async def send(*commands: Command) -> list[Sent]:
        wished = [caused(command, record.command) for command in commands]
        if tx is not None:
            return await send_in(tx, wished)
        async with store.transaction(record.tenant) as own:
            return await send_in(own, wished)

    return Order.of(record, send)
