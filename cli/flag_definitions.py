"""A flag is shown as its author wrote it or as clients get it, and segments with the flags that name them."""

import os
import sys
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from application.ports.installation import Installation
from cli.destination import Asked
from cli.voting import Api, As, Run, Tenant, caller
from domain.environments import Environment

console = Console(highlight=False)

Key = Annotated[str, typer.Argument(help="key of the flag")]
Where = Annotated[Environment, typer.Option("--environment", "-e", help="of which")]


def add(flags: typer.Typer, installation: Installation, run: Run) -> None:
    @flags.command()
    def show(
        key: Key, environment: Where, *,
        published: Annotated[bool, typer.Option("--published", help="as clients get it, in flagd's form")] = False,
        reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Print the definition of a flag."""
        path = f"/flags/{key}/published" if published else f"/flags/{key}"
        told = run(_read(installation, Asked(os.environ, reader, api, tenant), path, environment))
        sys.stdout.write(orjson.dumps(told["definition"], option=orjson.OPT_INDENT_2).decode() + "\n")

    @flags.command()
    def segments(environment: Where, reader: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """List segments, and which flags name them."""
        asked = Asked(os.environ, reader, api, tenant)
        for each in run(_segments(installation, asked, environment)):
            about = "; ".join(part for part in (each["description"], each["owner"]) if part)
            used = ", ".join(each["flags"]) or "no flag"
            console.print(f"{each['name']}  {used}" + (f"  ({about})" if about else ""), markup=False, soft_wrap=True)


async def _read(
    installation: Installation, asked: Asked, path: str, environment: Environment, **more: str
) -> dict[str, Any]:
    async with caller(installation, asked) as me:
        told: dict[str, Any] = await me.get(path, environment=environment.value, **more)
        return told


async def _segments(installation: Installation, asked: Asked, environment: Environment) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    following: dict[str, str] = {}
    while True:
        page = await _read(installation, asked, "/segments", environment, **following)
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        following = {"cursor": page["next_cursor"]}
