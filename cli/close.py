"""A close is begun, watched to its end and worked on from the terminal; the exit code says how it ended."""

import asyncio
import json
import os
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from application.ports.installation import Installation
from cli import certificates, close_many, reopenings
from cli.caller import Caller
from cli.console import console
from cli.destination import Asked
from cli.voting import Api, As, Run, Tenant, caller
from domain.closures import RunState

ENDED = {"CLOSED": 0, "REJECTED": 1, "TIMED_OUT": 2, "ABORTED": 3, "FAILED_OPERATOR": 4}
BLOCKED = 2
"""The exit code of a dry run that names something in the way; 1 is for what went wrong."""
LOOK_SECONDS = 1.0
LISTS = frozenset({"unposted", "untransferred"})
"""Checks that name entries, by module."""
OF_TASKS = frozenset({"tasks", "reconciliations"})
VERBS = {
    "complete": "Say that a task of yours is done.",
    "sign-off": "Sign off what somebody else has done.",
    "reject": "Give a task back to its owner.",
    "waive": "Say that a task need not be done.",
}

Entity = Annotated[str, typer.Argument(help="code of the entity")]
Period = Annotated[str, typer.Argument(help="code of the period, as 2025-03")]
Id = Annotated[str, typer.Argument(help="id of the close")]
Mode = Annotated[str, typer.Option(help="soft, hard or year_end")]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="one of them, otherwise all; may be given again")]
Why = Annotated[str, typer.Option("--reason", help="why; it stays in the trail")]


def add(app: typer.Typer, installation: Installation, run: Run) -> None:
    close = typer.Typer(no_args_is_help=True, help="Close fiscal periods.")
    app.add_typer(close, name="close")

    @close.command("dry-run")
    def dry_run(  # noqa: PLR0913 -- an option of the command is an argument
        entity: Entity, period: Period, mode: Mode = "hard", scope: Scopes = None,
        *, reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Say what would be in the way of a close now; nothing is frozen."""
        wish = {"entity": entity, "period": period, "mode": mode, "scopes": scope}
        raise SystemExit(run(_dry_run(installation, Asked(os.environ, reader, api, tenant), wish)))

    @close.command()
    def start(  # noqa: PLR0913 -- an option of the command is an argument
        entity: Entity, period: Period, reason: Why, mode: Mode = "hard", scope: Scopes = None,
        template: Annotated[str | None, typer.Option(help="code of the tasks that belong to it")] = None,
        *, controller: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Begin to close a period; prints the id of the close."""
        wish = {
            "entity": entity, "period": period, "mode": mode, "scopes": scope, "template": template, "reason": reason,
        }  # fmt: skip
        run(_start(installation, Asked(os.environ, controller, api, tenant), wish))

    @close.command()
    def show(closure: Id, reader: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """Show where a close stands, its tasks and what is in the way."""
        run(_show(installation, Asked(os.environ, reader, api, tenant), closure))

    @close.command()
    def watch(
        closure: Id,
        until: Annotated[RunState | None, typer.Option(help="stop at this state, as TASKS, with 0")] = None,
        *, reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Follow a close to its end: 0 closed, 1 rejected, 2 timed out, 3 aborted, 4 failed."""
        raise SystemExit(run(_watch(installation, Asked(os.environ, reader, api, tenant), closure, until)))

    @close.command()
    def abort(closure: Id, reason: Why, controller: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """End a close before it has closed anything; its gates are as they were."""
        asked = Asked(os.environ, controller, api, tenant)
        run(_ask(installation, asked, f"/period-closures/{closure}/abort", {"reason": reason}))

    @close.command()
    def revalidate(closure: Id, reason: Why, controller: As = None, api: Api = None, tenant: Tenant = None) -> None:
        """Check the books again, once what was in the way is out of it."""
        asked = Asked(os.environ, controller, api, tenant)
        run(_ask(installation, asked, f"/period-closures/{closure}/revalidate", {"reason": reason}))

    certificates.add(close, installation, run)
    reopenings.add(close, installation, run)
    close_many.add(close, installation, run)
    task = typer.Typer(no_args_is_help=True, help="Work on the tasks of a close.")
    close.add_typer(task, name="task")
    for verb, meaning in VERBS.items():
        _task(task, installation, run, verb, meaning)


def _task(task: typer.Typer, installation: Installation, run: Run, verb: str, meaning: str) -> None:
    @task.command(verb, help=meaning)
    def act(  # noqa: PLR0913 -- an option of the command is an argument
        closure: Id, key: Annotated[str, typer.Argument(help="key of the task")], reason: Why = "",
        statement: Annotated[str | None, typer.Option(help="balance of the statement, of a reconciliation")] = None,
        book: Annotated[str | None, typer.Option(help="balance of the books, of a reconciliation")] = None,
        *, person: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        balances = {"statement_balance": statement, "book_balance": book} if verb == "complete" else {}
        asked = Asked(os.environ, person, api, tenant)
        run(_ask(installation, asked, f"/period-closures/{closure}/tasks/{key}/{verb}", {"reason": reason, **balances}))


async def _dry_run(installation: Installation, asked: Asked, wish: dict[str, Any]) -> int:
    async with caller(installation, asked) as me:
        found = await me.post("/closure-dry-runs", wish)
    for check in found["checks"]:
        word = "ok" if check["ok"] else "in the way" if check["blocks"] else "noted"
        console.print(f"  {check['check']:<18} {word}", markup=False)
        for line in _found(check):
            console.print(f"    {line}", markup=False, soft_wrap=True)
    count = len(found["blockers"])
    console.print(f"{count} {'check' if count == 1 else 'checks'} would be in the way.")
    return BLOCKED if found["blockers"] else 0


async def _start(installation: Installation, asked: Asked, wish: dict[str, Any]) -> None:
    async with caller(installation, asked) as me:
        begun = await me.post("/period-closures", wish)
    console.print(begun["id"], markup=False, soft_wrap=True)


async def _show(installation: Installation, asked: Asked, closure: str) -> None:
    async with caller(installation, asked) as me:
        _print(await me.get(f"/period-closures/{closure}"))


async def _watch(installation: Installation, asked: Asked, closure: str, until: RunState | None) -> int:
    """A line for each step; what waits for people is named when it changes."""
    told, open_before = 0, ""
    async with caller(installation, asked) as me:
        while True:
            now = await _looked(me, closure)
            for line in now["timeline"][told:]:
                console.print(f"{line['at']}  {line['to_state']:<18} {line['cause']}", markup=False, soft_wrap=True)
            told, waits = len(now["timeline"]), "; ".join(_waits(now))
            if waits not in {"", open_before}:
                console.print(f"  {waits}", markup=False, soft_wrap=True)
            open_before = waits
            if now["state"] == until:
                return 0
            if now["state"] in ENDED:
                return ENDED[now["state"]]
            await asyncio.sleep(LOOK_SECONDS)


async def _looked(me: Caller, closure: str) -> dict[str, Any]:
    found: dict[str, Any] = await me.get(f"/period-closures/{closure}")
    return found


async def _ask(installation: Installation, asked: Asked, path: str, wish: dict[str, Any]) -> None:
    async with caller(installation, asked) as me:
        _print(await me.post(path, wish))


def _print(now: dict[str, Any]) -> None:
    console.print(f"{now['entity']} {now['period']} ({now['mode']}): {now['state']}", markup=False)
    for task in now["tasks"]:
        console.print(f"  {task['key']:<24} {task['state']}", markup=False)
    for line in _waits(now):
        console.print(f"  {line}", markup=False, soft_wrap=True)
    for check in _blocking(now):
        for line in _found(check):
            console.print(f"    {line}", markup=False, soft_wrap=True)


def _waits(now: dict[str, Any]) -> Iterator[str]:
    """What it waits for, in words."""
    handles = now["handles"]
    ready = [each for each in now["tasks"] if each["state"] in {"ready", "in_progress", "rejected", "suspended"}]
    if ready:
        yield "to do: " + ", ".join(f"{each['key']} ({handles.get(each['owner'], 'somebody')})" for each in ready)
    looks = [each for each in now["tasks"] if each["state"] == "submitted"]
    if looks:
        yield "to sign off: " + ", ".join(each["key"] for each in looks)
    yield from (each["words"] for each in now["waits"])
    blocks = [each["check"] for each in _blocking(now)]
    if blocks:
        yield "in the way: " + ", ".join(blocks)
    if now["checked"] and now["checked"]["again"]:
        yield "being checked again"
    if now["state"] == "AWAITING_APPROVAL" and now["approval"]:
        yield f"to be approved: {now['approval']}"


def _blocking(now: dict[str, Any]) -> list[dict[str, Any]]:
    """Until the work is done, the checks that are about it were made before it began."""
    made_before = frozenset() if now["state"] == "REMEDIATING" else OF_TASKS
    return [each for each in now["checks"] if each["blocks"] and each["check"] not in made_before]


def _found(check: dict[str, Any]) -> Iterator[str]:
    """What makes a check fail: entries by their ids, anything else as it was measured."""
    if check["ok"]:
        return
    if check["check"] not in LISTS:
        yield json.dumps(check["measured"], ensure_ascii=False)
        return
    for module, found in check["measured"].items():
        for entry in found["entries"]:
            yield f"{module} {entry['date']} {entry['description']} ({entry['id']})"
        if (more := found["count"] - len(found["entries"])) > 0:
            yield f"{module} and {more} more"
