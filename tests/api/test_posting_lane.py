"""The quick lane of posting checks says what the road says, and the client in Python reads it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, date, datetime
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from changegate import AsyncClient, PostingCheck
from sqlalchemy import Engine, event

from api.schemas.posting_checks import PostingChecksOut
from domain.periods import LateEntries
from tests.api.test_effective_lane import was_quick
from tests.api.test_posting_checks import APRIL, MARCH, PATH, asked
from tests.gatekeeping import Bookroom

HANDLES = ("eve", "ada", "bob", "cyd", "root")
asking: ContextVar[bool] = ContextVar("asking", default=False)
"""Whatever else the process does meanwhile, it does not do for who asks."""


@pytest_asyncio.fixture
async def books(world: Any, house: Any) -> Bookroom:
    room = Bookroom(world.services.store, house.id, house.people["root"].id)
    await room.furnish(2024, zone="America/New_York")
    return room


@pytest.fixture
def road(world: Any, house: Any) -> Callable[..., Any]:
    """The same question through the router."""

    async def sent(handle: str, body: Any) -> httpx2.Response:
        transport, headers = httpx2.ASGITransport(app=world.app.road), world.headers(house, handle)
        async with httpx2.AsyncClient(transport=transport, base_url="http://changegate.test", headers=headers) as http:
            return await http.post(f"/api/v1{PATH}", json=body)

    return sent


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """What any engine sends to PostgreSQL for who is asking."""
    sent: list[str] = []

    def hear(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        del connection, cursor, more
        if asking.get():
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    yield sent
    event.remove(Engine, "before_cursor_execute", hear)


class TestLane:
    async def test_says_what_the_road_says(self, books: Bookroom, ask: Any, road: Any) -> None:
        await books.stand(MARCH, "AP", "open")
        body = {"checks": [asked(), asked(scope="GL"), asked(date="2030-01-01"), asked(entity="nobody")]}
        quick, slow = await ask("eve", "POST", PATH, json=body), await road("eve", body)
        assert was_quick(quick)
        assert not was_quick(slow)
        assert quick.json()["answers"] == slow.json()["answers"]
        assert quick.headers["Content-Type"] == slow.headers["Content-Type"]
        assert quick.headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize(
        ("content", "media", "status"),
        [
            (b"{", "application/json", 400),
            (b"", "application/json", 422),
            (b'{"checks": []}', "text/plain", 422),
            (b'{"checks": [{"entity": "a\\u0000"}]}', "application/json", 422),
            (b"[" * 2_000_000, "application/json", 413),
        ],
    )
    async def test_leaves_to_the_road_what_is_not_plain(
        self, ask: Any, content: bytes, media: str, status: int
    ) -> None:
        answer = await ask("eve", "POST", PATH, content=content, headers={"Content-Type": media})
        assert (answer.status_code, was_quick(answer)) == (status, False)
        assert answer.headers["Content-Type"] == "application/problem+json"

    async def test_leaves_refusals_and_other_methods_to_the_road(self, ask: Any, house: Any, books: Bookroom) -> None:
        assert (await ask("eve", "GET", PATH)).status_code == 405
        stranger = {"Authorization": "Bearer nonsense", "Changegate-Tenant": house.tenant.slug}
        answer = await ask(None, "POST", PATH, json={"checks": [asked()]}, headers=stranger)
        assert answer.json()["type"].endswith("token-invalid")

    async def test_a_defect_is_told_by_the_road(
        self, ask: Any, books: Bookroom, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(PostingChecksOut, "of", None)
        answer = await ask("eve", "POST", PATH, json={"checks": [asked()]})
        assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")

    @pytest.mark.req("FP44")
    async def test_answers_five_hundred_at_once_from_memory(
        self, books: Bookroom, ask: Any, eventually: Any, statements: list[str]
    ) -> None:
        await books.stand(MARCH, "AP", "open")
        body, answers = {"checks": [asked(), asked(scope="GL")]}, list[httpx2.Response]()

        async def silently() -> bool:
            """Not while the news of the move above has yet to be heard."""
            statements.clear()
            asking.set(True)
            answers[:] = await asyncio.gather(*(ask(handle, "POST", PATH, json=body) for handle in HANDLES * 100))
            return not statements

        assert not await silently(), "the first of them had to read"
        await eventually(silently)
        assert all(was_quick(each) for each in answers)
        assert [[one["allowed"] for one in each.json()["answers"]] for each in answers] == [[True, False]] * 500

    async def test_is_counted_as_its_route(self, world: Any, ask: Any, books: Bookroom) -> None:
        counted = f'changegate_requests_total{{method="POST",route="/api/v1{PATH}",status="200"}}'

        def count() -> float:
            lines = world.app.state.meters.exposition().decode().splitlines()
            return sum(float(line.removeprefix(counted)) for line in lines if line.startswith(counted))

        before = count()
        await ask("eve", "POST", PATH, json={"checks": [asked()]})
        assert count() == before + 1


class TestPythonClient:
    @pytest_asyncio.fixture
    async def client(self, world: Any, house: Any, address: str) -> AsyncIterator[AsyncClient]:
        token = world.headers(house, "eve")["Authorization"].removeprefix("Bearer ")
        async with AsyncClient(address, token, tenant=house.tenant.slug) as made:
            yield made

    @pytest.mark.req("FP70")
    async def test_is_told_where_a_late_entry_goes(self, books: Bookroom, client: AsyncClient) -> None:
        await books.late(LateEntries.SWEEP)
        await books.stand(MARCH, "AP", "closed")
        await books.stand(APRIL, "AP", "open")
        on = [date(2024, 3, 15), datetime(2024, 4, 1, 3, 30, tzinfo=UTC), datetime(2024, 4, 1, 4, tzinfo=UTC)]
        told = await client.postings.check([PostingCheck("acme", "AP", "transaction", each) for each in on])
        assert [(each.date, each.allowed, each.post_on) for each in told.answers] == [
            (date(2024, 3, 15), False, date(2024, 4, 1)),
            (date(2024, 3, 31), False, date(2024, 4, 1)),
            (date(2024, 4, 1), True, None),
        ]
        assert told.answers[0].period is not None
        assert told.answers[0].period.ends == date(2024, 3, 31)

    async def test_refuses_an_instant_without_offset_by_itself(self, client: AsyncClient) -> None:
        naive = datetime(2024, 3, 31)  # noqa: DTZ001 -- that it has no offset is what is refused
        with pytest.raises(ValueError, match="offset"):
            await client.postings.check([PostingCheck("acme", "AP", "transaction", naive)])
