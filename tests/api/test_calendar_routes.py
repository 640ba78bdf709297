"""Calendars over the API: what rules make, what is found in them, and what is refused."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.api.bookkeeping import V0, WHY, Books, span

NRF = {"kind": "52-53-week", "anchor": {"which": "nearest", "weekday": "sat", "month": 1}, "pattern": [4, 5, 4],
       "labels": "start"}  # fmt: skip


@pytest.fixture
def books(ask: Any) -> Books:
    return Books(ask)


@pytest.mark.req("FR-SM-020", "FR-SM-021")
class TestMonths:
    @pytest.mark.req("FP01")
    async def test_make_twelve_periods_of_a_leap_year(self, books: Books) -> None:
        await books.rule()
        made = await books.year(2024)
        assert (len(made["periods"]), made["days"]) == (12, 366)
        assert span(made["periods"][1]) == ("2024-02-01", "2024-02-29")

    @pytest.mark.req("FP02")
    @pytest.mark.parametrize(("number", "last"), [(2023, "28"), (2100, "28"), (2000, "29")])
    async def test_know_the_gregorian_leap_years(self, books: Books, number: int, last: str) -> None:
        await books.rule()
        assert (await books.year(number))["periods"][1]["ends"] == f"{number}-02-{last}"

    @pytest.mark.req("FP03")
    async def test_of_a_year_from_july_are_called_by_its_end(self, books: Books) -> None:
        await books.rule(start_month=7, labels="end")
        assert span(await books.year(2025)) == ("2024-07-01", "2025-06-30")
        found = [await books.look(on=day) for day in ("2024-07-15", "2025-06-30")]
        assert [(each["year"]["label"], each["period"]["number"]) for each in found] == [("FY2025", 1), ("FY2025", 12)]

    @pytest.mark.req("FP04")
    @pytest.mark.parametrize(
        ("month", "begins", "ends"), [(10, "2024-10-01", "2025-09-30"), (2, "2024-02-01", "2025-01-31")]
    )
    async def test_may_begin_in_any_month(
        self, books: Books, month: int, begins: str, ends: str
    ) -> None:  # fmt: skip
        await books.rule(start_month=month, labels="end")
        assert span(await books.year(2025)) == (begins, ends)

    @pytest.mark.req("FP05")
    async def test_may_begin_within_a_month(self, books: Books) -> None:
        await books.rule(start_month=4, start_day=6, labels="two-year")
        made = await books.year(2024)
        assert made["label"] == "2024/25"
        assert [span(made["periods"][place]) for place in (0, 11)] == [
            ("2024-04-06", "2024-05-05"),
            ("2025-03-06", "2025-04-05"),
        ]

    @pytest.mark.req("FP06")
    async def test_may_follow_the_last_day_of_february(self, books: Books) -> None:
        await books.rule(start_month=3, labels="end")
        made = [await books.year(number) for number in (2024, 2025)]
        assert [span(each) for each in made] == [("2023-03-01", "2024-02-29"), ("2024-03-01", "2025-02-28")]
        assert made[0]["days"] == 366

    @pytest.mark.req("FP07")
    @pytest.mark.parametrize("day", [0, 29, 30, 31])
    async def test_do_not_begin_on_days_that_not_every_month_has(self, ask: Any, day: int) -> None:
        wish = {"rule": {"kind": "gregorian", "start_day": day}, **WHY}
        answer = await ask("root", "PUT", "/calendars/books", json=wish, headers=V0)
        assert (answer.status_code, [each["path"] for each in answer.json()["faults"]]) == (422, ["/rule/start_day"])

    @pytest.mark.req("FP08")
    @pytest.mark.parametrize(("months", "periods", "days"), [(3, 4, 91), (6, 2, 182), (12, 1, 366)])
    async def test_may_be_taken_together(
        self, books: Books, months: int, periods: int, days: int
    ) -> None:  # fmt: skip
        await books.rule(months_per_period=months)
        made = await books.year(2024)
        assert (len(made["periods"]), made["periods"][0]["days"]) == (periods, days)

    @pytest.mark.req("FP08")
    async def test_are_not_thirteen(self, ask: Any) -> None:
        wish = {"rule": {"kind": "gregorian", "number_of_periods": 13}, **WHY}
        answer = await ask("root", "PUT", "/calendars/books", json=wish, headers=V0)
        assert [each["path"] for each in answer.json()["faults"]] == ["/rule/number_of_periods"]

    @pytest.mark.req("FP09")
    @pytest.mark.parametrize("adjusting", [1, 4])
    async def test_may_be_followed_by_periods_that_no_date_finds(self, books: Books, adjusting: int) -> None:
        await books.rule(adjusting_periods=adjusting)
        made = await books.year(2024)
        extra = made["periods"][12:]
        assert [each["number"] for each in extra] == list(range(13, 13 + adjusting))
        assert {(each["kind"], *span(each)) for each in extra} == {("adjusting", "2024-12-31", "2024-12-31")}
        assert (await books.look(on="2024-12-31"))["period"]["number"] == 12

    @pytest.mark.req("FP10")
    @pytest.mark.parametrize(("numbering", "first"), [("from-one", 1), ("by-place", 3)])
    async def test_of_a_short_first_year(self, books: Books, numbering: str, first: int) -> None:
        await books.rule()
        made = await books.year(2024, begins="2024-03-15", numbering=numbering)
        assert (made["kind"], span(made["periods"][0])) == ("short", ("2024-03-15", "2024-03-31"))
        assert [each["number"] for each in made["periods"]] == list(range(first, first + 10))

    @pytest.mark.req("FP10")
    async def test_of_a_long_first_year(self, ask: Any, books: Books) -> None:
        await books.rule()
        unexplained = await ask("root", "POST", "/calendars/books/years/2025", json={"begins": "2024-11-17"})
        assert [each["path"] for each in unexplained.json()["faults"]] == ["/reason"]
        made = await books.year(2025, begins="2024-11-17", long=True)
        assert (made["kind"], span(made)) == ("long", ("2024-11-17", "2025-12-31"))
        assert span(await books.year(2026)) == ("2026-01-01", "2026-12-31")


class TestWeeks:
    @pytest.mark.req("FP13", "FP14")
    async def test_of_a_long_year_are_restated_beside_the_next(self, ask: Any) -> None:
        await ask("root", "PUT", "/calendars/shops", json={"rule": NRF, **WHY}, headers=V0)
        made = (await ask("root", "POST", "/calendars/shops/years/2023", json=WHY)).json()["years"][0]
        assert span(made["periods"][11]) == ("2023-12-31", "2024-02-03")
        told = (await ask("eve", "GET", "/calendars/shops/years/2023/restated")).json()
        assert span(told["periods"][0]) == ("2023-02-05", "2023-03-04")
        drafted = await ask("eve", "POST", "/calendar-drafts", json={"rule": NRF, "year": 2023, "restated": True})
        assert drafted.json() == told

    async def test_are_what_a_calendar_of_months_has_not(self, ask: Any, books: Books) -> None:
        await books.rule()
        answer = await ask("eve", "GET", "/calendars/books/years/2023/restated")
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-restatable")

    async def test_are_laid_beside_months(self, ask: Any, books: Books) -> None:
        await books.rule()
        await ask("root", "PUT", "/calendars/shops", json={"rule": NRF, **WHY}, headers=V0)
        for code in ("books", "shops"):
            await books.year(2024, code)
        query = "other=shops&from=2024-01-31&until=2024-03-02"
        stretches = (await ask("eve", "GET", f"/calendars/books/comparison?{query}")).json()["stretches"]
        assert [(each["begins"], each["one"]["number"], each["other"] and each["other"]["number"])
                for each in stretches] == [("2024-01-31", 1, None), ("2024-02-01", 2, None), ("2024-02-04", 2, 1),
                                           ("2024-03-01", 3, 1)]  # fmt: skip
        assert not any(each["agrees"] for each in stretches)


@pytest.mark.req("FR-SM-021")
class TestMaking:
    @pytest.mark.req("FP20", "FP24")
    async def test_again_answers_with_the_same_ids(self, ask: Any, books: Books) -> None:
        await books.rule()
        made = await books.year(2024)
        again = await ask("root", "POST", "/calendars/books/years/2024", json=WHY)
        assert (again.status_code, again.json()) == (200, {"created": False, "years": [made]})
        assert (await ask("eve", "GET", "/calendars/books/years/2024")).json() == made
        assert (await ask("eve", "GET", "/calendars/books/years")).json()["items"] == [made]

    async def test_otherwise_is_refused(self, ask: Any, books: Books) -> None:
        await books.rule()
        made = await books.year(2024, begins="2024-03-15")
        same = await ask("root", "POST", "/calendars/books/years/2024", json={"begins": "2024-03-15", **WHY})
        assert same.json()["years"] == [made]
        answer = await ask("root", "POST", "/calendars/books/years/2024", json={"begins": "2024-04-15", **WHY})
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/fiscal-year-exists")
        assert answer.json()["id"] == made["id"]

    async def test_previews_write_nothing(self, ask: Any, books: Books) -> None:
        await books.rule()
        told = (await ask("eve", "POST", "/calendars/books/years/2024/preview", json={})).json()["years"]
        assert (await ask("eve", "GET", "/calendars/books/years")).json()["items"] == []
        made = await books.year(2024)
        assert [{key: each[key] for key in told[0]["periods"][0]} for each in made["periods"]] == told[0]["periods"]

    @pytest.mark.req("FP21", "SM-D10")
    async def test_over_days_that_are_taken_lists_whose(self, ask: Any, books: Books) -> None:
        await books.rule()
        await books.year(2024)
        wish = {"periods": [{"begins": "2024-12-31", "ends": "2025-12-31"}], **WHY}
        for path in ("", "/preview"):
            sent = wish if not path else {"periods": wish["periods"]}
            answer = await ask("root", "POST", f"/calendars/books/years/2025{path}", json=sent)
            assert (answer.status_code, answer.json()["type"]) == (409, "/problems/periods-overlap")
            (taken,) = answer.json()["periods"]
            assert (taken["year"], taken["number"], *span(taken)) == ("2024", 12, "2024-12-01", "2024-12-31")

    @pytest.mark.req("FP21", "FP22")
    @pytest.mark.parametrize(
        ("periods", "kind"),
        [
            ([("2024-01-01", "2024-01-31"), ("2024-01-31", "2024-02-29")], "periods-overlap"),
            ([("2024-01-01", "2024-12-31"), ("2024-03-01", "2024-04-30")], "periods-overlap"),
            ([("2024-01-01", "2024-04-30"), ("2024-06-01", "2024-12-31")], "periods-apart"),
        ],
    )
    async def test_period_by_period_takes_every_day_once(
        self, ask: Any, books: Books, periods: list[tuple[str, str]], kind: str
    ) -> None:
        await books.rule()
        wish = {"periods": [{"begins": begins, "ends": ends} for begins, ends in periods], **WHY}
        answer = await ask("root", "POST", "/calendars/books/years/2024", json=wish)
        assert (answer.status_code, answer.json()["type"]) == (409, f"/problems/{kind}")
        assert answer.json().get("gaps", []) in ([], [{"begins": "2024-05-01", "ends": "2024-05-31"}])

    async def test_leaves_no_day_between_years(self, ask: Any, books: Books) -> None:
        await books.rule()
        await books.year(2024)
        answer = await ask("root", "POST", "/calendars/books/years/2026", json=WHY)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/fiscal-years-apart")
        assert answer.json()["gaps"] == [{"begins": "2025-01-01", "ends": "2025-12-31"}]
        await books.year(2023)

    async def test_is_undone_while_nothing_was_done_in_it(self, ask: Any, books: Books, world: Any, house: Any) -> None:
        await books.rule()
        made = [await books.year(number) for number in (2024, 2025, 2026)]
        middle = await ask("root", "DELETE", "/calendars/books/years/2025?reason=because")
        assert middle.json()["type"] == "/problems/fiscal-years-apart"
        key = {"Idempotency-Key": str(uuid4())}
        for _ in range(2):
            gone = await ask("root", "DELETE", "/calendars/books/years/2026?reason=because", headers=key)
            assert gone.status_code == 204
        async with world.services.store.transaction(house.id) as tx:
            await tx.calendars.use(UUID(made[1]["id"]))
        used = await ask("root", "DELETE", "/calendars/books/years/2025?reason=because")
        assert (used.status_code, used.json()["type"]) == (409, "/problems/fiscal-year-used")
        left = (await ask("eve", "GET", "/calendars/books/years")).json()["items"]
        assert [(each["id"], each["used"]) for each in left] == [(made[0]["id"], False), (made[1]["id"], True)]
