"""Configuration that is kept in Git is compared with an environment, applied to it, and watched for drift."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from application.ports.installation import Installation
from cli.caller import Caller
from cli.config_files import bundle_in, written
from cli.config_pages import print_drift, print_import, print_plan
from cli.console import console
from cli.destination import Asked
from cli.voting import Api, As, Tenant, caller
from domain.canonical import Json
from domain.environments import Environment

DRIFTED = 2
"""The exit code that says that there is something to do; 1 is for what went wrong."""
LARGE_BYTES = 512 * 1024
"""What is larger is uploaded and imported by a workflow."""
MOST_ASKED_BYTES = 12 * 1024 * 1024
"""A question may be larger: nothing waits for its answer but whoever asks."""
LOOK_SECONDS = 0.5

Run = Callable[[Coroutine[Any, Any, Any]], Any]
File = Annotated[Path, typer.Option("--file", "-f", help="the bundle, as `config export` writes it")]
Where = Annotated[
    Environment | None, typer.Option("--environment", "-e", help="of which; otherwise that of the bundle")
]
Prune = Annotated[bool, typer.Option("--prune/--no-prune", help="whether values that the file lacks are taken back")]
Origin = Annotated[str | None, typer.Option("--from-tenant", help="the tenant of a file that is not from this one")]
AsJson = Annotated[bool, typer.Option("--json", help="print what the API answers, as JSON")]
Code = Annotated[bool, typer.Option("--exit-code", help=f"exit with {DRIFTED} when there is something to tell")]


def add(app: typer.Typer, installation: Installation, run: Run) -> None:
    config = typer.Typer(no_args_is_help=True, help="Keep the configuration of an environment in a file.")
    app.add_typer(config, name="config")

    @config.command()
    def export(
        environment: Annotated[Environment, typer.Option("--environment", "-e", help="of which")],
        file: Annotated[Path | None, typer.Option("--file", "-f", help="where to; otherwise standard output")] = None,
        reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Write what is stored as a bundle whose bytes change only when what it says does."""
        text = run(_export(installation, Asked(os.environ, reader, api, tenant), environment))
        if file is None:
            sys.stdout.write(text)
        else:
            file.write_text(text, encoding="utf-8")

    @config.command()
    def plan(  # noqa: PLR0913 -- an option of the command is an argument
        file: File, environment: Where = None, *, prune: Prune = True, from_tenant: Origin = None,
        json: AsJson = False, exit_code: Code = False, writer: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Print what applying the file would add, change and take back; nothing is written."""
        wish = _wish(run(_read(file)), environment, "a plan", prune=prune, from_tenant=from_tenant, dry_run=True)
        told = run(_brought(installation, Asked(os.environ, writer, api, tenant), wish))
        print_plan(told, console, as_json=json)
        raise SystemExit(DRIFTED if exit_code and told["outcome"] != "no_changes" else 0)

    @config.command()
    def apply(  # noqa: PLR0913 -- an option of the command is an argument
        file: File, environment: Where = None, *,
        reason: Annotated[str, typer.Option(help="why; it stays in the history")],
        prune: Prune = True, from_tenant: Origin = None, json: AsJson = False, writer: As = None, api: Api = None,
        tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Make the environment say what the file says, whole or not at all, and remember it as what was synced."""
        wish = _wish(run(_read(file)), environment, reason, prune=prune, from_tenant=from_tenant, sync=True)
        told = run(_brought(installation, Asked(os.environ, writer, api, tenant), wish))
        print_import(told, console, as_json=json)
        raise SystemExit(1 if told["outcome"] in {"failed", "rejected", "cancelled"} else 0)

    @config.command()
    def drift(  # noqa: PLR0913 -- an option of the command is an argument
        file: File, environment: Where = None, *, from_tenant: Origin = None, json: AsJson = False,
        exit_code: Code = False, reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Tell who moved since the last `apply`: the server, the file, or both."""
        bundle = run(_read(file))
        question = {"environment": _where(bundle, environment), "from_tenant": from_tenant}
        told = run(_drift(installation, Asked(os.environ, reader, api, tenant), bundle, question))
        print_drift(told, console, as_json=json)
        raise SystemExit(DRIFTED if exit_code and told["items"] else 0)


async def _read(file: Path) -> Json:
    return bundle_in(file)


async def _export(installation: Installation, asked: Asked, environment: Environment) -> str:
    async with caller(installation, asked) as me:
        return written(await me.get("/settings-bundles", environment=environment.value))


async def _brought(installation: Installation, asked: Asked, wish: dict[str, Json]) -> Json:
    async with caller(installation, asked) as me:
        if len(orjson.dumps(wish["bundle"])) <= LARGE_BYTES:
            return await me.post("/settings-bundles", wish)
        return await _uploaded(me, wish)


async def _uploaded(me: Caller, wish: dict[str, Json]) -> Json:
    """Followed until it has ended, or waits for people."""
    upload = await me.send("/settings-bundles/uploads", orjson.dumps(wish["bundle"]))
    rest = {name: value for name, value in wish.items() if name != "bundle"}
    record = (await me.post("/imports", {**rest, "upload": upload["id"]}))["id"]
    while True:
        told = await me.get(f"/imports/{record}")
        if told["state"] != "RUNNING":
            return {**told, "outcome": _OUTCOMES[told["state"]], "told": told["outcome"]}
        await asyncio.sleep(LOOK_SECONDS)


async def _drift(installation: Installation, asked: Asked, bundle: Json, question: dict[str, Json]) -> Json:
    async with caller(installation, asked) as me:
        if len(orjson.dumps(bundle)) <= MOST_ASKED_BYTES:
            return await me.post("/settings-bundles/drift", {**question, "bundle": bundle})
        upload = await me.send("/settings-bundles/uploads", orjson.dumps(bundle))
        return await me.post("/settings-bundles/drift", {**question, "upload": upload["id"]})


def _wish(bundle: Json, environment: Environment | None, reason: str, **options: Json) -> dict[str, Json]:
    return {"environment": _where(bundle, environment), "bundle": bundle, "reason": reason, **options}


def _where(bundle: Json, environment: Environment | None) -> Json:
    return environment.value if environment else bundle.get("environment")


_OUTCOMES = {
    "AWAITING_APPROVAL": "submitted",
    "APPLIED": "applied",
    "UNCHANGED": "no_changes",
    "PLANNED": "planned",
    "REJECTED": "rejected",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
}
