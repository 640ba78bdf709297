"""What waits for a person is looked at from the terminal, and decided about: each decision says why."""

import hashlib
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
from cli.parked_commands_pages import print_causes, print_decision, print_parked
from cli.voting import Api, As, Run, Tenant, caller

Domain = Annotated[str, typer.Argument(help="of the command, as ledger")]
Id = Annotated[str, typer.Argument(help="the sender's own name for it")]
AsJson = Annotated[bool, typer.Option("--json", help="print what the API answers, as JSON")]
Why = Annotated[str, typer.Option("--reason", help="why, in 10 characters or more; it stays in the trail")]
Seen = Annotated[int | None, typer.Option("--version", min=1, help="as it was shown; otherwise as it stands now")]
Once = Annotated[UUID | None, typer.Option("--operation", help="of the decision, to ask for it again; otherwise new")]
Proof = Annotated[
    Path, typer.Option(exists=True, dir_okay=False, help="a file that proves it; its digest is sent, and not the file")
]
Result = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="a file with what its handler would give, as JSON")
]
ALONE_HELP = "by a workflow of its own from now on, or no longer; otherwise as before"


def add(commands: typer.Typer, installation: Installation, run: Run) -> None:
    @commands.command()
    def parked(  # noqa: PLR0913 -- an option of the command is an argument
        *,
        causes: Annotated[bool, typer.Option("--causes", help="count them by their errors")] = False,
        domain: Annotated[str | None, typer.Option()] = None,
        type: Annotated[str | None, typer.Option()] = None,  # noqa: A002 -- its name
        kind: Annotated[str | None, typer.Option(help="as permanent, exhausted or poison")] = None,
        fingerprint: Annotated[str | None, typer.Option(help="of their error, as --causes shows it")] = None,
        snoozed: Annotated[bool | None, typer.Option(help="those that sleep now, or those that do not")] = None,
        limit: Annotated[int, typer.Option(min=1, max=100)] = 50,
        json: AsJson = False, reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Show the commands that wait for a person, newest first."""
        given = {"domain": domain, "type": type, "kind": kind, "fingerprint": fingerprint, "snoozed": snoozed}
        query = {"limit": limit, **{name: value for name, value in given.items() if value is not None}}
        path, show = ("/parked-commands/causes", print_causes) if causes else ("/parked-commands", print_parked)
        told = run(_get(installation, Asked(os.environ, reader, api, tenant), path, query))
        print_json(told) if json else show(told, console)

    _ending(commands, installation, run)
    _completing(commands, installation, run)
    _putting_off(commands, installation, run)


def _ending(commands: typer.Typer, installation: Installation, run: Run) -> None:
    @commands.command()
    def retry(  # noqa: PLR0913 -- an option of the command is an argument
        domain: Domain, id: Id, *, reason: Why,  # noqa: A002 -- its name
        alone: Annotated[bool | None, typer.Option("--alone/--together", help=ALONE_HELP)] = None,
        version: Seen = None, operation: Once = None, operator: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Execute a parked command again, from the beginning."""
        asked = Asked(os.environ, operator, api, tenant)
        wish = {"operation_id": new_id(operation), "reason": reason, "alone": alone}
        print_decision(run(_decided(installation, asked, f"{domain}/{id}", "retry", wish, version)), console)

    @commands.command()
    def cancel(  # noqa: PLR0913 -- an option of the command is an argument
        domain: Domain, id: Id, *, reason: Why, version: Seen = None, operation: Once = None,  # noqa: A002 -- its name
        operator: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """End a command that is not over: one that waits, is parked, or runs in a workflow of its own."""
        asked = Asked(os.environ, operator, api, tenant)
        wish = {"operation_id": new_id(operation), "reason": reason}
        print_decision(run(_decided(installation, asked, f"{domain}/{id}", "cancel", wish, version)), console)


def _completing(commands: typer.Typer, installation: Installation, run: Run) -> None:
    @commands.command()
    def complete(  # noqa: PLR0913 -- an option of the command is an argument
        domain: Domain, id: Id, *, reason: Why,  # noqa: A002 -- its name
        evidence: Proof, result: Result = None,
        version: Seen = None, operation: Once = None, operator: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Say that a parked command was done by other means."""
        asked = Asked(os.environ, operator, api, tenant)
        proof = "sha256:" + hashlib.sha256(evidence.read_bytes()).hexdigest()
        wish = {"operation_id": new_id(operation), "reason": reason, "evidence": proof,
                "result": _result_in(result) if result else None}  # fmt: skip
        print_decision(run(_decided(installation, asked, f"{domain}/{id}", "complete", wish, version)), console)


def _putting_off(commands: typer.Typer, installation: Installation, run: Run) -> None:
    @commands.command()
    def snooze(  # noqa: PLR0913 -- an option of the command is an argument
        domain: Domain, id: Id, *, reason: Why,  # noqa: A002 -- its name
        until: Annotated[str, typer.Option(help="an instant with its offset, within 90 days")],
        version: Seen = None, operation: Once = None, operator: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Look at a parked command later."""
        asked = Asked(os.environ, operator, api, tenant)
        wish = {"operation_id": new_id(operation), "reason": reason, "until": until}
        print_decision(run(_decided(installation, asked, f"{domain}/{id}", "snooze", wish, version)), console)

    @commands.command()
    def assign(  # noqa: PLR0913 -- an option of the command is an argument
        domain: Domain, id: Id, *, reason: Why,  # noqa: A002 -- its name
        to: Annotated[str | None, typer.Option(help="handle of who looks at it; without, nobody does")] = None,
        version: Seen = None, operation: Once = None, operator: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Say who looks at a parked command."""
        asked = Asked(os.environ, operator, api, tenant)
        wish = {"operation_id": new_id(operation), "reason": reason, "person": to}
        print_decision(run(_decided(installation, asked, f"{domain}/{id}", "assign", wish, version)), console)


def new_id(operation: UUID | None) -> str:
    return str(operation or uuid4())


def _result_in(file: Path) -> Any:
    try:
        return orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError:
        raise typer.BadParameter("it holds no JSON", param_hint="--result") from None


async def _get(installation: Installation, asked: Asked, path: str, query: dict[str, Any]) -> Any:
    async with caller(installation, asked) as me:
        return await me.get(path, **query)


async def _decided(
    installation: Installation, asked: Asked, name: str, verb: str, wish: dict[str, Any], version: int | None
) -> Any:  # fmt: skip
    async with caller(installation, asked) as me:
        seen = version or (await me.get(f"/commands/{name}"))["version"]
        where = "commands" if verb == "cancel" else "parked-commands"  # what runs can be canceled as well
        return await me.post(f"/{where}/{name}/{verb}", wish, over=seen)
