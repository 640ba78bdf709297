"""A closed period is opened again from the terminal, and followed until it is closed as before."""

import asyncio
import os
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from application.ports.installation import Installation
from cli.console import console
from cli.destination import Asked
from cli.voting import Api, As, Run, Tenant, caller
from domain.closures import LaterPolicy, ReopeningState, ReopenReason

ENDED = {"ENDED": 0, "REJECTED": 1, "TIMED_OUT": 2, "ABORTED": 3, "FAILED_OPERATOR": 4}
LEFT = 4
"""The exit code where a period of it is left for people to close."""
LOOK_SECONDS = 1.0

Entity = Annotated[str, typer.Argument(help="code of the entity")]
Period = Annotated[str, typer.Argument(help="code of the period, as 2025-03")]
Id = Annotated[str, typer.Argument(help="id of the reopening")]


def add(close: typer.Typer, installation: Installation, run: Run) -> None:
    @close.command()
    def reopen(  # noqa: PLR0913 -- an option of the command is an argument
        entity: Entity, period: Period,
        reason: Annotated[ReopenReason, typer.Option(help="of which kind")],
        why: Annotated[str, typer.Option("--justification", help="why, in twenty characters or more")],
        until: Annotated[str, typer.Option(help="when it ends by itself, as 2025-05-09T17:00:00Z")],
        *, scope: Annotated[list[str] | None, typer.Option(help="one of them, otherwise all that are closed")] = None,
        most_entries: Annotated[int | None, typer.Option(help="shut once so many have entered")] = None,
        later: Annotated[LaterPolicy, typer.Option(help="what becomes of later periods")] = LaterPolicy.ISOLATE,
        confirm_cascade: Annotated[bool, typer.Option("--confirm-cascade", help="open those listed, too")] = False,
        controller: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Ask for a closed period to be opened for a while; prints the id of the reopening."""
        wish = {
            "reason": reason.value, "justification": why, "reopen_until": until, "scopes": scope,
            "most_entries": most_entries, "later": later.value, "confirm_cascade": confirm_cascade,
        }  # fmt: skip
        asked = Asked(os.environ, controller, api, tenant)
        run(_reopen(installation, asked, f"/entities/{entity}/periods/{period}/reopenings", wish))

    @close.command()
    def reopenings(
        entity: Entity, period: Period, reader: As = None, api: Api = None, tenant: Tenant = None
    ) -> None:  # fmt: skip
        """List the reopenings of a period, the newest first."""
        asked = Asked(os.environ, reader, api, tenant)
        run(_list(installation, asked, f"/entities/{entity}/periods/{period}/reopenings"))

    one = typer.Typer(no_args_is_help=True, help="See one reopening of a period, or end it.")
    close.add_typer(one, name="reopening")

    @one.command()
    def show(reopening: Id, reader: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """Show until when it is open, or what becomes of its periods since."""
        run(_show(installation, Asked(os.environ, reader, api, tenant), reopening))

    @one.command()
    def watch(
        reopening: Id,
        until: Annotated[ReopeningState | None, typer.Option(help="stop at this state, as OPEN, with 0")] = None,
        *, reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Follow it to its end: 0 closed again, 1 rejected, 2 timed out, 3 aborted, 4 failed or left to people."""
        raise SystemExit(run(_watch(installation, Asked(os.environ, reader, api, tenant), reopening, until)))

    @one.command()
    def withdraw(
        reopening: Id, reason: Annotated[str, typer.Option(help="why; it stays in the trail")],
        controller: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Withdraw it before it opens; one that is open is shut, and certified anew."""
        run(_withdraw(installation, Asked(os.environ, controller, api, tenant), reopening, reason))


async def _reopen(installation: Installation, asked: Asked, path: str, wish: dict[str, Any]) -> None:
    async with caller(installation, asked) as me:
        begun = await me.post(path, wish)
    console.print(begun["id"], markup=False, soft_wrap=True)


async def _list(installation: Installation, asked: Asked, path: str) -> None:
    async with caller(installation, asked) as me:
        page = await me.get(path, limit=100)
    for each in page["items"]:
        console.print(f"{each['id']}  {each['asked_at']}  {_line(each)}", markup=False, soft_wrap=True)


async def _show(installation: Installation, asked: Asked, reopening: str) -> None:
    async with caller(installation, asked) as me:
        _print(await me.get(f"/period-reopenings/{reopening}"))


async def _withdraw(installation: Installation, asked: Asked, reopening: str, reason: str) -> None:
    async with caller(installation, asked) as me:
        _print(await me.post(f"/period-reopenings/{reopening}/shut", {"reason": reason}))


async def _watch(installation: Installation, asked: Asked, reopening: str, until: ReopeningState | None) -> int:
    """Each line is told when it is new."""
    told: set[str] = set()
    async with caller(installation, asked) as me:
        while True:
            now = await me.get(f"/period-reopenings/{reopening}")
            for line in [_line(now), *_lines(now)]:
                if line not in told:
                    console.print(line, markup=False, soft_wrap=True)
                told.add(line)
            if now["state"] == until:
                return 0
            if now["state"] in ENDED:
                return ENDED[now["state"]] if all(each["done"] for each in now["recertified"]) else LEFT
            await asyncio.sleep(LOOK_SECONDS)


def _print(now: dict[str, Any]) -> None:
    console.print(f"{now['entity']} {now['period']} ({now['reason']}): {_line(now)}", markup=False, soft_wrap=True)
    for line in _lines(now):
        console.print(line, markup=False, soft_wrap=True)


def _line(now: dict[str, Any]) -> str:
    return f"{now['state']}: {now['why'].replace('_', ' ')}"


def _lines(now: dict[str, Any]) -> Iterator[str]:
    if now["state"] == "ASKED":
        yield f"  to be approved: {now['approval']}"
    if now["state"] == "OPEN":
        yield f"  {', '.join(now['scopes'])} until {now['open_until']}"
        if now["most_entries"] is not None:
            yield f"  {now['entries']} of {now['most_entries']} entries"
    for each in now["recertified"]:
        closure = f"  {each['closure']}" if each["closure"] else ""
        yield f"  {each['period']}  {each['why'].replace('_', ' ')}{closure}"
    left = [each for each in now["uncertified"] if each not in {one["period"] for one in now["recertified"]}]
    if left and now["state"] != "OPEN":
        yield f"  not certified any more: {', '.join(left)}"
