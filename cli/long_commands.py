"""A command is followed from the terminal until it is over or waits for a person; the exit code says which."""

import asyncio
import os
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer

from application.ports.installation import Installation
from cli.caller import ApiRefusal, Caller
from cli.console import console
from cli.destination import Asked
from cli.voting import Api, As, Run, Tenant, caller

AT_REST = {"completed": 0, "failed": 1, "parked": 2, "canceled": 3, "expired": 3}
"""How `watch` ends."""
LOOK_SECONDS = 1.0
MISSING = 404

Domain = Annotated[str, typer.Argument(help="of the command, as ledger")]
Id = Annotated[str, typer.Argument(help="the sender's own name for it")]


def add(commands: typer.Typer, installation: Installation, run: Run) -> None:
    @commands.command()
    def watch(domain: Domain, id: Id, reader: As = None, api: Api = None, tenant: Tenant = None) -> None:  # noqa: A002 -- its name
        """Follow it until it rests: 0 completed, 1 failed, 2 parked, 3 canceled or expired."""
        raise SystemExit(run(_watch(installation, Asked(os.environ, reader, api, tenant), f"{domain}/{id}")))


def words(now: Mapping[str, Any], progress: Mapping[str, Any] | None) -> str:
    """One line: where it stands, and how far it has come while it runs."""
    said = f"{now['domain']}/{now['id']} is {now['state']}"
    if now["parked"]:
        said += f" as {now['parked']}"
    if now["attempt"]:
        said += f", attempt {now['attempt']}"
    if now["state"] == "retry-wait":
        said += f", again from {now['due_at']} on"
    if now["error"] and now["state"] not in {"running", "completed"}:
        said += f": {now['error']['code']}" + (f", {now['error']['message']}" if now["error"]["message"] else "")
    if progress is not None and now["state"] == "running":
        said += f": {orjson.dumps(progress['said']).decode()}"
    return said


async def _watch(installation: Installation, asked: Asked, name: str) -> int:
    """A line whenever something has moved."""
    told = ""
    async with caller(installation, asked) as me:
        while True:
            now = await me.get(f"/commands/{name}")
            line = words(now, await _progress(me, name) if now["state"] == "running" else None)
            if line != told:
                console.print(line, markup=False, soft_wrap=True)
            told = line
            if now["state"] in AT_REST:
                return AT_REST[now["state"]]
            await asyncio.sleep(LOOK_SECONDS)


async def _progress(me: Caller, name: str) -> Mapping[str, Any] | None:
    """Nothing where its handler has told none."""
    try:
        found: Mapping[str, Any] = await me.get(f"/commands/{name}/progress")
    except ApiRefusal as refusal:
        if refusal.problem.get("status") != MISSING:
            raise
        return None
    return found
