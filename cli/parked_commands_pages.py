"""Parked commands are lines in a list, and their causes are lines with a count."""

import json
from collections.abc import Mapping, Sequence
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
    if made["standing"] != "made":
        print_waiting(made, page)
        return
    stands = f"{made['state']} until it has heard of it" if made["state"] == "running" else made["state"]
    said = f"{made['act']} of {made['command']}: it is {stands}, in epoch {made['epoch']}"
    page.print(f"{said} and version {made['version']}.", markup=False, soft_wrap=True)


def print_waiting(made: Mapping[str, Any], page: Console) -> None:
    """A decision that another person is asked about, or was."""
    why = f", {made['why'].replace('_', ' ')}" if made["why"] else ""
    page.print(f"{made['act']} of {made['command']}: {made['standing']}{why}.", markup=False, soft_wrap=True)
    if made["standing"] == "awaiting-approval":
        page.print(f"Somebody else says yes to {made['operation_id']}.", markup=False, soft_wrap=True)


def print_preview(told: Mapping[str, Any], page: Console) -> None:
    """What an edit would make of a payload, and what is wrong with that."""
    _operations(told["patch"], page)
    for fault in told["faults"]:
        page.print(f"  {fault['path']}: {fault['message']}", markup=False, soft_wrap=True, style="red")
    page.print("It would be refused." if told["faults"] else "It would be taken.", markup=False)


def print_operation(told: Mapping[str, Any], page: Console) -> None:
    print_decision(told, page)
    page.print(f"  by {told['actor']}: {told['reason']}", markup=False, soft_wrap=True)
    _operations(told["patch"] or [], page)
    if told["result"] is not None:
        page.print(f"  result {json.dumps(told['result'])}", markup=False, soft_wrap=True)


def print_lineage(told: Mapping[str, Any], page: Console) -> None:
    for each in told["epochs"]:
        by = each["begun_by"]
        how = f"{by['act']} by {by['actor']}: {by['reason']}" if by else "sent" if each["epoch"] == 1 else "retried"
        page.print(f"{each['epoch']}  {each['begun_at'] or ''}  {how}", markup=False, soft_wrap=True)
        carried = f"as edited in {each['edited_in']}" if each["edited_in"] else "as it was sent"
        page.print(f"   {carried}, {each['payload_digest']}", markup=False, soft_wrap=True)
        _operations(each["edit"]["patch"] if each["edit"] else [], page)


def _operations(patch: Sequence[Mapping[str, Any]], page: Console) -> None:
    for each in patch:
        value = f" {json.dumps(each['value'])}" if "value" in each else ""
        source = f" from {each['from']}" if "from" in each else ""
        page.print(f"  {each['op']} {each['path']}{source}{value}", markup=False, soft_wrap=True)


def _more(told: Mapping[str, Any], page: Console) -> None:
    if told["next_cursor"]:
        page.print("There are more.")
