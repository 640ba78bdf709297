"""What commands depend on is looked at from the terminal, left alone, and used again: each act says why."""

import os
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from application.ports.installation import Installation
from cli.config_pages import print_json
from cli.console import console
from cli.destination import Asked
from cli.voting import Api, As, Run, Tenant, caller

AsJson = Annotated[bool, typer.Option("--json", help="print what the API answers, as JSON")]
Name = Annotated[str, typer.Argument(help="of the dependency, as crm, or webhook:crm where it has many receivers")]
Why = Annotated[str, typer.Option("--reason", help="why, in 10 characters or more; it stays in the trail")]
Seen = Annotated[int | None, typer.Option("--version", min=0, help="as it was shown; otherwise as it stands now")]
Again = Annotated[UUID | None, typer.Option("--operation", help="of the act, to ask for it again; otherwise new")]
ACTS = {
    "open-breaker": ("open", "Leave alone what commands depend on, until somebody closes it."),
    "close-breaker": ("close", "Use again what commands depend on."),
}


def add(commands: typer.Typer, installation: Installation, run: Run) -> None:
    @commands.command()
    def breakers(
        *, json: AsJson = False, reader: As = None, api: Api = None, tenant: Tenant = None
    ) -> None:  # fmt: skip
        """Show what commands depend on, and whether it is used now."""
        told = run(_listed(installation, Asked(os.environ, reader, api, tenant)))
        print_json(told) if json else _print(told, console)

    for verb, (act, meaning) in ACTS.items():
        _acting(commands, installation, run, (verb, act, meaning))


def _acting(commands: typer.Typer, installation: Installation, run: Run, words: tuple[str, str, str]) -> None:
    verb, act, meaning = words

    @commands.command(verb, help=meaning)
    def do(  # noqa: PLR0913 -- an option of the command is an argument
        dependency: Name, *, reason: Why, version: Seen = None, operation: Again = None,
        operator: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        asked = Asked(os.environ, operator, api, tenant)
        wish = {"operation_id": str(operation or uuid4()), "reason": reason}
        made = run(_done(installation, asked, f"/command-breakers/{dependency}", (act, wish, version)))
        said = f"{made['dependency']}: it is {made['state']}, in version {made['version']}."
        console.print(said, markup=False, soft_wrap=True)


def _print(told: Mapping[str, Any], page: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column(
        "dependency", no_wrap=True, min_width=max((len(each["dependency"]) for each in told["items"]), default=0)
    )
    for each in ("scope", "state", "until", "failures", "types", "reason", "version"):
        table.add_column(each)
    for each in told["items"]:
        until = each["until"] or ("closed by a person" if each["opened_by"] else "")
        table.add_row(
            each["dependency"], each["scope"], each["state"], until, str(each["failures"]), ", ".join(each["types"]),
            escape(each["reason"] or ""), str(each["version"]),
        )  # fmt: skip
    page.print(table)


async def _listed(installation: Installation, asked: Asked) -> Any:
    async with caller(installation, asked) as me:
        return await me.get("/command-breakers")


async def _done(
    installation: Installation, asked: Asked, path: str, wished: tuple[str, dict[str, Any], int | None]
) -> Any:
    act, wish, version = wished
    async with caller(installation, asked) as me:
        seen = (await me.get(path))["version"] if version is None else version
        return await me.post(f"{path}/{act}", wish, over=seen)
