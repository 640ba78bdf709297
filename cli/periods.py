"""Periods are looked at, opened, held back and locked from the terminal, and exceptions to them granted."""

import os
from typing import Annotated, Any

import typer

from application.ports.installation import Installation
from cli.config_pages import print_json
from cli.console import console
from cli.destination import Asked
from cli.periods_pages import print_check, print_exception, print_period, print_year
from cli.voting import Api, As, Run, Tenant, caller

REFUSED = 2
"""The exit code of `check` when a posting would be refused; 1 is for what went wrong."""
VERBS = {
    "open": "Open a period, or every standard period of a year that is pending.",
    "soft-close": "Let only adjustments in, by people who may make them.",
    "freeze": "Let nothing in for now.",
    "unlock": "Let transactions in again, where a period was closed softly or frozen.",
    "lock": "Lock a closed period for good, or all of a year.",
}

Entity = Annotated[str, typer.Argument(help="code of the entity")]
Period = Annotated[str, typer.Argument(help="year and number, as 2025-03; or a year alone, to open or lock all of it")]
Why = Annotated[str, typer.Option("--reason", help="why; it stays in the trail")]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="may be given several times; otherwise all")]
AsJson = Annotated[bool, typer.Option("--json", help="print what the API answers, as JSON")]


def add(app: typer.Typer, installation: Installation, run: Run) -> None:
    periods = typer.Typer(no_args_is_help=True, help="Say what may be posted, and when.")
    app.add_typer(periods, name="periods")

    @periods.command("list")
    def listed(
        entity: Entity, year: Annotated[str | None, typer.Option(help="otherwise that of today")] = None, *,
        json: AsJson = False, reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Show how each scope of each period of a year stands."""
        query = {"year": year} if year else {}
        told = run(_get(installation, Asked(os.environ, reader, api, tenant), f"/entities/{entity}/periods", query))
        print_json(told) if json else print_year(told, console)

    for verb, meaning in VERBS.items():
        _moving(periods, installation, run, verb, meaning)
    _excepting(periods, installation, run)

    @periods.command()
    def check(  # noqa: PLR0913 -- an option of the command is an argument
        entity: Entity, scope: Annotated[str, typer.Argument(help="of postings, as AP")],
        on: Annotated[str, typer.Argument(help="a date, as 2025-03-31, or an instant with its offset")],
        operation: Annotated[str, typer.Option(help="transaction, adjustment, closing or reporting")] = "transaction",
        *, json: AsJson = False, reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Ask whether something may be posted: 0 yes, 2 no. It binds nobody: the guard in the database does."""
        day = {"instant" if "T" in on.upper() else "date": on}
        question = {"entity": entity, "scope": scope, "operation": operation, **day}
        asked = Asked(os.environ, reader, api, tenant)
        told = run(_post(installation, asked, "/posting-checks", {"checks": [question]}))
        (item,) = told["answers"]
        print_json(told) if json else print_check(item, console)
        raise SystemExit(0 if item["allowed"] else REFUSED)


def _moving(periods: typer.Typer, installation: Installation, run: Run, verb: str, meaning: str) -> None:
    @periods.command(verb, help=meaning)
    def move(  # noqa: PLR0913 -- an option of the command is an argument
        entity: Entity, period: Period, *, reason: Why, scope: Scopes = None, controller: As = None, api: Api = None,
        tenant: Tenant = None,
    ) -> None:  # fmt: skip
        part, show = ("periods", print_period) if "-" in period else ("years", print_year)
        wish = {"scopes": scope or [], "reason": reason}
        asked = Asked(os.environ, controller, api, tenant)
        show(run(_post(installation, asked, f"/entities/{entity}/{part}/{period}/{verb}", wish)), console)


def _excepting(periods: typer.Typer, installation: Installation, run: Run) -> None:
    @periods.command("except")
    def grant(  # noqa: PLR0913 -- an option of the command is an argument
        entity: Entity, period: Period, *, reason: Why,
        scope: Annotated[str, typer.Option(help="of postings, as AP")],
        until: Annotated[str, typer.Option(help="when it ends: an instant with its offset")],
        operation: Annotated[list[str], typer.Option(help="transaction or adjustment; may be given twice")],
        person: Annotated[str | None, typer.Option(help="who may post, by their handle")] = None,
        role: Annotated[str | None, typer.Option(help="or everybody who has this role")] = None,
        most: Annotated[int | None, typer.Option(min=1, help="so many entries at most")] = None,
        controller: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Let somebody else post where a gate lets nobody, for a while."""
        wish = {"scope": scope, "ends": until, "operations": operation, "person": person, "role": role,
                "most_entries": most, "reason": reason}  # fmt: skip
        asked = Asked(os.environ, controller, api, tenant)
        told = run(_post(installation, asked, f"/entities/{entity}/periods/{period}/exceptions", wish))
        print_exception(told, console)

    @periods.command()
    def revoke(
        exception: Annotated[str, typer.Argument(help="id of the exception")], reason: Why, controller: As = None,
        api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Take an exception back; it lets nobody in from now on."""
        asked = Asked(os.environ, controller, api, tenant)
        print_exception(run(_revoked(installation, asked, exception, reason)), console)


async def _get(installation: Installation, asked: Asked, path: str, query: dict[str, str]) -> Any:
    async with caller(installation, asked) as me:
        return await me.get(path, **query)


async def _post(installation: Installation, asked: Asked, path: str, wish: dict[str, Any]) -> Any:
    async with caller(installation, asked) as me:
        return await me.post(path, wish)


async def _revoked(installation: Installation, asked: Asked, exception: str, reason: str) -> Any:
    async with caller(installation, asked) as me:
        return await me.delete(f"/posting-exceptions/{exception}", reason=reason)
