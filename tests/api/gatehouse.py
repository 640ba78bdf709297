"""An entity with books, and what people of the house do with its periods over the API."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from adapters.postgres.store import PostgresStore
from application.periods.places import period_called
from application.ports.periods import PostingAsked
from domain.errors import Refusal
from domain.periods import Operation
from tests.api.bookkeeping import V0, WHY, Books

SCOPES = ("AP", "AR", "GL")


@dataclass(frozen=True)
class Gatehouse:
    ask: Any
    store: PostgresStore
    house: Any

    async def furnish(self, year: int = 2025, **books: Any) -> None:
        papers = Books(self.ask)
        await papers.entity("acme", "America/New_York")
        await papers.rule(adjusting_periods=1)
        await papers.year(year)
        for code in SCOPES:
            wish = {"name": code, "ledger": code == "GL", **WHY}
            assert (await self.ask("root", "PUT", f"/posting-scopes/{code}", json=wish, headers=V0)).is_success
        wish = {"calendar": "books", **books, **WHY}
        answer = await self.ask("root", "PUT", "/entities/acme/books", json=wish, headers=V0)
        assert answer.status_code == 200, answer.text

    async def move(self, verb: str, code: str, *scopes: str, handle: str = "root", **more: Any) -> Any:
        """A period, or a year where the code is one."""
        part = "periods" if "-" in code else "years"
        wish = {"scopes": list(scopes), **WHY, **more}
        return await self.ask(handle, "POST", f"/entities/acme/{part}/{code}/{verb}", json=wish)

    async def moved(self, verb: str, code: str, *scopes: str) -> Any:
        answer = await self.move(verb, code, *scopes)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def close(self, code: str, *scopes: str) -> None:
        """As the transaction of a close does it."""
        async with self.store.transaction(self.house.id) as tx:
            place = await period_called(tx, "acme", code)
            held = await tx.periods.hold([place.key(scope) for scope in scopes or SCOPES])
            await tx.periods.move([held[key].closed(None, tx.now, WHY["reason"]) for key in sorted(held)])

    async def posted(self, handle: str, scope: str, day: str, operation: str = "transaction") -> str:
        """What the guard in the database says: the sentence of its refusal, or nothing."""
        person = getattr(self.house, handle).id
        asked = PostingAsked("acme", scope, Operation(operation), date.fromisoformat(day), person)
        try:
            async with self.store.transaction(self.house.id) as tx:
                await tx.periods.assert_postable(asked)
        except Refusal as refusal:
            return str(refusal)
        return ""

    async def stands(self, code: str) -> dict[str, str]:
        told = (await self.ask("eve", "GET", f"/entities/acme/periods/{code}")).json()
        return {gate["scope"]: f"{gate['status']}/{gate['posting']}" for gate in told["gates"]}
