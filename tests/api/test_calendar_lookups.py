"""A day is what the clocks of an entity show; and a calendar changes only for years that nobody has made."""

from typing import Any

import pytest

from tests.api.bookkeeping import V0, V1, WHY, Books, span

MONTHS = {"kind": "gregorian"}
THURSDAYS = {"kind": "52-53-week", "anchor": {"which": "last", "weekday": "thu", "month": 12}, "pattern": [4, 4, 5]}


@pytest.fixture
def books(ask: Any) -> Books:
    return Books(ask)


class TestInstants:
    @pytest.mark.req("FP27")
    @pytest.mark.parametrize(
        ("zone", "instant", "day", "month"),
        [
            ("America/New_York", "2024-04-01T03:30:00Z", "2024-03-31", 3),
            ("Asia/Kuala_Lumpur", "2024-03-31T16:30:00Z", "2024-04-01", 4),
            ("UTC", "2024-03-31T23:59:59.999999Z", "2024-03-31", 3),
        ],
    )
    async def test_have_the_date_of_the_entity(
        self, ask: Any, books: Books, zone: str, instant: str, day: str, month: int
    ) -> None:
        await books.rule()
        await books.year(2024)
        await books.entity("acme", zone)
        told = await books.look(on=instant, entity="acme")
        assert (told["day"], told["period"]["number"], told["time_zone"]) == (day, month, zone)

    @pytest.mark.req("FP28")
    @pytest.mark.parametrize(
        ("zone", "instant", "day"),
        [
            ("Pacific/Kiritimati", "2024-12-31T10:00:00Z", "2025-01-01"),
            ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"),
            ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
        ],
    )
    async def test_know_the_date_line(self, ask: Any, books: Books, zone: str, instant: str, day: str) -> None:
        await books.rule()
        await books.year(int(day[:4]))
        await books.entity("acme", zone)
        told = await books.look(on=instant, entity="acme")
        assert told["day"] == day
        assert told["period"]["days"] == 31

    @pytest.mark.req("FP29")
    @pytest.mark.parametrize(
        ("zone", "day", "starts"),
        [
            ("America/New_York", "2024-04-01", "2024-04-01T04:00:00Z"),
            ("Asia/Kuala_Lumpur", "2024-04-01", "2024-03-31T16:00:00Z"),
            ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"),
            ("Asia/Beirut", "2024-03-31", "2024-03-30T22:00:00Z"),
        ],
    )
    async def test_begin_and_end_a_period(self, ask: Any, books: Books, zone: str, day: str, starts: str) -> None:
        await books.rule()
        await books.year(int(day[:4]), begins=day)
        await books.entity("acme", zone)
        assert (await books.look(on=day, entity="acme"))["starts"] == starts

    @pytest.mark.req("FP30")
    @pytest.mark.parametrize("on", ["2024-03-31T12:00:00", "2024-02-30", "today", "", "1711843200", "2024-03"])
    async def test_need_their_offset(self, ask: Any, books: Books, on: str) -> None:
        await books.rule()
        await books.entity("acme", "UTC")
        answer = await ask("eve", "GET", "/calendars/books/periods", params={"on": on, "entity": "acme"})
        assert (answer.status_code, [each["path"] for each in answer.json()["faults"]]) == (422, ["/query/on"])

    @pytest.mark.req("FP30")
    async def test_need_clocks_which_a_date_does_not(self, ask: Any, books: Books) -> None:
        await books.rule()
        await books.year(2024)
        assert (await books.look(on="2024-03-31"))["period"]["number"] == 3
        for query in ("?on=2024-03-31T12:00:00Z", ""):
            answer = await ask("eve", "GET", f"/calendars/books/periods{query}")
            assert [each["path"] for each in answer.json()["faults"]] == ["/query/entity"]

    async def test_are_now_unless_said(self, ask: Any, books: Books, world: Any) -> None:
        await books.rule()
        await books.entity("acme", "UTC")
        now = world.services.clock().date()
        await books.year(now.year)
        told = (await ask("eve", "GET", "/calendars/books/periods?entity=acme")).json()
        assert told["period"]["number"] == now.month

    async def test_in_no_period_are_told_those_around(self, ask: Any, books: Books) -> None:
        await books.rule()
        await books.year(2024)
        answer = await ask("eve", "GET", "/calendars/books/periods?on=2025-01-01")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-period")
        assert (answer.json()["before"]["number"], answer.json()["after"]) == (12, None)


@pytest.mark.req("FP25")
class TestChangedRules:
    async def test_leave_the_years_alone_that_were_made(self, ask: Any, books: Books) -> None:
        await books.rule()
        made = await books.year(2024)
        wish = {"rule": THURSDAYS, "from_year": 2024, **WHY}
        refused = await ask("root", "PUT", "/calendars/books", json=wish, headers=V1)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/fiscal-calendar-used")
        assert refused.json()["years"] == ["2024"]
        assert (await ask("eve", "GET", "/calendars/books/years/2024")).json() == made

    async def test_begin_with_a_transition_year(self, ask: Any, books: Books) -> None:
        await books.rule()
        await books.year(2024)
        wish = {"rule": {"kind": "gregorian", "start_month": 7}, **WHY}
        changed = await ask("root", "PUT", "/calendars/books", json=wish, headers=V1)
        assert (changed.status_code, changed.json()["from_year"], changed.headers["ETag"]) == (200, 2025, '"v2"')
        seen = (await ask("eve", "POST", "/calendars/books/years/2026/preview", json={})).json()["years"]
        made = await books.years(2026)
        assert [(each["code"], each["kind"], *span(each)) for each in made] == [
            ("2026T", "transition", "2025-01-01", "2025-06-30"), ("2026", "standard", "2025-07-01", "2026-06-30")
        ]  # fmt: skip
        assert [(each["code"], *span(each)) for each in seen] == [(each["code"], *span(each)) for each in made]
        assert (await ask("eve", "GET", "/calendars/books/years/2026T")).json() == made[0]
        again = await ask("root", "POST", "/calendars/books/years/2026", json=WHY)
        assert again.json() == {"created": False, "years": made}

    @pytest.mark.req("FP26")
    @pytest.mark.parametrize(("policy", "kinds"), [("irs", ["long"]), ("separate", ["transition", "standard"])])
    async def test_give_a_few_days_to_the_next_year_where_the_law_does(
        self, ask: Any, books: Books, policy: str, kinds: list[str]
    ) -> None:
        """The last Thursday of December 2023 is the 28th: three days are left."""
        await ask("root", "PUT", "/calendars/books", json={"rule": THURSDAYS, **WHY}, headers=V0)
        await books.year(2023)
        wish = {"rule": MONTHS, "short_periods": policy, **WHY}
        assert (await ask("root", "PUT", "/calendars/books", json=wish, headers=V1)).status_code == 200
        made = await books.years(2024)
        assert [each["kind"] for each in made] == kinds
        assert (made[0]["begins"], made[-1]["ends"]) == ("2023-12-29", "2024-12-31")

    async def test_are_kept_version_by_version_over_the_one_that_was_seen(self, ask: Any, books: Books) -> None:
        await books.rule()
        for headers, status in ((V0, 412), (V1, 200), (V1, 412), ({}, 428)):
            answer = await ask("root", "PUT", "/calendars/books", json={"rule": MONTHS, **WHY}, headers=headers)
            assert answer.status_code == status
        told = (await ask("eve", "GET", "/calendars/books/versions")).json()["items"]
        assert [each["version"] for each in told] == [2, 1]


class TestEntities:
    async def test_go_by_the_calendar_above_until_they_have_their_own(self, ask: Any, books: Books) -> None:
        await books.entity("acme", "America/New_York")
        await books.entity("acme-de", "Europe/Berlin", parent="acme", country="DE")
        missing = await ask("eve", "GET", "/calendars/books?entity=acme-de")
        assert (missing.status_code, missing.json()["type"]) == (404, "/problems/missing")
        for owner in (None, "acme", "acme-de"):
            whose = f"?entity={owner}" if owner else ""
            wish = {"rule": MONTHS, **WHY}
            assert (await ask("root", "PUT", f"/calendars/books{whose}", json=wish, headers=V0)).status_code == 200
            assert (await ask("eve", "GET", "/calendars/books?entity=acme-de")).json()["entity"] == owner
        items = (await ask("eve", "GET", "/calendars")).json()["items"]
        assert [each["entity"] for each in items] == [None, "acme", "acme-de"]

    async def test_are_read_listed_and_changed_over_what_was_seen(self, ask: Any, books: Books) -> None:
        await books.entity("acme", "America/New_York")
        wish = {"name": "Acme Inc.", "time_zone": "America/Chicago", **WHY}
        for headers, status in ((V0, 412), (V1, 200), ({}, 428)):
            assert (await ask("root", "PUT", "/entities/acme", json=wish, headers=headers)).status_code == status
        told = (await ask("eve", "GET", "/entities/acme")).json()
        assert (told["name"], told["version"]) == ("Acme Inc.", 2)
        assert (await ask("eve", "GET", "/entities")).json()["items"] == [told]

    @pytest.mark.parametrize(
        ("wish", "path"),
        [
            ({"time_zone": "Mars/Base"}, "/time_zone"),
            ({"time_zone": "UTC", "parent": "nobody"}, "/parent"),
            ({"time_zone": "UTC", "country": "Germany"}, "/country"),
            ({"time_zone": "UTC", "country": "ZZ"}, "/country"),
            ({"time_zone": "UTC", "country": "DE", "subdivision": "XX"}, "/subdivision"),
            ({"time_zone": "UTC", "subdivision": "BE"}, "/country"),
        ],
    )
    async def test_have_clocks_and_a_parent_that_there_are(self, ask: Any, wish: dict[str, Any], path: str) -> None:
        answer = await ask("root", "PUT", "/entities/acme", json={"name": "Acme", **wish, **WHY}, headers=V0)
        assert (answer.status_code, [each["path"] for each in answer.json()["faults"]]) == (422, [path])

    async def test_stay_where_they_stand(self, ask: Any, books: Books) -> None:
        await books.entity("acme", "UTC")
        await books.entity("acme-de", "UTC", parent="acme")
        wish = {"name": "Acme", "time_zone": "UTC", **WHY}
        answer = await ask("root", "PUT", "/entities/acme-de", json=wish, headers=V1)
        assert [each["path"] for each in answer.json()["faults"]] == ["/parent"]

    async def test_every_write_is_in_the_trail_with_its_reason(self, ask: Any, books: Books) -> None:
        await books.entity("acme", "UTC")
        await books.rule()
        await books.year(2024)
        await ask("root", "DELETE", "/calendars/books/years/2024?reason=because%20of%20the%20test")
        page = (await ask("aud", "GET", "/audit-logs")).json()["items"]
        told = [each for each in page if each["action"].startswith(("entity:", "calendar:"))]
        assert sorted((each["action"], each["reason"]) for each in told) == [
            (action, WHY["reason"])
            for action in ("calendar:rule:changed", "calendar:year:made", "calendar:year:removed",
                           "entity:record:changed")
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("country", "count", "due", "skipped"),
        [
            ("DE", 2, "2024-04-03", ["2024-03-29", "2024-04-01"]),
            (None, 2, "2024-04-01", []),
            ("DE", 0, "2024-03-28", []),
        ],
    )
    async def test_have_due_dates_that_holidays_move_and_no_period(
        self, ask: Any, books: Books, country: str | None, count: int, due: str, skipped: list[str]
    ) -> None:
        """After Maundy Thursday come Good Friday, a weekend and Easter Monday."""
        await books.entity("acme", "Europe/Berlin", country=country)
        query = f"after=2024-03-28&business_days={count}"
        told = (await ask("eve", "GET", f"/entities/acme/due-dates?{query}")).json()
        assert told == {"entity": "acme", "due": due, "skipped": skipped}
