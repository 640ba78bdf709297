"""Parked commands are lines in a list, and their causes are lines with a count."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def print_parked(told: Mapping[str, Any], page: Console) -> None:
    table = Table("command", "type", "kind", "error", "parked", "snoozed until", "version", box=None, pad_edge=False)
    for each in told["items"]:
        command = each["command"]
        table.add_row(
            f"{command['domain']}/{command['id']}", command["type"], command["parked"],
            escape(command["error"]["code"]), each["parked_at"], each["snoozed_until"] or "", str(command["version"]),
        )  # fmt: skip
    page.print(table)
    _more(told, page)


def print_causes(told: Mapping[str, Any], page: Console) -> None:
    table = Table("count", "type", "error", "first", "last", "owner", "runbook", "last resolved", "fingerprint",
                  box=None, pad_edge=False)  # fmt: skip
    for each in told["items"]:
        last = each["last_resolution"]
        told_last = f"{last['act']}: {last['reason']}" if last else ""
        table.add_row(
            str(each["count"]), each["type"], escape(each["code"]), each["first_parked_at"], each["last_parked_at"],
            escape(each["owner"] or ""), escape(each["runbook"] or ""), escape(told_last), escape(each["fingerprint"]),
        )  # fmt: skip
    page.print(table)
    _more(told, page)


def print_decision(made: Mapping[str, Any], page: Console) -> None:
    said = f"{made['act']} of {made['command']}: it is {made['state']}, in epoch {made['epoch']}"
    page.print(f"{said} and version {made['version']}.", markup=False, soft_wrap=True)


def _more(told: Mapping[str, Any], page: Console) -> None:
    if told["next_cursor"]:
        page.print("There are more.")
