"""Processes are started from the terminal, watched to their end, stopped, and tried again."""

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import orjson
import typer

from application.ports.installation import Installation
from cli.config_pages import print_json
from cli.console import console
from cli.destination import Asked
from cli.processes_pages import print_decision, print_list, print_process, print_started, print_trail, words_of
from cli.voting import Api, As, Run, Tenant, caller

ENDS = {"completed": 0, "compensated": 1, "compensation-failed": 2}
LOOK_SECONDS = 0.5

Type = Annotated[str, typer.Argument(help="domain and verb, as ledger.move-cash")]
Id = Annotated[str, typer.Argument(help="the starter's own name for it")]
AsJson = Annotated[bool, typer.Option("--json", help="print what the API answers, as JSON")]
Why = Annotated[str, typer.Option("--reason", help="why, in 10 characters or more; it stays in the trail")]
Seen = Annotated[int | None, typer.Option("--version", min=1, help="as it was shown; otherwise as it stands now")]
Once = Annotated[UUID | None, typer.Option("--operation", help="of the decision, to ask for it again; otherwise new")]
VERBS = {
    "cancel": "Stop a process, and undo what it has done.",
    "retry": "Undo once more what could not be undone.",
}


def add(app: typer.Typer, installation: Installation, run: Run) -> None:
    processes = typer.Typer(
        no_args_is_help=True, help="Send several commands in their order, and undo them in reverse."
    )
    app.add_typer(processes, name="processes")

    @processes.command()
    def start(  # noqa: PLR0913 -- an option of the command is an argument
        type: Type,  # noqa: A002 -- its name
        id: Id,  # noqa: A002 -- its name
        data: Annotated[Path, typer.Argument(help="a file with its data, as JSON", exists=True, dir_okay=False)],
        *,
        schema_version: Annotated[int, typer.Option(min=1)] = 1,
        change: Annotated[str | None, typer.Option(help="id of the change that it belongs to")] = None,
        json: AsJson = False, starter: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Start a process; what was started before under its id is shown, and not started again."""
        wish = {"type": type, "id": id, "data": _data_in(data), "schema_version": schema_version, "change": change}
        told = run(_post(installation, Asked(os.environ, starter, api, tenant), wish))
        print_json(told) if json else print_started(told, console)

    @processes.command("list")
    def listed(  # noqa: PLR0913 -- an option of the command is an argument
        *,
        state: Annotated[str | None, typer.Option(help="as waiting-for-tsq or compensation-failed")] = None,
        type: Annotated[str | None, typer.Option()] = None,  # noqa: A002 -- its name
        limit: Annotated[int, typer.Option(min=1, max=100, help="how many, from the newest on")] = 50,
        json: AsJson = False, reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Show processes, newest first."""
        query = {"limit": limit, **({"state": state} if state else {}), **({"type": type} if type else {})}
        told = run(_get(installation, Asked(os.environ, reader, api, tenant), "/processes", query))
        print_json(told) if json else print_list(told, console)

    _looking(processes, installation, run)
    for verb, meaning in VERBS.items():
        _deciding(processes, installation, run, verb, meaning)


def _looking(processes: typer.Typer, installation: Installation, run: Run) -> None:
    @processes.command()
    def show(
        type: Type, id: Id, *, json: AsJson = False, reader: As = None, api: Api = None,  # noqa: A002 -- its name
        tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Show where a process and each of its steps stand."""
        told = run(_get(installation, Asked(os.environ, reader, api, tenant), f"/processes/{type}/{id}", {}))
        print_json(told) if json else print_process(told, console)

    @processes.command()
    def trail(type: Type, id: Id, *, reader: As = None, api: Api = None, tenant: Tenant = None) -> None:  # noqa: A002 -- its name
        """Show every move of a process, oldest first."""
        asked = Asked(os.environ, reader, api, tenant)
        print_trail(run(_whole(installation, asked, f"/processes/{type}/{id}/trail")), console)

    @processes.command()
    def watch(type: Type, id: Id, *, reader: As = None, api: Api = None, tenant: Tenant = None) -> None:  # noqa: A002 -- its name
        """Follow a process to its end: 0 all is done, 1 all is undone, 2 something could not be undone."""
        raise SystemExit(run(_watch(installation, Asked(os.environ, reader, api, tenant), f"{type}/{id}")))


def _deciding(processes: typer.Typer, installation: Installation, run: Run, verb: str, meaning: str) -> None:
    @processes.command(verb, help=meaning)
    def decide(  # noqa: PLR0913 -- an option of the command is an argument
        type: Type, id: Id, *, reason: Why, version: Seen = None, operation: Once = None,  # noqa: A002 -- its name
        operator: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        asked = Asked(os.environ, operator, api, tenant)
        wish = {"operation_id": str(operation or uuid4()), "reason": reason}
        print_decision(run(_decided(installation, asked, f"{type}/{id}/{verb}", wish, version)), console)


def _data_in(file: Path) -> Any:
    try:
        return orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError:
        raise typer.BadParameter("it holds no JSON", param_hint="DATA") from None


async def _get(installation: Installation, asked: Asked, path: str, query: dict[str, Any]) -> Any:
    async with caller(installation, asked) as me:
        return await me.get(path, **query)


async def _post(installation: Installation, asked: Asked, wish: dict[str, Any]) -> Any:
    async with caller(installation, asked) as me:
        return await me.post("/processes", wish)


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


async def _decided(
    installation: Installation, asked: Asked, path: str, wish: dict[str, Any], version: int | None
) -> Any:  # fmt: skip
    async with caller(installation, asked) as me:
        seen = version or (await me.get(f"/processes/{path.rpartition('/')[0]}"))["version"]
        return await me.post(f"/processes/{path}", wish, over=seen)


async def _watch(installation: Installation, asked: Asked, name: str) -> int:
    """A line for each step when it moves."""
    told: dict[str, str] = {}
    async with caller(installation, asked) as me:
        while True:
            now = await me.get(f"/processes/{name}")
            for step in now["steps"] or []:
                if told.get(step["name"]) != words_of(step):
                    console.print(f"{step['name']:<24} {words_of(step)}", markup=False, soft_wrap=True)
                told[step["name"]] = words_of(step)
            if now["state"] in ENDS:
                console.print(words_of(now), markup=False, soft_wrap=True)
                return ENDS[now["state"]]
            await asyncio.sleep(LOOK_SECONDS)
