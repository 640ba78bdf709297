"""Commands are sent from the terminal, found again, and told from their beginning."""

import os
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from application.ports.installation import Installation
from cli import breakers, bulks, command_batches, command_repairs, long_commands, parked_commands
from cli.command_options import REPLY_HELP, reply_to_in
from cli.commands_pages import print_command, print_list, print_sent, print_trail
from cli.config_pages import print_json
from cli.console import console
from cli.destination import Asked
from cli.voting import Api, As, Run, Tenant, caller
from domain.commands import OnUnique

Domain = Annotated[str, typer.Argument(help="of the command, as ledger")]
Id = Annotated[str, typer.Argument(help="the sender's own name for it")]
AsJson = Annotated[bool, typer.Option("--json", help="print what the API answers, as JSON")]
Limit = Annotated[int, typer.Option(min=1, max=100, help="how many, from the newest on")]


def add(app: typer.Typer, installation: Installation, run: Run) -> None:
    commands = typer.Typer(no_args_is_help=True, help="Tell modules what to do, and see what became of it.")
    app.add_typer(commands, name="commands")

    @commands.command()
    def send(  # noqa: PLR0913 -- an option of the command is an argument
        type: Annotated[str, typer.Argument(help="domain and verb, as ledger.post-journal")],  # noqa: A002 -- its name
        id: Id,  # noqa: A002 -- its name
        payload: Annotated[Path, typer.Argument(help="a file with the payload, as JSON", exists=True, dir_okay=False)],
        *,
        schema_version: Annotated[int, typer.Option(min=1)] = 1,
        not_before: Annotated[str | None, typer.Option(help="an instant with its offset")] = None,
        expires_at: Annotated[str | None, typer.Option(help="an instant with its offset")] = None,
        priority: Annotated[int | None, typer.Option(min=0, max=9, help="9 goes first")] = None,
        ordering_key: Annotated[str | None, typer.Option(help="those of one key go one after the other")] = None,
        max_attempts: Annotated[int | None, typer.Option(min=1)] = None,
        change: Annotated[str | None, typer.Option(help="id of the change that it belongs to")] = None,
        entity: Annotated[str | None, typer.Option(help="in whose books it posts")] = None,
        effective_date: Annotated[str | None, typer.Option(help="on which day it posts, as 2026-03-31")] = None,
        unique_key: Annotated[str | None, typer.Option(help="of its domain one that is not over has it")] = None,
        on_unique: Annotated[OnUnique | None, typer.Option(help="what becomes of it where another has the key")] = None,
        reply_to: Annotated[str | None, typer.Option(help=REPLY_HELP)] = None,
        alone: Annotated[bool, typer.Option("--alone", help="by a workflow of its own")] = False,
        wait: Annotated[int | None, typer.Option(min=1, max=25, help="seconds to wait for the end of it")] = None,
        json: AsJson = False, sender: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Send a command; what was sent before under its id is shown, and not sent again."""
        given = {"not_before": not_before, "expires_at": expires_at, "priority": priority, "ordering_key": ordering_key,
                 "max_attempts": max_attempts, "change": change, "entity": entity,
                 "effective_date": effective_date, "reply_to": reply_to_in(reply_to),
                 "unique_key": unique_key, "on_unique": on_unique, "alone": alone or None}  # fmt: skip
        wish = {"type": type, "id": id, "payload": _payload_in(payload), "schema_version": schema_version,
                **{name: value for name, value in given.items() if value is not None}}  # fmt: skip
        told = run(_post(installation, Asked(os.environ, sender, api, tenant), wish, wait))
        print_json(told) if json else print_sent(told, console)

    @commands.command("list")
    def listed(  # noqa: PLR0913 -- an option of the command is an argument
        *,
        state: Annotated[str | None, typer.Option(help="as pending, completed or parked")] = None,
        domain: Annotated[str | None, typer.Option()] = None,
        type: Annotated[str | None, typer.Option()] = None,  # noqa: A002 -- its name
        since: Annotated[str | None, typer.Option(help="sent then or later: an instant with its offset")] = None,
        until: Annotated[str | None, typer.Option(help="sent before: an instant with its offset")] = None,
        correlation: Annotated[str | None, typer.Option(help="what came of one first cause")] = None,
        change: Annotated[str | None, typer.Option(help="id of the change that they belong to")] = None,
        limit: Limit = 50, json: AsJson = False, reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Show commands, newest first."""
        given = {"state": state, "domain": domain, "type": type, "since": since, "until": until,
                 "correlation": correlation, "change": change}  # fmt: skip
        query = {"limit": limit, **{name: value for name, value in given.items() if value is not None}}
        told = run(_get(installation, Asked(os.environ, reader, api, tenant), "/commands", query))
        print_json(told) if json else print_list(told, console)

    _looking(commands, installation, run)
    long_commands.add(commands, installation, run)
    command_batches.add(commands, installation, run)
    parked_commands.add(commands, installation, run)
    command_repairs.add(commands, installation, run)
    breakers.add(commands, installation, run)
    bulks.add(commands, installation, run)


def _looking(commands: typer.Typer, installation: Installation, run: Run) -> None:
    @commands.command()
    def show(
        domain: Domain, id: Id, *, json: AsJson = False, reader: As = None, api: Api = None,  # noqa: A002 -- its name
        tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Show one command, with its payload and what became of it."""
        told = run(_get(installation, Asked(os.environ, reader, api, tenant), f"/commands/{domain}/{id}", {}))
        print_json(told) if json else print_command(told, console)

    @commands.command()
    def trail(
        domain: Domain, id: Id, *, json: AsJson = False, reader: As = None, api: Api = None,  # noqa: A002 -- its name
        tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Show every move of a command, oldest first."""
        asked = Asked(os.environ, reader, api, tenant)
        told = run(_whole(installation, asked, f"/commands/{domain}/{id}/trail"))
        print_json({"items": told}) if json else print_trail(told, console)


def _payload_in(file: Path) -> Any:
    try:
        return orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError:
        raise typer.BadParameter("it holds no JSON", param_hint="PAYLOAD") from None


async def _get(installation: Installation, asked: Asked, path: str, query: dict[str, Any]) -> Any:
    async with caller(installation, asked) as me:
        return await me.get(path, **query)


async def _post(installation: Installation, asked: Asked, wish: dict[str, Any], wait: int | None) -> Any:
    async with caller(installation, asked) as me:
        return await me.post(f"/commands?wait={wait}" if wait else "/commands", wish)


async def _whole(installation: Installation, asked: Asked, path: str) -> list[Any]:
    """Every page of a list."""
    items: list[Any] = []
    async with caller(installation, asked) as me:
        page = await me.get(path, limit=100)
        items += page["items"]
        while page["next_cursor"]:
            page = await me.get(path, limit=100, cursor=page["next_cursor"])
            items += page["items"]
    return items
