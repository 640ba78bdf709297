"""A year is shown as a table, a row for each period and a column for each scope, in one word a gate."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_OPEN = {"all": "open", "adjust_only": "soft-closed", "none": "frozen"}
_COLOURS = {"open": "green", "soft-closed": "yellow", "frozen": "yellow", "closed": "red", "locked": "bold red"}


def print_year(told: Mapping[str, Any], page: Console) -> None:
    page.print(f"{told['entity']}, {told['label']} of {told['calendar']}", markup=False)
    scopes = [gate["scope"] for gate in told["periods"][0]["gates"]]
    table = Table("period", "from", "until", *scopes, box=None, pad_edge=False)
    for period in told["periods"]:
        words = [_coloured(standing_of(gate)) for gate in period["gates"]]
        table.add_row(period["code"], period["begins"], period["ends"], *words)
    page.print(table)


def print_period(told: Mapping[str, Any], page: Console) -> None:
    page.print(f"{told['code']}, {told['name']}, {told['begins']} to {told['ends']}", markup=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    for gate in told["gates"]:
        why = escape(gate["reason"] or "")
        table.add_row(gate["scope"], _coloured(standing_of(gate)), f"epoch {gate['epoch']}", why)
    page.print(table)


def print_exception(told: Mapping[str, Any], page: Console) -> None:
    who = told["person"] or f"every {told['role']}"
    what = " and ".join(told["operations"])
    if told["revoked_at"]:
        said = f"{told['id']} is revoked; it let {told['used']} in."
    else:
        said = f"{told['id']} lets {who} post {what} to {told['scope']} in {told['period']} until {told['ends']}."
    page.print(said, markup=False, soft_wrap=True)


def print_check(told: Mapping[str, Any], page: Console) -> None:
    if told["allowed"]:
        place = f"{told['period']['name']} at epoch {told['epoch']}"
        said = f"This {told['operation']} may be posted on {told['date']}, in {place}."
    else:
        said = f"{told['message']} ({told['reason_code']})"
    page.print(said, markup=False, soft_wrap=True)
    if not told["allowed"] and told["next_open_date"]:
        page.print(f"The next day that takes it is {told['next_open_date']}.", markup=False)


def standing_of(gate: Mapping[str, Any]) -> str:
    """In one word."""
    return _OPEN[gate["posting"]] if gate["status"] == "open" else str(gate["status"])


def _coloured(word: str) -> str:
    colour = _COLOURS.get(word, "dim")
    return f"[{colour}]{word}[/]"
