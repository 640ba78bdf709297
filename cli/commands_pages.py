"""A command is a line in a list, and a page of its own with what became of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_COLOURS = {"completed": "green", "failed": "red", "parked": "bold red", "expired": "yellow", "canceled": "yellow"}


def print_sent(told: Mapping[str, Any], page: Console) -> None:
    said = "was sent before" if told["replayed"] else "is sent"
    said = "has this unique key, and nothing was sent" if told["coalesced"] else said
    page.print(f"{_name(told['command'])} {said}; it is {_standing(told['command'])}.", markup=False, soft_wrap=True)
    if told["command"]["result"] is not None:
        page.print(_json(told["command"]["result"]), markup=False, soft_wrap=True)


def print_list(told: Mapping[str, Any], page: Console) -> None:
    table = Table("command", "type", "state", "attempt", "sent", box=None, pad_edge=False)
    for each in told["items"]:
        table.add_row(_name(each), each["type"], _coloured(each), str(each["attempt"]), each["sent_at"])
    page.print(table)
    if told["next_cursor"]:
        page.print("There are more.")


def print_command(told: Mapping[str, Any], page: Console) -> None:
    page.print(f"{_name(told)}, {told['type']} in version {told['schema_version']}", markup=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("state", _coloured(told))
    table.add_row("attempts", f"{told['attempt']} in epoch {told['epoch']}, {told['crashes']} crashes")
    for name in _SHOWN:
        if told[name] is not None:
            table.add_row(name.replace("_", " "), escape(told[name]))
    if told["alone"]:
        table.add_row("alone", "by a workflow of its own")
    if told["error"]:
        table.add_row("error", escape(f"{told['error']['code']}: {told['error']['message']}"))
    table.add_row("payload", escape(_json(told["payload"])))
    if told["edited_payload"] is not None:
        table.add_row("executed instead", escape(_json(told["edited_payload"])))
    if told["result"] is not None:
        table.add_row("result", escape(_json(told["result"])))
    page.print(table)


def print_trail(items: Sequence[Mapping[str, Any]], page: Console) -> None:
    table = Table("when", "what", "who", "how", box=None, pad_edge=False)
    for each in items:
        how = {name: value for name, value in (each["after"] or {}).items() if name in _TOLD and value is not None}
        said = ", ".join(f"{name} {value}" for name, value in how.items())
        what = each["action"].rpartition(":")[2]
        table.add_row(each["occurred_at"], what, each["actor"] or each["actor_type"], escape(said))
    page.print(table)


_SHOWN = (
    "sent_at", "due_at", "expires_at", "ended_at", "ordering_key", "entity", "effective_date", "causation",
    "unique_key", "correlation", "change", "dependency",
)  # fmt: skip
_TOLD = ("state", "epoch", "attempt", "crashes", "parked", "code", "due_at", "until", "person", "evidence", "alone")


def _name(told: Mapping[str, Any]) -> str:
    return f"{told['domain']}/{told['id']}"


def _standing(told: Mapping[str, Any]) -> str:
    return f"{told['state']} ({told['parked']})" if told["parked"] else str(told["state"])


def _coloured(told: Mapping[str, Any]) -> str:
    return f"[{_COLOURS.get(told['state'], 'dim')}]{_standing(told)}[/]"


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
