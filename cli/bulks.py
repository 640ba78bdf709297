"""Many parked commands from the terminal: tried, retried in stages, watched, paused and ended."""

import asyncio
import os
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer

from application.ports.installation import Installation
from cli.bulks_pages import print_asked, print_bulk, print_items, print_tried, progress
from cli.config_pages import print_json
from cli.console import console
from cli.destination import Asked
from cli.voting import Api, As, Run, Tenant, caller

AT_REST = {"done": 0, "stopped": 1, "aborted": 3, "refused": 3}
"""How `watch` ends; what is done is no success where some failed again."""
SOME_FAILED = 1
LOOK_SECONDS = 1.0

Id = Annotated[str, typer.Argument(help="id of the bulk operation")]
Why = Annotated[str, typer.Option(help="why; it stays in the trail")]
Once = Annotated[UUID | None, typer.Option("--operation", help="an id of your own, to ask for it again")]
Seen = Annotated[int | None, typer.Option("--version", min=1, help="the version that you were shown")]
AsJson = Annotated[bool, typer.Option("--json", help="print what the API answers, as JSON")]
Stages = Annotated[str, typer.Option(help="how many first, and then: numbers, shares, and the rest")]
VERBS = {
    "pause": "Touch nothing more; what was retried goes on.",
    "resume": "Let it go on, also past a gate that stopped it.",
    "abort": "Leave what was not touched, and tell where the rest came.",
}


def add(commands: typer.Typer, installation: Installation, run: Run) -> None:
    _asking(commands, installation, run)
    bulk = typer.Typer(no_args_is_help=True, help="Follow and end what decides about many parked commands.")
    commands.add_typer(bulk, name="bulk")
    _looking(bulk, installation, run)
    for verb, meaning in VERBS.items():
        _acting(bulk, installation, run, verb, meaning)


def _asking(commands: typer.Typer, installation: Installation, run: Run) -> None:
    @commands.command("retry-all")
    def retry_all(  # noqa: PLR0913 -- an option of the command is an argument
        *, reason: Why,
        fingerprint: Annotated[str | None, typer.Option(help="of their error, as `parked --causes` tells it")] = None,
        domain: Annotated[str | None, typer.Option()] = None,
        type: Annotated[str | None, typer.Option()] = None,  # noqa: A002 -- its name
        kind: Annotated[str | None, typer.Option(help="as exhausted or permanent")] = None,
        stages: Stages = "1,10,10%,rest",
        max_failed: Annotated[float, typer.Option(min=0, max=99, help="per cent of a stage that may fail")] = 5.0,
        settle: Annotated[int, typer.Option(min=1, help="seconds that a stage may take to settle")] = 300,
        per_second: Annotated[int, typer.Option(min=1, max=500)] = 100,
        dry: Annotated[bool, typer.Option("--dry-run", help="only say what it would be about")] = False,
        operation: Once = None, json: AsJson = False, operator: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Retry every parked command that fits, a few first; prints the id of the operation."""
        which = {"fingerprint": fingerprint, "domain": domain, "type": type, "kind": kind}
        wish = {
            "operation_id": str(operation or uuid4()), "act": "retry", "reason": reason, "dry_run": dry,
            "filter": {name: value for name, value in which.items() if value is not None},
            "stages": [each.strip() for each in stages.split(",")], "per_second": per_second,
            "gate": {"max_failed_percent": max_failed, "settle_seconds": settle},
        }  # fmt: skip
        told = run(_post(installation, Asked(os.environ, operator, api, tenant), "/parked-commands/bulk", wish))
        if json:
            print_json(told)
        else:
            (print_tried if dry else print_asked)(told, console)


def _looking(bulk: typer.Typer, installation: Installation, run: Run) -> None:
    @bulk.command()
    def show(id_: Id, *, json: AsJson = False, reader: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """Show how far an operation has come, and how each stage ended."""
        told = run(_get(installation, Asked(os.environ, reader, api, tenant), f"/command-bulks/{id_}"))
        print_json(told) if json else print_bulk(told, console)

    @bulk.command()
    def items(  # noqa: PLR0913 -- an option of the command is an argument
        id_: Id, *, outcome: Annotated[str | None, typer.Option(help="as failed or waiting")] = None,
        limit: Annotated[int, typer.Option(min=1, max=100)] = 50,
        json: AsJson = False, reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Show what has become of each of its commands."""
        query = {"limit": limit, **({"outcome": outcome} if outcome else {})}
        asked = Asked(os.environ, reader, api, tenant)
        told = run(_get(installation, asked, f"/command-bulks/{id_}/items", **query))
        print_json(told) if json else print_items(told, console)

    @bulk.command()
    def watch(id_: Id, reader: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """Follow it until it rests: 0 all are done, 1 some failed or it stopped, 3 aborted or refused."""
        raise SystemExit(run(_watch(installation, Asked(os.environ, reader, api, tenant), id_)))


def _acting(bulk: typer.Typer, installation: Installation, run: Run, verb: str, meaning: str) -> None:
    @bulk.command(verb, help=meaning)
    def act(  # noqa: PLR0913 -- an option of the command is an argument
        id_: Id, *, reason: Why, version: Seen = None, operation: Once = None, operator: As = None, api: Api = None,
        tenant: Tenant = None,
    ) -> None:  # fmt: skip
        asked = Asked(os.environ, operator, api, tenant)
        wish = {"operation_id": str(operation or uuid4()), "reason": reason}
        print_bulk(run(_acted(installation, asked, f"/command-bulks/{id_}", verb, wish, version)), console)


async def _get(installation: Installation, asked: Asked, path: str, **query: Any) -> Any:
    async with caller(installation, asked) as me:
        return await me.get(path, **query)


async def _post(installation: Installation, asked: Asked, path: str, wish: dict[str, Any]) -> Any:
    async with caller(installation, asked) as me:
        return await me.post(path, wish)


async def _acted(
    installation: Installation, asked: Asked, path: str, verb: str, wish: dict[str, Any], version: int | None
) -> Any:  # fmt: skip
    async with caller(installation, asked) as me:
        seen = version or (await me.get(path))["version"]
        return await me.post(f"{path}/{verb}", wish, over=seen)


async def _watch(installation: Installation, asked: Asked, id_: str) -> int:
    """A line whenever something has moved."""
    told = ""
    async with caller(installation, asked) as me:
        while True:
            now = await me.get(f"/command-bulks/{id_}")
            words = progress(now)
            if words != told:
                console.print(words, markup=False, soft_wrap=True)
            told = words
            if now["state"] in AT_REST:
                code = AT_REST[now["state"]]
                return SOME_FAILED if not code and now["outcomes"]["failed"] else code
            await asyncio.sleep(LOOK_SECONDS)
