"""Bookkeeping goes from one tenant to another through the real database, whole or not at all."""

import io
import json
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.calendars.configuring import CalendarWish
from application.calendars.making import YearWish
from application.calendars.places import Place
from application.periods.moves import GateVerb
from application.settings.transfer import Intake
from domain.bookkeeping import SECTIONS
from domain.canonical import Json, digest_of
from domain.errors import Refusal
from domain.periods import BooksInUse
from tests.unit.application.periods.offices import WHY, Office
from tests.wishing import DEV
from tests.world import Clock, World, world_in

JULY = CalendarWish({"kind": "gregorian", "start_month": 7, "adjusting_periods": 2})


@pytest_asyncio.fixture
async def office(store: PostgresStore) -> AsyncIterator[Office]:
    """Two rules, a transition year between them, and an adjusting period in each year."""
    office = await Office.furnished(await world_in(store, Clock()), years=(2025, 2026))
    root, place = office.world.root, Place("books")
    await office.calendars.configuring.put(root, place, JULY, expected=1, reason=WHY)
    await office.calendars.making.make(root, place, 2028, YearWish(), WHY)
    yield office


@pytest_asyncio.fixture
async def other(store: PostgresStore) -> World:
    return await world_in(store, Clock())


async def exported(world: World) -> dict[str, Json]:
    out = io.BytesIO()
    await world.setting.transfer.export(world.eve, DEV, out)
    whole: dict[str, Json] = json.loads(out.getvalue())
    return whole


async def brought(world: World, raw: Any) -> str:
    intake = Intake(DEV, raw, WHY, from_tenant=raw["tenant"])
    return (await world.setting.transfer.import_(world.root, intake)).outcome


@pytest.mark.req("FR-SM-030", "FR-SM-031")
class TestBookkeeping:
    async def test_is_the_same_where_it_came_from_and_where_it_goes(self, office: Office, other: World) -> None:
        raw = await exported(office.world)
        assert await brought(other, raw) == "applied"
        assert await brought(other, raw) == "no_changes"
        there = await exported(other)
        assert {name: there[name] for name in SECTIONS} == {name: raw[name] for name in SECTIONS}
        years = await office.calendars.making.page(other.eve, Place("books"), date.min, 9)
        assert [each.year.code for each in years] == ["2025", "2026", "2028T", "2028"]

    async def test_that_meets_a_period_in_use_leaves_nothing_behind(self, office: Office, other: World) -> None:
        await brought(other, await exported(office.world))
        await Office(other, office.calendars, office.cases).move(GateVerb.OPEN, "2026-01")
        own = Place("weeks", "acme")
        await office.calendars.configuring.put(office.world.root, own, JULY, expected=0, reason=WHY)
        raw = await exported(office.world)
        content = {name: raw[name] for name in raw.keys() - {"checksum", "exported_at", "signature"}}
        content["entity_books"][0]["calendar"] = {"code": "weeks", "entity": "acme"}
        with pytest.raises(Refusal) as refused:
            await brought(other, {**content, "checksum": digest_of(content)})
        assert refused.value.kind == BooksInUse.kind
        assert [each["code"] for each in (await exported(other))["fiscal_calendars"]] == ["books"]
