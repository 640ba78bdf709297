"""The payload of a parked command is edited at the terminal, and what waits for a second person is answered there."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer

from application.ports.installation import Installation
from cli.config_pages import print_json
from cli.console import console
from cli.destination import Asked
from cli.parked_commands import AsJson, Domain, Id, Once, Seen, Why, new_id
from cli.parked_commands_pages import print_decision, print_lineage, print_operation, print_preview
from cli.voting import Answer, Api, As, Run, Tenant, caller
from domain.canonical import Json
from domain.commands.patches import difference

Patch = Annotated[
    Path | None, typer.Option("--patch", exists=True, dir_okay=False, help="a file with a JSON Patch of the payload")
]
ByHand = Annotated[bool, typer.Option("--editor", "-e", help="open the payload in $EDITOR, and send what you changed")]
Dry = Annotated[bool, typer.Option("--dry-run", help="say what would come of it, and change nothing")]
OperationId = Annotated[UUID, typer.Argument(help="id of the decision, as `edit` or `complete` printed it")]
WhyNot = Annotated[str, typer.Option("--reason", help="why; at least ten characters to reject")]
MEANINGS = {
    Answer.APPROVE: "Say yes to a decision that waits for a second person.",
    Answer.REJECT: "Say no to it: the command is free for another one.",
}


def add(commands: typer.Typer, installation: Installation, run: Run) -> None:
    @commands.command()
    def edit(  # noqa: PLR0913 -- an option of the command is an argument
        domain: Domain, id: Id, *, reason: Why,  # noqa: A002 -- its name
        patch: Patch = None, by_hand: ByHand = False, dry_run: Dry = False, version: Seen = None,
        operation: Once = None, json: AsJson = False, operator: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Retry a parked command with another payload; what was sent stays."""
        if (patch is None) is not by_hand:
            raise typer.BadParameter("either a patch or the editor", param_hint="--patch")
        asked = Asked(os.environ, operator, api, tenant)
        wish = {"operation_id": new_id(operation), "reason": reason, "dry_run": dry_run}
        told = run(_edited(installation, asked, f"{domain}/{id}", wish, patch, version))
        show = print_preview if dry_run else print_decision
        print_json(told) if json else show(told, console)

    for answer, meaning in MEANINGS.items():
        _answering(commands, installation, run, answer, meaning)
    _looking(commands, installation, run)


def _answering(commands: typer.Typer, installation: Installation, run: Run, answer: Answer, meaning: str) -> None:
    @commands.command(answer.value, help=meaning)
    def vote(
        operation: OperationId, *, reason: WhyNot = "", voter: As = None, api: Api = None, tenant: Tenant = None
    ) -> None:  # fmt: skip
        standing = run(_answered(installation, Asked(os.environ, voter, api, tenant), operation, answer, reason))
        console.print(f"{answer.value} counted; the approval is {standing}.")


def _looking(commands: typer.Typer, installation: Installation, run: Run) -> None:
    @commands.command()
    def withdraw(
        operation: OperationId, *, reason: Why, operator: As = None, api: Api = None, tenant: Tenant = None
    ) -> None:  # fmt: skip
        """Take back a decision of yours that waits for a second person."""
        asked = Asked(os.environ, operator, api, tenant)
        path = f"/command-operations/{operation}/withdraw"
        print_decision(run(_post(installation, asked, path, {"reason": reason})), console)

    @commands.command()
    def operation(
        operation: OperationId, *, json: AsJson = False, reader: As = None, api: Api = None, tenant: Tenant = None
    ) -> None:  # fmt: skip
        """Show a decision about a command, and how it stands."""
        told = run(_get(installation, Asked(os.environ, reader, api, tenant), f"/command-operations/{operation}"))
        print_json(told) if json else print_operation(told, console)

    @commands.command()
    def lineage(
        domain: Domain, id: Id, *, json: AsJson = False, reader: As = None,  # noqa: A002 -- its name
        api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Show what a command has carried, epoch by epoch, and by whose decisions."""
        told = run(_get(installation, Asked(os.environ, reader, api, tenant), f"/commands/{domain}/{id}/lineage"))
        print_json(told) if json else print_lineage(told, console)


def edited_by_hand(payload: Json) -> list[Json]:
    """What a person made of it in their editor, as a patch; BadParameter when that is no JSON, or nothing new."""
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="changegate-") as folder:
        file = Path(folder) / "payload.json"
        file.write_bytes(orjson.dumps(payload, option=orjson.OPT_INDENT_2))
        if subprocess.run([*editor, str(file)], check=False).returncode != 0:  # noqa: S603 -- the person's own editor
            raise typer.BadParameter("the editor did not end well", param_hint="--editor")
        after = _read(file, "--editor")
    patch = difference(payload, after)
    if not patch:
        raise typer.BadParameter("nothing was changed", param_hint="--editor")
    return patch


def _read(file: Path, option: str) -> Json:
    try:
        return orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError:
        raise typer.BadParameter("it holds no JSON", param_hint=option) from None


async def _edited(
    installation: Installation, asked: Asked, name: str, wish: dict[str, Any], patch: Path | None, version: int | None
) -> Any:  # fmt: skip
    given = _read(patch, "--patch") if patch else None
    async with caller(installation, asked) as me:
        there = await me.get(f"/commands/{name}")
        executed = there["payload"] if there["edited_payload"] is None else there["edited_payload"]
        wish["patch"] = given if given is not None else edited_by_hand(executed)
        return await me.post(f"/parked-commands/{name}/edit", wish, over=version or there["version"])


async def _answered(installation: Installation, asked: Asked, operation: UUID, answer: Answer, reason: str) -> str:
    async with caller(installation, asked) as me:
        approval = (await me.get(f"/command-operations/{operation}"))["approval"]
        if approval is None:
            raise typer.BadParameter("it was made at once, and nobody is asked", param_hint="OPERATION")
        return str((await me.post(f"/approvals/{approval}/{answer.value}", {"reason": reason}))["standing"])


async def _get(installation: Installation, asked: Asked, path: str) -> Any:
    async with caller(installation, asked) as me:
        return await me.get(path)


async def _post(installation: Installation, asked: Asked, path: str, wish: dict[str, Any]) -> Any:
    async with caller(installation, asked) as me:
        return await me.post(path, wish)
