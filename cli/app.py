"""The `changegate` command: what operators and people at a terminal do."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

import httpx2
import typer

from application.ports.installation import Installation, Newcomer, Running
from cli import calendars, close, commands, config, database, deploy, flags, gates, periods, processes, secrets, voting
from cli.caller import ApiRefusal
from cli.console import console
from cli.destination import NotSent
from cli.seed import PEOPLE, TENANT
from domain.errors import Refusal
from domain.people import Principal, PrincipalKind, Role

Port = Annotated[int | None, typer.Option(help="port of the API; otherwise the one of the last run")]
As = Annotated[str, typer.Option("--as", help="handle of the principal")]


def build(installation: Installation) -> typer.Typer:
    """Every command on this installation."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)

    @app.command()
    def up(port: Port = None) -> None:
        """Start everything and stay; Ctrl-C stops every child, data stays in the data folder."""
        _run(_up(installation, port))

    @app.command()
    def demo() -> None:
        """Run the main job to its end on real input: two rollouts, one expiry, one close, one command put right."""
        from cli.demo.story import play  # the shop is an example: an installation without examples has no demo

        raise SystemExit(0 if _run(play(installation, console)) else 1)

    @app.command()
    def worker() -> None:
        """Run one more worker; it tells how many commands it executes, and CHANGEGATE_HANDLERS names whose it does."""
        _run(installation.work())

    @app.command()
    def migrate() -> None:
        """Bring the schema of an external database up to date (CHANGEGATE_OWNER_DATABASE_URL)."""
        _run(installation.migrate())

    @app.command()
    def token(
        principal: As, minutes: Annotated[int, typer.Option(min=1, max=1440, help="how long it is valid")] = 60
    ) -> None:
        """Print an access token of the embedded issuer."""
        sys.stdout.write(installation.mint(principal, timedelta(minutes=minutes)) + "\n")

    @app.command()
    def admit(  # noqa: PLR0913 -- an option of the command is an argument
        tenant: Annotated[str, typer.Argument(help="slug of the tenant, made if it is not there")],
        handle: str,
        role: Annotated[list[Role], typer.Option(help="may be given several times")],
        *,
        email: Annotated[str | None, typer.Option(help="where messages go")] = None,
        service: Annotated[bool, typer.Option("--service", help="a service account, which never votes")] = False,
        issuer: Annotated[
            str | None, typer.Option(help="who signs their tokens; otherwise the embedded issuer")
        ] = None,
        subject: Annotated[str | None, typer.Option(help="what the issuer calls them; otherwise the handle")] = None,
    ) -> None:
        """Admit a principal to a tenant of the running installation, or of the one at CHANGEGATE_DATABASE_URL."""
        kind = PrincipalKind.SERVICE if service else PrincipalKind.HUMAN
        newcomer = Newcomer(handle, frozenset(role), kind, email, issuer, subject)
        for known in _run(installation.admit(tenant, tenant, [newcomer])):
            console.print(_known(known, tenant), markup=False, soft_wrap=True)

    for each in (
        database, voting, config, deploy, secrets, flags, gates, close, calendars, periods, commands, processes,
    ):  # fmt: skip
        each.add(app, installation, _run)
    return app


async def _up(installation: Installation, port: int | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    console.print("starting PostgreSQL, Temporal, Valkey, API and worker ...")
    async with installation.start(port=port) as running:
        await installation.admit(TENANT, "The demo's shop", PEOPLE, own=True)
        for notice in running.notices:
            console.print(f"[yellow]{notice}[/]")
        console.print(_addresses(running, installation))
        await _first(stop.wait(), _warn(running))
        console.print("stopping ...")


def _addresses(running: Running, installation: Installation) -> str:
    host = running.api.removeprefix("http://").partition(":")[0]
    return (
        f"[bold]Changegate runs.[/]  data in {installation.folder}\n"
        f"  API and reference   {running.api}/docs\n"
        f"  Temporal UI         {running.api}/temporal   (read-only)\n"
        f"  flagd sync          {host}:{running.port('flagd')}   (gRPC, no TLS)\n"
        f"  Temporal            {running.temporal_address}   (for `temporal --address`)\n"
        f"  PostgreSQL          {database.place(installation.database_url)}   (`changegate database` says as whom)\n"
        f"  health              {running.api}/readyz\n"
        f"  a token             changegate token --as ada   (tenant {TENANT}; also bob, cyd, root, olu, aud)\n"
        "Ctrl-C stops everything."
    )


def _known(person: Principal, tenant: str) -> str:
    """What the directory says, which for somebody admitted earlier is not what was just asked for."""
    roles = ", ".join(sorted(role.value for role in person.roles))
    return f"{person.handle} of {tenant} is {roles}; {person.issuer} knows them as {person.subject}."


async def _warn(running: Running) -> None:
    console.print(f"[red]{await running.trouble()}[/]")


async def _first(*tasks: Coroutine[Any, Any, Any]) -> None:
    running = [asyncio.create_task(task) for task in tasks]
    _, rest = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _run(command: Coroutine[Any, Any, Any]) -> Any:
    """A refusal is a sentence and exit code 1; a traceback is for defects."""
    try:
        return asyncio.run(command)
    except (Refusal, ApiRefusal, NotSent) as refusal:
        console.print(str(refusal), style="red", markup=False, soft_wrap=True)
    except httpx2.ConnectError:
        console.print("[red]Nothing answers there; start Changegate with `make up`.[/]")
    except KeyboardInterrupt:
        console.print("stopped")
    raise SystemExit(1)
