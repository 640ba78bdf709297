"""People see what waits for them, vote, and may hand their vote to `temporal workflow signal`."""

import json
import shlex
import sys
from collections.abc import Callable, Coroutine, Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console

from application.ports.installation import Installation
from cli.caller import Caller

console = Console(highlight=False)

Run = Callable[[Coroutine[Any, Any, Any]], Any]
As = Annotated[str, typer.Option("--as", help="handle of the voter")]


class Answer(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


def add(app: typer.Typer, installation: Installation, run: Run) -> None:
    @app.command()
    def pending(voter: As) -> None:
        """List the approvals that wait for this person."""
        run(_pending(installation, voter))

    @app.command()
    def vote(
        change: Annotated[str, typer.Argument(help="id of the change")],
        answer: Answer,
        voter: As,
        *,
        reason: Annotated[str, typer.Option(help="why; at least ten characters to reject")] = "",
        emit_signal: Annotated[
            bool, typer.Option("--emit-signal", help="print the command that signals the vote instead of voting")
        ] = False,
    ) -> None:
        """Vote on a change."""
        wish = {"answer": answer.value, "reason": reason}
        run(_emit(installation, change, voter, wish) if emit_signal else _vote(installation, change, voter, wish))

    @app.command()
    def rollout(change: Annotated[str, typer.Argument(help="id of the change")], reader: As) -> None:
        """Show where a rollout stands and how it came there."""
        run(_rollout(installation, change, reader))


def signal_command(signal: dict[str, Any], temporal_address: str) -> list[str]:
    """The arguments of `temporal` that send this signal."""
    place = ["--address", temporal_address, "--workflow-id", signal["workflow_id"]]
    return ["temporal", "workflow", "signal", *place, "--name", signal["name"], "--input", json.dumps(signal["input"])]


def list_waiting(waiting: Iterable[dict[str, Any]], page: Console) -> None:
    """A block for each change, its id on a line of its own: however narrow the terminal, it can be copied whole."""
    told = [
        f"{each['id']}\n"
        f"  {each['change']['target']['key']} in {each['environment']}, by {each['authors'][0]['handle']}\n"
        f"  level {each['open_level']} of {len(each['levels'])}, until {each['deadline']}"
        for each in waiting
    ]
    page.print("\n".join(told) or "Nothing waits for you.", markup=False, soft_wrap=True)


def caller(installation: Installation, handle: str) -> Caller:
    return Caller(installation.api_url, installation.mint(handle, timedelta(minutes=10)))


async def _pending(installation: Installation, voter: str) -> None:
    async with caller(installation, voter) as me:
        waiting = (await me.get("/approvals/pending"))["items"]
    list_waiting(waiting, console)


async def _vote(installation: Installation, change: str, voter: str, wish: dict[str, str]) -> None:
    async with caller(installation, voter) as me:
        after = await me.post(f"/approvals/{change}/{wish['answer']}", {"reason": wish["reason"]})
    console.print(f"{wish['answer']} counted; the approval is {after['standing']}.")


async def _emit(installation: Installation, change: str, voter: str, wish: dict[str, str]) -> None:
    async with caller(installation, voter) as me:
        proof = await me.post(f"/approvals/{change}/assertions", wish)
    if proof["signal"] is None:
        console.print("This vote was given before; there is nothing to signal.")
        return
    sys.stdout.write(shlex.join(signal_command(proof["signal"], installation.temporal_address)) + "\n")


async def _rollout(installation: Installation, change: str, reader: str) -> None:
    async with caller(installation, reader) as me:
        now = await me.get(f"/rollouts/{change}")
        lines = (await me.get(f"/rollouts/{change}/timeline"))["items"]
    console.print(f"[bold]{now['key']}[/] in {now['environment']}: {now['state']} at {now['percent']:g} %")
    for line in lines:
        console.print(f"  {line['at']}  {line['to_state']:<18} {line['percent']:>5g} %  {line['cause']}")
