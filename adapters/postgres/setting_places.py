"""Keys and scopes are asked for by the thousand as one array, and many rows are taken a few at a time."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from typing import TypeVar

from sqlalchemy import ARRAY, ColumnElement, Text, any_, cast, column, func, or_, select

from adapters.postgres.tables import setting_entry
from domain.settings import Scope
from domain.settings.scopes import BEYOND

MOST_BROAD = 50
"""Beyond so many places apart, what lies within each is not asked for, but everything."""
_TURN = 200

Row = TypeVar("Row")


def one_of(texts: ColumnElement[str], wanted: Collection[str]) -> ColumnElement[bool]:
    """One parameter however many there are: a statement has no room for 10,000."""
    return texts == any_(cast(list(wanted), ARRAY(Text)))


def near(scopes: Collection[str]) -> list[ColumnElement[bool]]:
    """At one of the scopes, above one, or within one."""
    asked = [Scope(text) for text in scopes]
    above = {each.text for scope in asked for each in scope.ancestors()}
    texts = set(scopes)
    narrow = [scope for scope in asked if scope.text not in BEYOND]
    broad = [scope for scope in narrow if texts.isdisjoint(each.text for each in scope.ancestors()[:-1])]
    if Scope() in broad or len(broad) > MOST_BROAD:
        return []
    outer = func.unnest(cast([f"{scope.text}/" for scope in broad], ARRAY(Text))).table_valued(column("text", Text))
    within = select(outer.c.text).where(func.starts_with(setting_entry.c.scope, outer.c.text)).exists()
    return [or_(one_of(setting_entry.c.scope, above), within)]


async def in_turns(rows: Iterable[Row]) -> AsyncIterator[Row]:
    """Each row; between some of them whatever else is going on in the process goes on."""
    for place, row in enumerate(rows):
        if place and place % _TURN == 0:
            await asyncio.sleep(0)
        yield row
