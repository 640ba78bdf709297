"""Whether something may be posted is told at once, and follows every move of a gate."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.ports.periods import PostingAsked
from domain.periods import LateEntries, Operation, PeriodClosed, Scope
from tests.api.test_effective_lane import was_quick
from tests.conftest import House, housed
from tests.gatekeeping import Bookroom

PATH = "/posting-checks"
MARCH, APRIL = "2024-03", "2024-04"
DAY = {"date": "2024-03-15"}


def asked(**more: Any) -> dict[str, Any]:
    return {"entity": "acme", "scope": "AP", "operation": "transaction", **(more if _says_when(more) else DAY | more)}


def _says_when(more: dict[str, Any]) -> bool:
    return not more.keys().isdisjoint({"date", "instant"})


@pytest_asyncio.fixture
async def books(world: Any, house: Any) -> Bookroom:
    room = Bookroom(world.services.store, house.id, house.people["root"].id)
    await room.furnish(2024, zone="America/New_York")
    return room


@pytest.fixture
def check(ask: Any) -> Callable[..., Any]:
    """Asked as eve unless said; the answers, of which there is one for each check."""

    async def checked(*checks: dict[str, Any], by: str = "eve", **more: Any) -> Any:
        answer = await ask(by, "POST", PATH, json={"checks": list(checks), **more})
        assert answer.status_code == 200, answer.text
        return answer.json()["answers"]

    return checked


@pytest.fixture
def told(check: Any) -> Callable[..., Any]:
    """What the guard would refuse it for."""

    async def of(**more: Any) -> Any:
        (answer,) = await check(asked(**more))
        assert answer["allowed"] is (answer["reason_code"] is None)
        return answer["reason_code"]

    return of


@pytest.fixture
def becomes(told: Any, eventually: Any) -> Callable[..., Awaitable[Any]]:
    """It is told so as soon as the news was heard."""
    return lambda reason, **more: eventually(lambda: _is(told, reason, more))


async def _is(told: Any, reason: str | None, more: dict[str, Any]) -> bool:
    return bool(await told(**more) == reason)


@pytest_asyncio.fixture
async def neighbour(store: PostgresStore) -> House:
    return await housed(store)


class TestAnswer:
    async def test_has_all_that_is_known_of_the_gate(self, books: Bookroom, check: Any) -> None:
        await books.stand(MARCH, "AP", "soft")
        await books.stand(APRIL, "AP", "open")
        (answer,) = await check(asked())
        assert answer == {
            "entity": "acme", "scope": "AP", "operation": "transaction", "date": "2024-03-15",
            "allowed": False, "binding": False,
            "period": {"id": str(books.periods[MARCH]), "code": "2024-03", "name": "FY2024 P03",
                       "kind": "standard", "begins": "2024-03-01", "ends": "2024-03-31"},
            "status": "open", "policy": "adjust_only", "epoch": 2,
            "reason_code": "adjustments-only", "message": "Period 'FY2024 P03' is locked.",
            "next_open_date": "2024-04-01", "late_entries": "reject", "post_on": None, "around": None,
        }  # fmt: skip

    @pytest.mark.req("FP42")
    async def test_follows_every_move_of_the_gate(self, books: Bookroom, told: Any, becomes: Any) -> None:
        assert await told() == "period-pending"
        for verb, reason in (("opened", None), ("soft_closed", "adjustments-only"), ("opened", None),
                             ("closed", "period-closed"), ("locked", "period-locked")):  # fmt: skip
            await books.move(MARCH, "AP", verb)
            await becomes(reason)

    @pytest.mark.req("FP36")
    async def test_follows_an_exception_and_its_end(self, house: Any, books: Bookroom, told: Any, becomes: Any) -> None:
        await books.stand(MARCH, "AP", "closed")
        assert await told() == "period-closed"
        exception = await books.grant(MARCH, "AP", house.people["eve"].id)
        await becomes(None)
        async with books.store.transaction(house.id) as tx:
            held = await tx.periods.exception(exception.id, lock=True)
            assert held is not None
            await tx.periods.revoke(replace(held, revoked_at=tx.now, revoked_by=books.by))
        await becomes("period-closed")

    async def test_follows_scopes_and_years(self, books: Bookroom, told: Any, becomes: Any, ask: Any) -> None:
        assert [await told(scope="FA"), await told(date="2025-01-01")] == ["scope-missing", "no-period"]
        async with books.store.transaction(books.tenant) as tx:
            await tx.books.put_scope(Scope("FA", "Assets"))
        await becomes("period-pending", scope="FA")
        made = await ask("root", "POST", "/calendars/c-acme/years/2025", json={"reason": "because of the test"})
        assert made.status_code == 201, made.text
        await becomes("period-pending", date="2025-01-01")

    @pytest.mark.req("FP70")
    async def test_follows_what_the_books_say_of_late_entries(
        self, books: Bookroom, check: Any, eventually: Any
    ) -> None:
        await books.stand(MARCH, "AP", "closed")
        await books.stand(APRIL, "AP", "open")
        for late, day in ((LateEntries.SWEEP, "2024-04-01"), (LateEntries.EXCEPTION, None), (LateEntries.REJECT, None)):
            await books.late(late)

            async def heard(said: tuple[Any, ...] = (False, late, "2024-04-01", day)) -> bool:
                (answer,) = await check(asked())
                told = [answer[name] for name in ("allowed", "late_entries", "next_open_date", "post_on")]
                return tuple(told) == said

            await eventually(heard)

    @pytest.mark.req("FP42")
    async def test_binds_nobody_where_the_guard_says_otherwise(
        self, world: Any, house: Any, books: Bookroom, told: Any
    ) -> None:
        await books.stand(MARCH, "AP", "open")
        assert await told() is None
        await books.move(MARCH, "AP", "closed")
        posting = PostingAsked("acme", "AP", Operation.TRANSACTION, date(2024, 3, 15), house.people["ada"].id)
        with pytest.raises(PeriodClosed):
            async with world.services.store.transaction(house.id) as tx:
                await tx.periods.assert_postable(posting)

    @pytest.mark.req("FP43")
    async def test_of_one_tenant_is_not_that_of_another(
        self, world: Any, books: Bookroom, neighbour: Any, told: Any
    ) -> None:
        await books.stand(MARCH, "AP", "open")
        assert await told() is None
        async with world.client(neighbour, "eve") as http:
            answer = await http.post(f"/api/v1{PATH}", json={"checks": [asked()]})
        assert answer.json()["answers"][0]["reason_code"] == "books-missing"

    async def test_of_a_day_without_period_has_those_around_it(self, books: Bookroom, check: Any) -> None:
        (answer,) = await check(asked(date="2023-12-31"))
        assert answer["around"] == {
            "before": None,
            "after": {"year": "2024", "number": 1, "name": "FY2024 P01", "begins": "2024-01-01",
                      "ends": "2024-01-31"},
        }  # fmt: skip
        assert (answer["reason_code"], answer["period"], answer["status"]) == ("no-period", None, None)


class TestInstant:
    @pytest.mark.req("FP27")
    async def test_has_the_date_that_the_clocks_of_the_entity_show(self, books: Bookroom, check: Any) -> None:
        instants = ["2024-04-01T03:30:00Z", "2024-04-01T04:00:00Z", "2024-03-31T23:30:00-04:00"]
        answers = await check(*(asked(instant=each) for each in instants))
        assert [each["date"] for each in answers] == ["2024-03-31", "2024-04-01", "2024-03-31"]
        assert [each["period"]["code"] for each in answers] == [MARCH, APRIL, MARCH]

    @pytest.mark.req("FP28", "FP29")
    @pytest.mark.parametrize(
        ("zone", "instant", "day"),
        [
            ("Pacific/Kiritimati", "2024-12-30T10:00:00Z", "2024-12-31"),
            ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"),
            ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
            ("America/Sao_Paulo", "2018-11-04T02:59:59Z", "2018-11-03"),
            ("America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04"),
            ("Asia/Beirut", "2024-03-30T21:59:59Z", "2024-03-30"),
            ("Asia/Beirut", "2024-03-30T22:00:00Z", "2024-03-31"),
        ],
    )
    async def test_knows_the_date_line_and_days_without_midnight(
        self, world: Any, house: Any, check: Any, zone: str, instant: str, day: str
    ) -> None:
        room = Bookroom(world.services.store, house.id, house.people["root"].id, "far")
        await room.furnish(int(day[:4]), zone=zone)
        (answer,) = await check(asked(entity="far", instant=instant))
        assert (answer["date"], answer["reason_code"]) == (day, "period-pending")


class TestForm:
    @pytest.mark.req("FP30", "FP31")
    @pytest.mark.parametrize(
        ("wrong", "pointer"),
        [
            ({"instant": "2024-03-31T12:00:00"}, "/checks/1/instant"),
            ({"instant": "2024-03-31"}, "/checks/1/instant"),
            ({"date": "2024-02-30"}, "/checks/1/date"),
            ({"date": "2024-03-31T12:00:00Z"}, "/checks/1/date"),
            ({"date": "2024-03-31", "instant": "2024-03-31T12:00:00Z"}, "/checks/1"),
            ({"date": None}, "/checks/1"),
            ({"operation": "gift"}, "/checks/1/operation"),
            ({"operation": None}, "/checks/1/operation"),
            ({"scope": "payables"}, "/checks/1/scope"),
            ({"entity": ""}, "/checks/1/entity"),
            ({"period": 0}, "/checks/1/period"),
            ({"period": "13"}, "/checks/1/period"),
            ({"more": 1}, "/checks/1/more"),
        ],
    )
    async def test_that_is_wrong_in_one_leaves_all_unanswered(
        self, books: Bookroom, ask: Any, wrong: dict[str, Any], pointer: str
    ) -> None:
        answer = await ask("eve", "POST", PATH, json={"checks": [asked(), asked(**wrong)]})
        assert (answer.status_code, [each["path"] for each in answer.json()["faults"]]) == (422, [pointer])
        assert not was_quick(answer)

    async def test_takes_a_thousand_and_no_more(self, books: Bookroom, check: Any, ask: Any) -> None:
        assert len(await check(*[asked()] * 1_000)) == 1_000
        for checks in ([], [asked()] * 1_001):
            answer = await ask("eve", "POST", PATH, json={"checks": checks})
            assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/checks")


class TestPerson:
    async def test_nobody_is_401(self, ask: Any) -> None:
        assert (await ask(None, "POST", PATH, json={"checks": [asked()]})).status_code == 401

    async def test_is_asked_for_by_whoever_manages_periods(
        self, books: Bookroom, house: Any, check: Any, ask: Any
    ) -> None:
        await books.stand(MARCH, "AP", "closed")
        eve = house.people["eve"].id
        await books.grant(MARCH, "AP", eve)
        (own,) = await check(asked(), by="root")
        (theirs,) = await check(asked(), by="root", person=str(eve))
        assert (own["reason_code"], theirs["allowed"]) == ("period-closed", True)
        refused = await ask("bob", "POST", PATH, json={"checks": [asked()], "person": str(eve)})
        assert (refused.status_code, refused.json()["permission"]) == (403, "periods.manage")
        nobody = await ask("root", "POST", PATH, json={"checks": [asked()], "person": str(uuid4())})
        assert (nobody.status_code, nobody.json()["type"]) == (404, "/problems/missing")

    async def test_may_adjust_where_their_role_says_so(self, books: Bookroom, check: Any) -> None:
        await books.stand(MARCH, "AP", "soft")
        answers = [(await check(asked(operation="adjustment"), by=each))[0] for each in ("eve", "root")]
        assert [each["reason_code"] for each in answers] == ["adjustment-forbidden", None]
