"""Batches are sent from the terminal, and followed until all of their commands are over."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from rich.console import Console
from rich.table import Table

from application.ports.installation import Installation
from cli.config_pages import print_json
from cli.console import console
from cli.destination import Asked
from cli.voting import Api, As, Run, Tenant, caller

PAUSE: Final = 1.0
COUNTS: Final = ("completed", "failed", "canceled", "expired", "parked")

Id = Annotated[str, typer.Argument(help="the sender's own name for the batch")]
AsJson = Annotated[bool, typer.Option("--json", help="print what the API answers, as JSON")]


def add(commands: typer.Typer, installation: Installation, run: Run) -> None:
    batch = typer.Typer(no_args_is_help=True, help="Send many commands as one, and see how far they are.")
    commands.add_typer(batch, name="batch")

    @batch.command()
    def send(
        file: Annotated[Path, typer.Argument(help="the batch, as the API takes it", exists=True, dir_okay=False)],
        *, json: AsJson = False, sender: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Send a batch, all or none; what was sent before under its id is shown, and not sent again."""
        told = run(_post(installation, Asked(os.environ, sender, api, tenant), _wish_in(file)))
        print_json(told) if json else print_batch_sent(told, console)

    @batch.command()
    def show(batch: Id, *, json: AsJson = False, reader: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """Show how far a batch is."""
        told = run(_get(installation, Asked(os.environ, reader, api, tenant), f"/command-batches/{batch}", {}))
        print_json(told) if json else print_batch(told, console)

    @batch.command("list")
    def listed(
        *,
        limit: Annotated[int, typer.Option(min=1, max=100, help="how many, from the newest on")] = 50,
        json: AsJson = False, reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Show batches, newest first."""
        told = run(_get(installation, Asked(os.environ, reader, api, tenant), "/command-batches", {"limit": limit}))
        print_json(told) if json else print_batches(told, console)

    @batch.command()
    def watch(batch: Id, reader: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """Follow a batch to its end: 0 when every command was completed, 1 when some were not."""
        raise SystemExit(run(_watch(installation, Asked(os.environ, reader, api, tenant), batch)))


def print_batch_sent(told: Mapping[str, Any], page: Console) -> None:
    said = "was sent before" if told["replayed"] else "is sent"
    page.print(f"{told['batch']['id']} {said}; {_standing(told['batch'])}.", markup=False, soft_wrap=True)


def print_batch(told: Mapping[str, Any], page: Console) -> None:
    page.print(f"{told['id']}: {_standing(told)}", markup=False, soft_wrap=True)
    callback = told["callback"]
    if callback:
        said = "is sent" if callback["sent"] else ("was not sent" if told["over"] else "waits for all of them")
        page.print(f"callback {callback['domain']}/{callback['id']} {said}", markup=False, soft_wrap=True)


def print_batches(told: Mapping[str, Any], page: Console) -> None:
    table = Table("batch", "commands", *COUNTS, "sent", box=None, pad_edge=False)
    for each in told["items"]:
        table.add_row(each["id"], str(each["total"]), *(str(each[name]) for name in COUNTS), each["created_at"])
    page.print(table)
    if told["next_cursor"]:
        page.print("There are more.")


def _standing(told: Mapping[str, Any]) -> str:
    counts = [f"{told[name]} {name}" for name in COUNTS if told[name]]
    return f"{', '.join(counts) or 'none over'} of {told['total']}"


async def _watch(installation: Installation, asked: Asked, batch: str) -> int:
    last = ""
    async with caller(installation, asked) as me:
        while True:
            told = await me.get(f"/command-batches/{batch}")
            if _standing(told) != last:
                last = _standing(told)
                console.print(last, markup=False, soft_wrap=True)
            if told["over"]:
                return 0 if told["completed"] == told["total"] else 1
            await asyncio.sleep(PAUSE)


def _wish_in(file: Path) -> Any:
    try:
        return orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError:
        raise typer.BadParameter("it holds no JSON", param_hint="FILE") from None


async def _get(installation: Installation, asked: Asked, path: str, query: dict[str, Any]) -> Any:
    async with caller(installation, asked) as me:
        return await me.get(path, **query)


async def _post(installation: Installation, asked: Asked, wish: dict[str, Any]) -> Any:
    async with caller(installation, asked) as me:
        return await me.post("/command-batches", wish)
