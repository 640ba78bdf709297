"""A catalogue of one type of command, which every test may send."""

from typing import Any

from domain.commands import Command, CommandType, Options
from tests.contract.homes import Home

POST = "ledger.post-journal"
SCHEMA = {
    "type": "object",
    "properties": {
        "entry": {"type": "integer", "minimum": 1},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
    },
    "required": ["entry"],
    "additionalProperties": False,
    "$defs": {"line": {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "string"}}}},
}  # fmt: skip
TYPES = [CommandType(POST, 1, SCHEMA), CommandType(POST, 2, {"type": "object"}), CommandType("sales.ship-order", 1, {})]


async def catalogued(home: Home) -> Home:
    store: Any = home.store
    await store.put_command_types(TYPES)
    return home


def journal(id: str = "42", entry: int = 7, **options: Any) -> Command:  # noqa: A002 -- the command's
    return Command(POST, id, {"entry": entry}, 1, Options(**options))
