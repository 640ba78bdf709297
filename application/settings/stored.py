"""What of an environment may stand in a bundle, as it is stored."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from application.periods.kept import bookkeeping
from application.ports.bundles import Leaving
from application.ports.store import Transaction
from application.settings.leaving import lasting
from domain.canonical import Json
from domain.environments import Environment
from domain.flags import SHARED_RULES
from domain.settings import Contents, Definition, Line, Section, parse_setting_definition, timelines, travels


async def contents(tx: Transaction, environment: Environment, at: datetime) -> Contents:
    """What holds or will from `at` on, of one instant."""
    definitions: dict[str, Definition] = {}
    flags: dict[str, Json] = {}
    lines: list[Line] = []
    async for some in tx.bundles.leaving(environment):
        await asyncio.to_thread(_sorted_in, some, definitions, flags, lines)
    said = [line for line in lines if travels(definitions[line.key]) and lasting(line, at) is not None]
    return Contents(definitions, timelines(said, at), flags, await bookkeeping(tx))


def _sorted_in(
    some: Sequence[Leaving], definitions: dict[str, Definition], flags: dict[str, Json], lines: list[Line]
) -> None:
    for each in some:
        if each.line is not None:
            lines.append(each.line)
        elif each.section is Section.DEFINITIONS:
            definitions[each.key] = parse_setting_definition(each.content)
        elif each.content or each.key != SHARED_RULES:
            flags[each.key] = each.content
