"""A bulk operation is a line of progress, and a line for each stage that has ended."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def print_tried(told: Mapping[str, Any], page: Console) -> None:
    page.print(f"{told['total']} parked commands", markup=False)
    for kind, many in told["types"].items():
        page.print(f"  {many:>6} {kind}", markup=False, soft_wrap=True)
    if told["sample"]:
        first = ", ".join(f"{each['command']['domain']}/{each['command']['id']}" for each in told["sample"])
        page.print(f"first: {first}", markup=False, soft_wrap=True)


def print_asked(told: Mapping[str, Any], page: Console) -> None:
    page.print(told["operation"]["id"], markup=False, soft_wrap=True)


def print_bulk(now: Mapping[str, Any], page: Console) -> None:
    page.print(progress(now), markup=False, soft_wrap=True)
    for each in now["ended"]:
        page.print(f"  stage {each['stage']}: {each['sentence']}", markup=False, soft_wrap=True)


def print_items(told: Mapping[str, Any], page: Console) -> None:
    table = Table("command", "outcome", "stage", "why", "is now", box=None, pad_edge=False)
    for each in told["items"]:
        stage = "" if each["stage"] is None else str(each["stage"])
        table.add_row(each["command"], each["outcome"], stage, each["why"], each["state"] or "")
    page.print(table)
    if told["next_cursor"]:
        page.print("There are more.")


def progress(now: Mapping[str, Any]) -> str:
    """As "running, stage 2 of 4: 990 waiting, 1 done"."""
    why = f" ({now['why']})" if now["why"] else ""
    counted = ", ".join(f"{many} {outcome}" for outcome, many in now["outcomes"].items() if many)
    return f"{now['state']}{why}, stage {now['stage']} of {len(now['sizes'])}: {counted}"
