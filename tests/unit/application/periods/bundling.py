"""A tenant with a group, two rules and books that sweep, whose bundle comes into another tenant."""

import copy
import io
import json
from typing import Any

from application.calendars.configuring import CalendarWish
from application.calendars.entities import EntityWish
from application.calendars.making import YearWish
from application.calendars.places import Place
from application.periods.books import BooksWish
from application.settings.transfer import Imported, Intake
from domain.calendars import ShortPeriods
from domain.canonical import Json, digest_of
from domain.periods import LateEntries
from tests.unit.application.periods.offices import WHY, Office
from tests.wishing import DEV
from tests.world import World, world_in

JULY = CalendarWish({"kind": "gregorian", "start_month": 7}, short_periods=ShortPeriods.IRS)


async def grouped(world: World) -> Office:
    """A group with a calendar of its own, another rule from 2027 on, and books that sweep."""
    office = await Office.furnished(world, years=(2025, 2026))
    root, calendars = world.root, office.calendars
    await calendars.entities.put(root, "de", EntityWish("DE", "Europe/Berlin", "acme"), expected=0, reason=WHY)
    own = Place("weeks", "acme")
    await calendars.configuring.put(root, own, CalendarWish({"kind": "gregorian"}), expected=0, reason=WHY)
    await calendars.making.make(root, own, 2026, YearWish(), WHY)
    await calendars.configuring.put(root, Place("books"), JULY, expected=1, reason=WHY)
    await calendars.making.make(root, Place("books"), 2028, YearWish(), WHY)
    swept = BooksWish("weeks", LateEntries.SWEEP, most_open=2, opens_itself=True)
    await office.cases.books.put(root, "de", swept, expected=0, reason=WHY)
    return office


async def elsewhere(world: World) -> World:
    """Another tenant, that has nothing yet and in which nobody is asked about settings."""
    return await world_in(world.store, world.clock)


async def exported(world: World, environment: Any = DEV) -> Json:
    out = io.BytesIO()
    await world.setting.transfer.export(world.eve, environment, out)
    return json.loads(out.getvalue())


async def brought(world: World, raw: Json, **more: Any) -> Imported:
    intake = Intake(DEV, raw, WHY, **{"from_tenant": raw["tenant"], **more})
    return await world.setting.transfer.import_(world.root, intake)


def changed(raw: Json, section: str, place: int, **fields: Json) -> Json:
    """The same bundle, with another thing in it."""
    content = copy.deepcopy({name: raw[name] for name in raw.keys() - {"checksum", "exported_at", "signature"}})
    content[section][place] = {**content[section][place], **fields}
    return {**content, "checksum": digest_of(content)}


def year_before(year: Json) -> Json:
    """As if it were called by the year before it."""
    return {**year, "number": year["number"] - 1}
