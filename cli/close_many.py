"""Many closes by one request from the terminal: a group side by side, or one entity up to a period without a gap."""

import asyncio
import os
from typing import Annotated, Any

import typer

from application.ports.installation import Installation
from cli.caller import Caller
from cli.console import console
from cli.destination import Asked
from cli.voting import Api, As, Run, Tenant, caller

RESTS = {"CLOSED": 0, "STOPPED": 1, "ABORTED": 3}
BLOCKED = 2
LOOK_SECONDS = 1.0

Id = Annotated[str, typer.Argument(help="id of the series")]
Period = Annotated[str, typer.Argument(help="code of the period, as 2025-03")]
Entities = Annotated[list[str], typer.Argument(help="codes of the entities")]
Last = Annotated[list[str] | None, typer.Option("--last", help="an entity that closes after all others, as a parent")]
Gapless = Annotated[bool, typer.Option("--gapless", help="with every earlier period that is in the way, in order")]
AtOnce = Annotated[int, typer.Option(min=1, max=20, help="so many go on side by side")]
Mode = Annotated[str, typer.Option(help="soft, hard or year_end")]
Template = Annotated[str | None, typer.Option(help="code of the tasks that belong to each")]
Dry = Annotated[bool, typer.Option("--dry-run", help="only say what would be in the way")]
Why = Annotated[str, typer.Option("--reason", help="why; it stays in the trail")]


def add(close: typer.Typer, installation: Installation, run: Run) -> None:
    @close.command()
    def group(  # noqa: PLR0913 -- an option of the command is an argument
        period: Period, entities: Entities, reason: Why, last: Last = None, mode: Mode = "hard",
        template: Template = None,
        *, gapless: Gapless = False, at_once: AtOnce = 5, dry: Dry = False,
        controller: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Close a period of several entities; prints the id of the series."""
        first = [each for each in entities if each not in (last or [])]
        closes = [_close(each, period, mode, template, gapless) for each in first]
        before = [f"{each}/{period}" for each in first]
        closes += [{**_close(each, period, mode, template, gapless), "after": before} for each in last or []]
        wish = {"closes": closes, "at_once": at_once, "reason": reason}
        _asked(installation, run, Asked(os.environ, controller, api, tenant), wish, dry=dry)

    @close.command()
    def through(  # noqa: PLR0913 -- an option of the command is an argument
        entity: Annotated[str, typer.Argument(help="code of the entity")], period: Period, reason: Why,
        mode: Mode = "hard", template: Template = None,
        *, dry: Dry = False, controller: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Close every period of an entity up to this one, in order; prints the id of the series."""
        wish = {"closes": [_close(entity, period, mode, template, gapless=True)], "reason": reason}
        _asked(installation, run, Asked(os.environ, controller, api, tenant), wish, dry=dry)

    series = typer.Typer(no_args_is_help=True, help="Follow and end what closes many periods.")
    close.add_typer(series, name="series")

    @series.command()
    def show(id_: Id, reader: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """Show where each close of a series stands."""
        run(_show(installation, Asked(os.environ, reader, api, tenant), id_))

    @series.command()
    def watch(id_: Id, reader: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """Follow a series until it rests: 0 all closed, 1 stopped at a failure, 3 aborted."""
        raise SystemExit(run(_watch(installation, Asked(os.environ, reader, api, tenant), id_)))

    @series.command()
    def resume(id_: Id, reason: Why, controller: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """Try again what failed, and go on with the rest."""
        asked = Asked(os.environ, controller, api, tenant)
        run(_ask(installation, asked, f"/closure-series/{id_}/resume", reason))

    @series.command()
    def abort(id_: Id, reason: Why, controller: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """Begin nothing more, and take back what it began and has not closed."""
        asked = Asked(os.environ, controller, api, tenant)
        run(_ask(installation, asked, f"/closure-series/{id_}/abort", reason))


def _close(entity: str, period: str, mode: str, template: str | None, gapless: bool) -> dict[str, Any]:  # noqa: FBT001 -- as it is asked
    return {"entity": entity, "period": period, "mode": mode, "template": template, "gapless": gapless}


def _asked(installation: Installation, run: Run, asked: Asked, wish: dict[str, Any], *, dry: bool) -> None:
    if dry:
        raise SystemExit(run(_try(installation, asked, wish["closes"])))
    run(_begin(installation, asked, wish))


async def _begin(installation: Installation, asked: Asked, wish: dict[str, Any]) -> None:
    async with caller(installation, asked) as me:
        begun = await me.post("/closure-series", wish)
    console.print(begun["id"], markup=False, soft_wrap=True)


async def _try(installation: Installation, asked: Asked, closes: list[dict[str, Any]]) -> int:
    async with caller(installation, asked) as me:
        found = (await me.post("/closure-series-dry-runs", {"closes": closes}))["closes"]
    for each in found:
        ways = [each["refused"]] if each["refused"] else [check["check"] for check in each["blockers"]]
        words = f"in the way: {', '.join(ways)}" if ways else "ok"
        console.print(f"  {each['entity']} {each['period']:<12} {words}", markup=False, soft_wrap=True)
    return BLOCKED if any(each["refused"] or each["blockers"] for each in found) else 0


async def _show(installation: Installation, asked: Asked, series: str) -> None:
    async with caller(installation, asked) as me:
        _print(await me.get(f"/closure-series/{series}"))


async def _ask(installation: Installation, asked: Asked, path: str, reason: str) -> None:
    async with caller(installation, asked) as me:
        _print(await me.post(path, {"reason": reason}))


async def _watch(installation: Installation, asked: Asked, series: str) -> int:
    """A line for each close when it moves."""
    told: dict[str, str] = {}
    async with caller(installation, asked) as me:
        while True:
            now = await _looked(me, series)
            for each in now["closes"]:
                key, words = f"{each['entity']} {each['period']}", _words(each)
                if told.get(key) != words:
                    console.print(f"{key:<24} {words}", markup=False, soft_wrap=True)
                told[key] = words
            if now["state"] in RESTS:
                console.print(_state(now), markup=False, soft_wrap=True)
                return RESTS[now["state"]]
            await asyncio.sleep(LOOK_SECONDS)


async def _looked(me: Caller, series: str) -> dict[str, Any]:
    found: dict[str, Any] = await me.get(f"/closure-series/{series}")
    return found


def _print(now: dict[str, Any]) -> None:
    console.print(_state(now), markup=False, soft_wrap=True)
    for each in now["closes"]:
        closure = f"  {each['closure']}" if each["closure"] else ""
        console.print(f"  {each['entity']} {each['period']:<12} {_words(each)}{closure}", markup=False, soft_wrap=True)


def _state(now: dict[str, Any]) -> str:
    return f"{now['state']}{': ' + now['why'] if now['why'] else ''}"


def _words(each: dict[str, Any]) -> str:
    why = f" ({each['why']})" if each["why"] else ""
    return f"{each['closure_state'] or each['state']}{why}"
