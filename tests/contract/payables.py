"""Payables that are paid by commands, in the books of one entity."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from pydantic import BaseModel

from application.commands.acts import Acts
from application.commands.executing import Executing
from application.commands.handling import Handlers, Order, handles
from application.commands.sending import send_in
from domain.canonical import Json
from domain.commands import Command, CommandRecord, Options
from domain.commands.operations import Act, Decision
from domain.commands.outcomes import HandlerKind, Permanent
from domain.commands.policies import TypePolicy
from domain.periods import PeriodGate, Posting
from tests.contract.books import ENTITY, Kept
from tests.contract.homes import LONG_AGO

MARCH = date(2024, 3, 15)
PAID = "SE00 1234"


async def nothing() -> None:
    pass


class Invoice(BaseModel):
    account: str = PAID


@dataclass
class Payables:
    """`bounces` is which of them nobody can pay; `meanwhile` is what goes on as one is paid."""

    paid: list[str] = field(default_factory=list)
    bounces: str | None = None
    meanwhile: Callable[[], Awaitable[None]] = nothing

    @handles("payables.pay", Invoice, HandlerKind.TRANSACTIONAL, policy=TypePolicy(posts="AP"))
    async def pay(self, order: Order, invoice: Invoice, connection: object) -> Json:
        del connection
        self.paid.append(order.idempotency_key)
        await self.meanwhile()
        if order.command.id == self.bounces:
            raise Permanent("no-account", details={"account": len(invoice.account)})
        return {}

    @handles("payables.remind", Invoice, HandlerKind.TRANSACTIONAL)
    async def remind(self, order: Order, invoice: Invoice, connection: object) -> Json:
        del invoice, connection
        self.paid.append(order.idempotency_key)
        return {}


@dataclass
class Office:
    """Where commands are sent by `viv`, and executed by hand."""

    books: Kept
    payables: Payables = field(default_factory=Payables)

    @property
    def handlers(self) -> Handlers:
        return Handlers(self.payables)

    async def send(self, name: str, type: str = "payables.pay", **options: Any) -> CommandRecord:  # noqa: A002 -- the command's
        command = Command(type, name, {"account": PAID}, options=Options(**options))
        async with self.books.home.transaction() as tx:
            (sent,) = await send_in(tx, [command], self.books.people["viv"].actor, paths=[""])
        return sent.record

    async def pay(self, *names: str, **given: Any) -> None:
        for name in names:
            await self.send(name, **{"entity": ENTITY, "effective_date": MARCH, **given})

    async def execute(self) -> dict[str, int]:
        lease, home = uuid4(), self.books.home
        async with home.transaction() as tx:
            await tx.commands.lease("payables", 100, tx.now + timedelta(minutes=1), lease)
        return await Executing(home.store, self.handlers).execute(home.tenant.id, lease)

    async def stand(self, name: str) -> CommandRecord:
        async with self.books.home.transaction() as tx:
            found = await tx.commands.get(("payables", name))
        assert isinstance(found, CommandRecord)
        return found

    async def reopen(self) -> None:
        await self.move(lambda gate: gate.reopened(Posting.ALL, self.books.home.ada.id, LONG_AGO, "a late invoice"))

    async def close(self) -> None:
        await self.move(self.closed)

    def closed(self, gate: PeriodGate) -> PeriodGate:
        return gate.closed(self.books.home.ada.id, LONG_AGO, "the month is over")

    async def move(self, step: Any) -> None:
        key = self.books.key()
        async with self.books.home.transaction() as tx:
            held: dict[Any, PeriodGate] = await tx.periods.hold([key])
            await tx.periods.move([step(held[key])])

    async def retry(self, name: str, *, alone: bool | None = None) -> None:
        seen = (await self.stand(name)).version
        decision = Decision(Act.RETRY, "the month is open again", alone=alone)
        store: Any = self.books.home.store
        await Acts(store).decide(self.books.people["ope"].actor, ("payables", name), seen, uuid4(), decision)


async def opened(books: Kept) -> Office:
    """With March open."""
    office = Office(books)
    store: Any = books.home.store
    await store.put_command_types(office.handlers.types())
    await books.put("all", books.key())
    return office
