"""Periods that open by themselves are found by either store: in memory and in PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

from application.periods.opening import Opening
from application.ports.periods import EntityBooks
from domain.periods import LateEntries, Posting, Status
from tests.contract.homes import Home
from tests.gatekeeping import Bookroom

TODAY = datetime.now(UTC).date()


async def furnished(home: Home, *, opens_itself: bool = True, year: int = TODAY.year) -> Bookroom:
    """With years on both sides of the turn of a year."""
    room = Bookroom(home.store, home.tenant.id, home.ada.id)
    await room.furnish(year - 1, year, year + 1, scopes=("AP", "GL"))
    async with home.transaction() as tx:
        await tx.books.put(
            EntityBooks("acme", room.calendar, LateEntries.REJECT, None, room.version + 1, opens_itself=opens_itself)
        )
    return room


async def due(home: Home) -> set[tuple[str, str]]:
    store: Any = home.store  # both stores answer
    return {(entity, scope) for tenant, entity, scope in await store.due_openings() if tenant == home.tenant.id}


class TestDueOpenings:
    async def test_are_of_every_scope_that_nobody_opened(self, home: Home) -> None:
        room = await furnished(home)
        assert await due(home) == {("acme", "AP"), ("acme", "GL")}
        for code in room.periods:
            await room.stand(code, "AP", "open")
        assert await due(home) == {("acme", "GL")}

    async def test_are_of_books_that_say_so(self, home: Home) -> None:
        await furnished(home, opens_itself=False)
        assert await due(home) == set()

    async def test_are_of_today(self, home: Home) -> None:
        await furnished(home, year=TODAY.year - 3)
        assert await due(home) == set()

    async def test_open_in_the_name_of_nobody(self, home: Home) -> None:
        room = await furnished(home)
        store: Any = home.store
        assert await Opening(store).open(home.tenant.id, "acme", "AP")
        async with home.transaction() as tx:
            (gate,) = await tx.periods.gates("acme", list(room.periods.values()))
        assert (gate.key.scope, gate.status, gate.posting, gate.changed_by) == ("AP", Status.OPEN, Posting.ALL, None)
        assert gate.key.period == room.periods[f"{datetime.now(UTC):%Y-%m}"]
