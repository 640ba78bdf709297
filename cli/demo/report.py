"""What happened, as the product itself remembers it."""

from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table

from cli.caller import Caller


async def show(auditor: Caller, changes: dict[str, str], console: Console) -> None:
    people = {each["id"]: each["handle"] for each in (await auditor.get("/people"))["items"]}
    for title, change in changes.items():
        console.print(await _timeline(auditor, title, change))
        console.print(await _votes(auditor, title, change))
        evidence = await _evidence(auditor, title, change)
        if evidence is not None:
            console.print(evidence)
    console.print(await _trail(auditor, changes, people))


def verdict(wanted: list[tuple[str, bool]], api: str, console: Console) -> bool:
    for claim, holds in wanted:
        console.print(f"  {'[green]yes[/]' if holds else '[red]NO[/] '}  {claim}")
    good = all(holds for _, holds in wanted)
    console.print(
        f"\n[bold green]All ended as they must.[/] `make up` brings it back with this data:\n"
        f"  API and reference  {api}/docs\n  Temporal UI        {api}/temporal   (read-only)"
        if good
        else "\n[bold red]Something did not end as it must.[/]"
    )
    return good


async def _timeline(auditor: Caller, title: str, change: str) -> Table:
    table = Table("at", "state", "exposed", "cause", title=f"timeline: {title}", title_justify="left")
    for line in (await auditor.get(f"/rollouts/{change}/timeline"))["items"]:
        table.add_row(line["at"][11:19], line["to_state"], f"{line['percent']:g} %", line["cause"])
    return table


async def _votes(auditor: Caller, title: str, change: str) -> Table:
    approval = await auditor.get(f"/approvals/{change}")
    table = Table(
        "voter", "level", "answer", "via", title=f"votes: {title} ({approval['standing']})", title_justify="left"
    )
    for vote in approval["votes"]:
        table.add_row(vote["voter_handle"], str(vote["level"]), vote["answer"], vote["via"])
    return table


async def _evidence(auditor: Caller, title: str, change: str) -> Table | None:
    """The last check of each stage: what decided."""
    checks: list[dict[str, Any]] = (await auditor.get(f"/rollouts/{change}/evidence"))["items"]
    if not checks:
        return None
    table = Table("check", "stage", "verdict", "because", title=f"gates: {title}", title_justify="left")
    for check in {check["stage"]: check for check in checks}.values():
        table.add_row(str(check["number"]), str(check["stage"]), check["verdict"], check["sentence"])
    return table


async def _trail(auditor: Caller, changes: dict[str, str], people: dict[str, str]) -> Table:
    counted: Counter[tuple[str, str, str]] = Counter()
    for title, change in changes.items():
        for event in (await auditor.get("/audit-logs", change=change, limit=100))["items"]:
            counted[title, event["action"], people.get(event["actor"] or "", "Changegate")] += 1
    table = Table("change", "action", "by", "events", title="audit trail", title_justify="left")
    for (title, action, actor), number in counted.items():
        table.add_row(title, action, actor, str(number))
    return table
