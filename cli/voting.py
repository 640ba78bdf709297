"""People see what waits for them, vote, and may hand their vote to `temporal workflow signal`."""

import json
import os
import shlex
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Annotated, Any

import httpx2
import typer
from rich.console import Console

from application.ports.installation import Installation
from cli.caller import Caller
from cli.console import console
from cli.destination import Asked, Frontend, NotSent, destination, frontend
from domain.flags.impact_words import sentences

Run = Callable[[Coroutine[Any, Any, Any]], Any]
As = Annotated[
    str | None,
    typer.Option(
        "--as",
        help="handle, with the embedded issuer; otherwise the token in CHANGEGATE_TOKEN or CHANGEGATE_TOKEN_FILE",
    ),
]
Api = Annotated[
    str | None,
    typer.Option("--api", envvar="CHANGEGATE_API_URL", help="where the API answers; otherwise that of the data folder"),
]
Tenant = Annotated[
    str | None,
    typer.Option("--tenant", envvar="CHANGEGATE_TENANT", help="slug of the tenant, for who belongs to several"),
]


class NoAnswer(NotSent):
    """{api} does not answer: {why}.{remedy}"""


class Answer(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


def add(app: typer.Typer, installation: Installation, run: Run) -> None:
    @app.command()
    def pending(voter: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """List the approvals that wait for this person."""
        run(_pending(installation, Asked(os.environ, voter, api, tenant)))

    @app.command()
    def vote(  # noqa: PLR0913 -- an option of the command is an argument
        change: Annotated[str, typer.Argument(help="id of the change")],
        answer: Answer,
        voter: As = None,
        *,
        reason: Annotated[str, typer.Option(help="why; at least ten characters to reject")] = "",
        emit_signal: Annotated[
            bool, typer.Option("--emit-signal", help="print the command that signals the vote instead of voting")
        ] = False,
        api: Api = None,
        tenant: Tenant = None,
    ) -> None:
        """Vote on a change."""
        asked, wish = Asked(os.environ, voter, api, tenant), {"answer": answer.value, "reason": reason}
        run(_emit(installation, change, asked, wish) if emit_signal else _vote(installation, change, asked, wish))

    @app.command()
    def rollout(
        change: Annotated[str, typer.Argument(help="id of the change")],
        reader: As = None,
        api: Api = None,
        tenant: Tenant = None,
    ) -> None:
        """Show where a rollout stands and how it came there."""
        run(_rollout(installation, change, Asked(os.environ, reader, api, tenant)))


def signal_command(signal: dict[str, Any], there: Frontend) -> list[str]:
    """The arguments of `temporal` that send this signal."""
    namespace = ["--namespace", there.namespace] if there.namespace else []
    place = ["--address", there.address, *namespace, "--workflow-id", signal["workflow_id"]]
    return ["temporal", "workflow", "signal", *place, "--name", signal["name"], "--input", json.dumps(signal["input"])]


def list_waiting(waiting: Iterable[dict[str, Any]], page: Console) -> None:
    """A block for each change, its id on a line of its own: however narrow the terminal, it can be copied whole."""
    told = [
        f"{each['id']}\n"
        f"  {each['change']['target']['key']} in {each['environment']}, by {each['authors'][0]['handle']}\n"
        f"  level {each['open_level']} of {len(each['levels'])}, until {each['deadline']}{_starts(each['change'])}"
        f"{_impact(each)}"
        for each in waiting
    ]
    page.print("\n".join(told) or "Nothing waits for you.", markup=False, soft_wrap=True)


def _starts(change: dict[str, Any]) -> str:
    """The moment of what is not to start as soon as it may."""
    moment = change["plan"].get("apply_at")
    return f"\n  starts at {moment} at the earliest" if moment else ""


def _impact(waiting: dict[str, Any]) -> str:
    """Whom it changes, as far as contexts were sampled."""
    impact = waiting.get("impact")
    return "".join(f"\n  {said}" for said in sentences(impact)) if impact else ""


@asynccontextmanager
async def caller(installation: Installation, asked: Asked) -> AsyncIterator[Caller]:
    there = destination(asked, installation)
    try:
        async with Caller(there.api, lambda: destination(asked, installation).token, there.tenant) as me:
            yield me
    except httpx2.TransportError as error:
        remedy = " Start Changegate with `make up`." if there.embedded else ""
        raise NoAnswer(api=there.api, why=str(error) or type(error).__name__, remedy=remedy) from error


async def _pending(installation: Installation, asked: Asked) -> None:
    async with caller(installation, asked) as me:
        waiting = (await me.get("/approvals/pending"))["items"]
        for each in waiting:
            each["impact"] = (await me.get(f"/approvals/{each['id']}/brief"))["impact"]
    list_waiting(waiting, console)


async def _vote(installation: Installation, change: str, asked: Asked, wish: dict[str, str]) -> None:
    async with caller(installation, asked) as me:
        after = await me.post(f"/approvals/{change}/{wish['answer']}", {"reason": wish["reason"]})
    console.print(f"{wish['answer']} counted; the approval is {after['standing']}.")


async def _emit(installation: Installation, change: str, asked: Asked, wish: dict[str, str]) -> None:
    async with caller(installation, asked) as me:
        there = frontend(asked, installation)  # known before the proof is made, which lasts for minutes only
        proof = await me.post(f"/approvals/{change}/assertions", wish)
    if proof["signal"] is None:
        console.print("This vote was given before; there is nothing to signal.")
        return
    sys.stdout.write(shlex.join(signal_command(proof["signal"], there)) + "\n")


async def _rollout(installation: Installation, change: str, asked: Asked) -> None:
    async with caller(installation, asked) as me:
        now = await me.get(f"/rollouts/{change}")
        lines = (await me.get(f"/rollouts/{change}/timeline"))["items"]
    console.print(f"[bold]{now['key']}[/] in {now['environment']}: {now['state']} at {now['percent']:g} %")
    for line in lines:
        console.print(f"  {line['at']}  {line['to_state']:<18} {line['percent']:>5g} %  {line['cause']}")
