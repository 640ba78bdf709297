"""Deployments are listed, watched to their end and steered from the terminal; the exit code says how they ended."""

import os
from typing import Annotated, Any

import typer
from rich.live import Live

from application.ports.installation import Installation
from cli.console import console
from cli.deploy_events import followed
from cli.deploy_pages import Picture, line_of, print_list
from cli.destination import Asked
from cli.voting import Api, As, Run, Tenant, caller

ENDED = {"SUCCEEDED": 0, "ROLLED_BACK": 1, "CANCELLED": 3, "WITHDRAWN": 3, "SUPERSEDED": 4}
ELSE = 5
"""What never began: rejected, expired, invalidated."""
VERBS = {
    "start": "Start what waits for its moment now; freezes, windows and its turn still count.",
    "pause": "Hold a deployment where it is; the pause has an end.",
    "resume": "Let a paused deployment go on.",
    "promote": "Go past a gate that cannot decide; never past one that failed.",
    "abort": "Cancel what is not exposed yet, and take back what is.",
    "rollback": "Take back what is exposed.",
}

Id = Annotated[str, typer.Argument(help="id of the deployment")]
Scheduled = Annotated[bool, typer.Option("--scheduled", help="what is to start at a moment, the next first")]
Why = Annotated[str, typer.Option("--reason", help="why; it stays in the trail")]


def add(app: typer.Typer, installation: Installation, run: Run) -> None:
    deploy = typer.Typer(no_args_is_help=True, help="Watch deployments, and steer them.")
    app.add_typer(deploy, name="deploy")

    @deploy.command("list")
    def listed(
        limit: Annotated[int, typer.Option(min=1, max=100, help="how many, newest first")] = 20,
        *, scheduled: Scheduled = False,
        reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """List deployments, newest first."""
        path = "/deployments/scheduled" if scheduled else "/deployments"
        run(_list(installation, Asked(os.environ, reader, api, tenant), path, limit))

    @deploy.command()
    def show(deployment: Id, reader: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """Show where a deployment stands and how it came there."""
        run(_show(installation, Asked(os.environ, reader, api, tenant), deployment))

    @deploy.command()
    def watch(deployment: Id, reader: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """Follow a deployment to its end: 0 succeeded, 1 rolled back, 3 cancelled, 4 superseded, 5 never began."""
        raise SystemExit(run(_watch(installation, Asked(os.environ, reader, api, tenant), deployment)))

    for verb, meaning in VERBS.items():
        _steering(deploy, installation, run, verb, meaning)


def _steering(deploy: typer.Typer, installation: Installation, run: Run, verb: str, meaning: str) -> None:
    @deploy.command(verb, help=meaning)
    def steer(deployment: Id, reason: Why, operator: As = None, api: Api = None, tenant: Tenant = None) -> None:
        run(_steer(installation, Asked(os.environ, operator, api, tenant), deployment, verb, reason))


async def _list(installation: Installation, asked: Asked, path: str, limit: int) -> None:
    async with caller(installation, asked) as me:
        page = await me.get(path, limit=limit)
    print_list(page["items"], console)


async def _show(installation: Installation, asked: Asked, deployment: str) -> None:
    async with caller(installation, asked) as me:
        now = await me.get(f"/deployments/{deployment}")
        steps = (await me.get(f"/deployments/{deployment}/timeline"))["items"]
        reach = await me.get(f"/deployments/{deployment}/convergence")
        lasted = await me.get(f"/deployments/{deployment}/durations")
    console.print(f"{now['key']} in {now['environment']}: {now['state']} at {now['percent']:g} %", markup=False)
    if now["waits_until"]:
        console.print(f"It waits until {now['waits_until']}.", markup=False)
    for step in steps:
        console.print(f"  {step['at']}  {step['to_state']:<18} {step['percent']:>5g} %  {step['cause']}", markup=False)
    console.print(f"{reach['holding']} of {reach['live']} live instances hold it.")
    console.print(
        f"{lasted['progression']:.0f} s of its own, {lasted['manual_wait']:.0f} s waiting for people, "
        f"{lasted['blind']:.0f} s without sight."
    )


async def _watch(installation: Installation, asked: Asked, deployment: str) -> int:
    async with caller(installation, asked) as me:
        picture, end = Picture(await me.get(f"/deployments/{deployment}")), ""
        with Live(picture, console=console, transient=True, auto_refresh=console.is_terminal) as live:
            async for word in followed(me, deployment):
                picture.take(word)
                if not console.is_terminal or word.event in {"transition", "end"}:
                    live.console.print(line_of(word), markup=False, soft_wrap=True)
                end = word.content["state"] if word.event == "end" else end
    return ENDED.get(end, ELSE)


async def _steer(installation: Installation, asked: Asked, deployment: str, verb: str, reason: str) -> None:
    async with caller(installation, asked) as me:
        after: dict[str, Any] = await me.post(f"/deployments/{deployment}/{verb}", {"reason": reason})
    console.print(f"{after['key']} in {after['environment']} is {after['state']} at {after['percent']:g} %.")
