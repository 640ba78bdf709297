"""Bookkeeping of a bundle is told where it is wrong, and nothing of it is written then."""

import copy

import pytest

from domain.canonical import Json
from domain.errors import Invalid
from tests.unit.application.periods.bundling import brought, changed, elsewhere, exported, grouped
from tests.unit.application.periods.offices import Office
from tests.world import World


@pytest.fixture
async def office(world: World) -> Office:
    return await grouped(world)


@pytest.fixture
async def other(world: World) -> World:
    return await elsewhere(world)


@pytest.mark.req("FR-SM-031")
class TestForm:
    @pytest.mark.parametrize(
        ("section", "fields", "path"),
        [("legal_entities", {"time_zone": "Mars"}, "/legal_entities/0/time_zone"),
         ("legal_entities", {"surprise": 1}, "/legal_entities/0/surprise"),
         ("legal_entities", {"country": "Germany"}, "/legal_entities/0/country"),
         ("legal_entities", {"parent": "nobody"}, "/legal_entities"),
         ("legal_entities", {"parent": "de"}, "/legal_entities"),
         ("fiscal_calendars", {"versions": []}, "/fiscal_calendars/0/versions"),
         ("fiscal_calendars", {"versions": [{"from_year": 2000, "rule": {"kind": "moon"}}], "years": []},
          "/fiscal_calendars/0/versions/0/rule/kind"),
         ("fiscal_calendars", {"entity": "nobody"}, "/fiscal_calendars"),
         ("fiscal_calendars", {"years": [{}]}, "/fiscal_calendars/0/years/0/version"),
         ("entity_books", {"late_entries": "never"}, "/entity_books/0/late_entries"),
         ("entity_books", {"most_open": 1.5}, "/entity_books/0/most_open"),
         ("entity_books", {"calendar": {"code": "nowhere", "entity": None}}, "/entity_books"),
         ("posting_scopes", {"code": "ap"}, "/posting_scopes/0/code")],
    )  # fmt: skip
    async def test_is_told_where_it_is_wrong(
        self, office: Office, world: World, other: World, section: str, fields: Json, path: str
    ) -> None:
        with pytest.raises(Invalid) as refusal:
            await brought(other, changed(await exported(world), section, 0, **fields))
        assert f"/bundle{path}" in [fault.path for fault in refusal.value.faults]
        assert (await exported(other))["posting_scopes"] == []

    @pytest.mark.parametrize(
        ("period", "fields", "message"),
        [(1, {"begins": "2025-02-02"}, "the day after the one before"), (12, {"begins": "2025-12-30"}, "last day"),
         (1, {"number": 1}, "numbers that rise"), (0, {"kind": "adjusting"}, "adjusting ones after them")],
    )  # fmt: skip
    async def test_of_a_year_leaves_no_day_out(
        self, office: Office, world: World, other: World, period: int, fields: Json, message: str
    ) -> None:
        raw = await exported(world)
        years = copy.deepcopy(raw["fiscal_calendars"][1]["years"])
        years[0]["periods"][period] |= fields
        with pytest.raises(Invalid) as refusal:
            await brought(other, changed(raw, "fiscal_calendars", 1, years=years))
        (fault,) = refusal.value.faults
        assert fault.path == "/bundle/fiscal_calendars/1/years/0/periods"
        assert message in fault.message

    async def test_of_years_leaves_no_year_out(self, office: Office, world: World, other: World) -> None:
        raw = await exported(world)
        years = raw["fiscal_calendars"][1]["years"]
        with pytest.raises(Invalid) as refusal:
            await brought(other, changed(raw, "fiscal_calendars", 1, years=[years[0], *years[2:]]))
        assert [fault.path for fault in refusal.value.faults] == ["/bundle/fiscal_calendars/1/years"]

    async def test_of_what_is_there_twice(self, office: Office, world: World, other: World) -> None:
        with pytest.raises(Invalid) as refusal:
            await brought(other, changed(await exported(world), "posting_scopes", 1, code="AP"))
        assert [fault.path for fault in refusal.value.faults] == ["/bundle/posting_scopes/1"]
