"""Whoever doubts a verdict judges its checks again at their own terminal."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from application.ports.installation import Installation
from cli.console import console
from cli.destination import Asked
from cli.voting import Api, As, Run, Tenant, caller

if TYPE_CHECKING:
    from application.gates.replaying import ReplayedCheck


DIFFERS = 2
"""The exit code that says that a stored verdict cannot be computed again; 1 is for what went wrong."""


def add(app: typer.Typer, installation: Installation, run: Run) -> None:
    gates = typer.Typer(no_args_is_help=True, help="Ask gates what they said, and whether they would say it again.")
    app.add_typer(gates, name="gates")

    @gates.callback()
    def group() -> None:
        """Keep `replay` a command of its own while it is the only one."""

    @gates.command()
    def replay(
        rollout: Annotated[str, typer.Argument(help="id of the rollout")],
        reader: As = None,
        api: Api = None,
        tenant: Tenant = None,
    ) -> None:
        """Judge every stored check again, here, and compare it to the last bit."""
        from application.gates.replaying import replayed_check

        checks = run(_checks(installation, rollout, Asked(os.environ, reader, api, tenant)))
        replayed = [replayed_check(check["number"], check["record"]) for check in checks]
        show(replayed, console)
        if not all(each.exact for each in replayed):
            raise typer.Exit(DIFFERS)


def show(replayed: "list[ReplayedCheck]", page: Console) -> None:
    for each in replayed:
        told = "the same" if each.exact else "differs at " + ", ".join(each.differs)
        page.print(f"{each.number:>5}  {each.formula}  {each.verdict:<14}  {told}", markup=False, soft_wrap=True)
    exact = sum(each.exact for each in replayed)
    page.print(f"{exact} of {len(replayed)} checks come out bit by bit as they were stored.", markup=False)


async def _checks(installation: Installation, rollout: str, asked: Asked) -> list[dict[str, Any]]:
    async with caller(installation, asked) as reader:
        checks: list[dict[str, Any]] = (await reader.get(f"/rollouts/{rollout}/evidence"))["items"]
        return checks
