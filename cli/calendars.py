"""Calendars are looked at from the terminal, tried before they are written, and their years made."""

import os
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table

from application.ports.installation import Installation
from cli.console import console
from cli.destination import Asked
from cli.voting import Api, As, Run, Tenant, caller

Calendar = Annotated[str, typer.Argument(help="code of the calendar")]
Year = Annotated[int, typer.Argument(help="number of the fiscal year")]
Entity = Annotated[str | None, typer.Option(help="whose calendar it is; otherwise that of the tenant")]


def add(app: typer.Typer, installation: Installation, run: Run) -> None:
    calendars = typer.Typer(no_args_is_help=True, help="See what fiscal calendars make, and have their years made.")
    app.add_typer(calendars, name="calendars")

    @calendars.command()
    def show(
        calendar: Calendar, year: Annotated[str | None, typer.Argument(help="as 2025; otherwise the rule")] = None,
        entity: Entity = None, reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Show the rule of a calendar, or a year that was made."""
        path = f"/calendars/{calendar}" + (f"/years/{year}" if year else "")
        told = run(_get(installation, Asked(os.environ, reader, api, tenant), path, entity))
        _print_year(told) if year else _print_rule(told)

    @calendars.command()
    def draft(
        rule: Annotated[Path, typer.Argument(help="a file with the rule, as JSON", exists=True, dir_okay=False)],
        year: Year, reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Show what a rule that is written nowhere would make."""
        asked = Asked(os.environ, reader, api, tenant)
        wish = {"rule": _rule_in(rule), "year": year}
        _print_year(run(_posted(installation, asked, "/calendar-drafts", wish)))

    @calendars.command()
    def rule(  # noqa: PLR0913 -- an option of the command is an argument
        calendar: Calendar,
        file: Annotated[Path, typer.Argument(help="a file with the rule, as JSON", exists=True, dir_okay=False)], *,
        reason: Annotated[str, typer.Option(help="why; it stays in the trail")],
        over: Annotated[int, typer.Option(help="the version that it follows; 0 for a new calendar")] = 0,
        from_year: Annotated[int | None, typer.Option(help="the first year that it makes")] = None,
        entity: Entity = None, controller: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Write the rule of a calendar; where others are asked first, it waits for their votes."""
        asked = Asked(os.environ, controller, api, tenant)
        wish = {"rule": _rule_in(file), "reason": reason, **({"from_year": from_year} if from_year else {})}
        path = f"/calendars/{calendar}" + (f"?entity={entity}" if entity else "")
        told = run(_put(installation, asked, path, wish, over))
        if "change" in told:
            console.print(f"waits for approval, as change {told['change']['id']}", soft_wrap=True)
        else:
            _print_rule(told)

    @calendars.command()
    def make(  # noqa: PLR0913 -- an option of the command is an argument
        calendar: Calendar, year: Year, *,
        reason: Annotated[str, typer.Option(help="why; it stays in the trail")],
        begins: Annotated[str | None, typer.Option(help="first day of a short first year")] = None,
        ends: Annotated[str | None, typer.Option(help="last day of a short last year")] = None,
        entity: Entity = None, controller: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Make a fiscal year and its periods; one that is there stays the same."""
        days = {name: day for name, day in (("begins", begins), ("ends", ends)) if day}
        asked = Asked(os.environ, controller, api, tenant)
        told = run(_posted(installation, asked, _path(calendar, year, entity), {**days, "reason": reason}))
        for made in told["years"]:
            _print_year(made)
        console.print("made" if told["created"] else "it was there already")


def _rule_in(file: Path) -> Any:
    try:
        return orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError:
        raise typer.BadParameter("it holds no JSON", param_hint="RULE") from None


def _path(calendar: str, year: int, entity: str | None) -> str:
    return f"/calendars/{calendar}/years/{year}" + (f"?entity={entity}" if entity else "")


def _print_rule(told: dict[str, Any]) -> None:
    whose = f" of {told['entity']}" if told["entity"] else ""
    console.print(f"{told['code']}{whose}, version {told['version']}, from {told['from_year']}", markup=False)
    console.print(orjson.dumps(told["rule"]).decode(), markup=False, soft_wrap=True)


def _print_year(told: dict[str, Any]) -> None:
    console.print(f"{told['label']}: {told['begins']} to {told['ends']}, {told['days']} days", markup=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    for period in told["periods"]:
        table.add_row(f"{told['code']}-{period['number']:02}", period["name"], period["begins"], period["ends"])
    console.print(table)


async def _get(installation: Installation, asked: Asked, path: str, entity: str | None) -> Any:
    async with caller(installation, asked) as me:
        return await me.get(path, **({"entity": entity} if entity else {}))


async def _put(installation: Installation, asked: Asked, path: str, wish: dict[str, Any], over: int) -> Any:
    async with caller(installation, asked) as me:
        return await me.put(path, wish, over=over)


async def _posted(installation: Installation, asked: Asked, path: str, wish: dict[str, Any]) -> Any:
    async with caller(installation, asked) as me:
        return await me.post(path, wish)
