"""A process is a line in a list, and a page of its own with a line for each of its steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_COLOURS = {"completed": "green", "compensated": "yellow", "compensation-failed": "bold red", "waiting-for-tsq": "red"}


def words_of(told: Mapping[str, Any]) -> str:
    """Of a process or a step: where it stands, and why."""
    return f"{told['state']} ({told['why']})" if told["why"] else str(told["state"])


def print_started(told: Mapping[str, Any], page: Console) -> None:
    said = "was started before" if told["replayed"] else "is started"
    page.print(f"{_name(told['process'])} {said}; it is {words_of(told['process'])}.", markup=False, soft_wrap=True)


def print_list(told: Mapping[str, Any], page: Console) -> None:
    table = Table("process", "state", "why", "started", "version", box=None, pad_edge=False)
    for each in told["items"]:
        table.add_row(_name(each), _coloured(each), escape(each["why"]), each["started_at"], str(each["version"]))
    page.print(table)
    if told["next_cursor"]:
        page.print("There are more.")


def print_process(told: Mapping[str, Any], page: Console) -> None:
    page.print(f"{_name(told)}: {words_of(told)}", markup=False, soft_wrap=True)
    table = Table("step", "state", "why", "command", "undone by", box=None, pad_edge=False)
    for each in told["steps"] or []:
        row = (each["name"], each["state"], each["why"], each["command"] or "", each["undo"] or "")
        table.add_row(*map(escape, row))
    page.print(table)
    page.print(f"started {told['started_at']}, correlation {told['correlation']}", markup=False, soft_wrap=True)
    said = orjson.dumps(told["data"], option=orjson.OPT_SORT_KEYS).decode()
    page.print(f"data {said}", markup=False, soft_wrap=True)


def print_trail(items: Sequence[Mapping[str, Any]], page: Console) -> None:
    table = Table("when", "what", "who", "how", box=None, pad_edge=False)
    for each in items:
        after = each["after"] or {}
        steps = [f"{name} {step['state']}" for name, step in (after.get("steps") or {}).items()]
        said = ", ".join([str(after.get("state", "")), *steps])
        what = each["action"].rpartition(":")[2]
        table.add_row(each["occurred_at"], what, each["actor"] or each["actor_type"], escape(said))
    page.print(table)


def print_decision(made: Mapping[str, Any], page: Console) -> None:
    said = f"{made['act']} of {made['process']}: it is {made['state']}, in version {made['version']}."
    page.print(said, markup=False, soft_wrap=True)


def _name(told: Mapping[str, Any]) -> str:
    return f"{told['type']} {told['id']}"


def _coloured(told: Mapping[str, Any]) -> str:
    return f"[{_COLOURS.get(told['state'], 'dim')}]{told['state']}[/]"
