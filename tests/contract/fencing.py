"""Books with a module in another database, whose gates of March move as a test wants."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from application.fences.asking import request
from domain.closures.controls import Total
from domain.fences import Acknowledgement, Fence, FencedPeriod, RemoteModule
from domain.people import Actor, Principal, PrincipalKind, Role
from domain.periods import GateKey, PeriodGate
from tests.contract.books import Kept, kept
from tests.contract.homes import LONG_AGO, Home

RUN = UUID(int=54)


def said(epoch: int, entries: int = 12, **given: Any) -> Acknowledgement:
    totals = (Total("EUR", Decimal("10.05"), Decimal("10.05")),)
    return Acknowledgement(epoch, **{"high_water": "INV-417", "entries": entries, "totals": totals, **given})


@dataclass
class Fenced:
    books: Kept
    speaker: Actor
    period: FencedPeriod

    @property
    def home(self) -> Home:
        return self.books.home

    @property
    def key(self) -> GateKey:
        return self.books.key()

    def person(self, handle: str) -> Actor:
        return self.books.people[handle].actor

    async def move(self, *ways: str) -> PeriodGate:
        """Of the gate of AP in March: `opened`, `soft_closed`, `frozen`, `closed`."""
        async with self.home.transaction() as tx:
            gate: PeriodGate = (await tx.periods.hold([self.key]))[self.key]
            for way in ways:
                gate = getattr(gate, way)(self.home.ada.id, LONG_AGO, "because")
                await tx.periods.move([gate])
            return gate

    async def ask(self, gate: PeriodGate, run: UUID | None = RUN) -> list[Fence]:
        async with self.home.transaction() as tx:
            return await request(tx, run, [gate], [self.period])

    async def asked(self, *ways: str, run: UUID | None = RUN) -> Fence:
        """The fence of the last of these moves."""
        (fence,) = await self.ask(await self.move(*ways), run)
        return fence

    async def check(self, epoch: int, module: str = "AP") -> None:
        async with self.home.transaction() as tx:
            await tx.fences.assert_epoch(module, self.key.entity, self.key.period, epoch)


async def fenced(home: Home, *, issuer: str = "iss") -> Fenced:
    """One module, AP, with a service that speaks for it."""
    books = await kept(home)
    service = Principal(
        home.tenant.id, uuid4(), issuer, "payables", "payables", PrincipalKind.SERVICE, roles=frozenset({Role.VIEWER})
    )
    async with home.transaction() as tx:
        await tx.people.admit(service)
        await tx.fences.put_module(RemoteModule("AP", "Payables", "AP", service.id))
    march = books.year.year.periods[2]
    period = FencedPeriod(books.period(3), "2024-03", march.name, march.begins, march.ends)
    return Fenced(books, service.actor, period)
