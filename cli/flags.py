"""Flags are listed by the state of their life, their use is told, sources are searched, and documents come and go."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from application.ports.installation import Installation
from cli import flag_definitions, flag_documents, flag_explanations
from cli.caller import Caller
from cli.destination import Asked
from cli.flag_sources import MOST_LINES, found_in, repository_of, revision
from cli.voting import Api, As, Run, Tenant, caller
from domain.environments import Environment
from domain.flags.lifecycle import Lifecycle
from domain.flags.references import Reference

console = Console(highlight=False)

Key = Annotated[str, typer.Argument(help="key of the flag")]
Why = Annotated[str, typer.Option("--reason", help="why; it stays in the trail")]
Where = Annotated[Environment, typer.Option("--environment", "-e", help="of which")]


def add(app: typer.Typer, installation: Installation, run: Run) -> None:
    flags = typer.Typer(no_args_is_help=True, help="See how flags are used, and what names them.")
    app.add_typer(flags, name="flags")
    flag_documents.add(flags, installation, run)
    flag_definitions.add(flags, installation, run)
    flag_explanations.add(flags, installation, run)

    @flags.command("list")
    def listed(  # noqa: PLR0913 -- an option of the command is an argument
        environment: Where, state: Annotated[Lifecycle | None, typer.Option(help="only flags in this state")] = None,
        *, stale: Annotated[bool, typer.Option("--stale", help="the same as --state stale")] = False,
        tag: Annotated[list[str] | None, typer.Option(help="only flags with one of these tags")] = None,
        reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """List flags with the state of their life, and why."""
        wanted = Lifecycle.STALE if stale else state
        _print_list(run(_list(installation, Asked(os.environ, reader, api, tenant), environment, (wanted, tag or []))))

    @flags.command()
    def usage(
        key: Key, environment: Where,
        hours: Annotated[int, typer.Option(min=1, max=2160, help="counted over how many hours")] = 168,
        reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Show how a flag is used, and what speaks against its removal."""
        told = run(_usage(installation, Asked(os.environ, reader, api, tenant), key, (environment, hours)))
        _print_usage(told)

    @flags.command()
    def scan(  # noqa: PLR0913 -- an option of the command is an argument
        path: Annotated[Path, typer.Argument(exists=True, help="a folder of sources, or one file")],
        environment: Where, *, report: Annotated[bool, typer.Option("--report", help="tell the server, too")] = False,
        repository: Annotated[
            str | None, typer.Option(help="what the sources are called; otherwise the name of their folder")
        ] = None,
        reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Print every line that names a flag of the environment; no source text leaves this machine."""
        found = run(_scan(installation, Asked(os.environ, reader, api, tenant), path, environment))
        for each in found:
            for line in each.lines:
                console.print(f"{each.path}:{line} {each.key}", markup=False, soft_wrap=True)
        name = repository or repository_of(path)
        if report:
            run(_report(installation, Asked(os.environ, reader, api, tenant), (environment, name), path, found))
        places = sum(len(each.lines) for each in found)
        told = f", reported as {name}" if report else ""
        console.print(
            f"{_many(places, 'place')}, {_many(len({each.key for each in found}), 'flag')}{told}", markup=False
        )

    _archiving(flags, installation, run)


def _archiving(flags: typer.Typer, installation: Installation, run: Run) -> None:
    @flags.command()
    def archive(  # noqa: PLR0913 -- an option of the command is an argument
        key: Key, environment: Where, reason: Why, *,
        confirm: Annotated[bool, typer.Option("--confirm", help="although evidence does not speak for it")] = False,
        writer: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Serve a flag to nobody any more, and keep it."""
        wish = {"reason": reason, "confirm": confirm}
        version = run(_act(installation, Asked(os.environ, writer, api, tenant), (environment, key, "archive"), wish))
        console.print(f"{key} in {environment} is archived, as version {version}.", markup=False)

    @flags.command()
    def restore(
        key: Key, environment: Where, reason: Why, writer: As = None, api: Api = None, tenant: Tenant = None
    ) -> None:
        """Serve an archived flag again."""
        asked = Asked(os.environ, writer, api, tenant)
        version = run(_act(installation, asked, (environment, key, "restore"), {"reason": reason}))
        console.print(f"{key} in {environment} is served again, as version {version}.", markup=False)


async def _act(
    installation: Installation, asked: Asked, place: tuple[Environment, str, str], wish: dict[str, Any]
) -> int:
    environment, key, act = place
    async with caller(installation, asked) as me:
        present = await me.get(f"/flags/{key}", environment=environment.value)
        after = await me.post(f"/flags/{key}/{act}?environment={environment.value}", wish, over=present["version"])
        return int(after["version"])


async def _list(
    installation: Installation, asked: Asked, environment: Environment, sought: tuple[Lifecycle | None, list[str]]
) -> list[dict[str, Any]]:
    state, tags = sought
    wanted = {"tag": tags, **({"lifecycle": state.value} if state else {})}
    async with caller(installation, asked) as me:
        return [flag async for flag in _flags(me, environment, **wanted)]


async def _usage(installation: Installation, asked: Asked, key: str, over: tuple[Environment, int]) -> dict[str, Any]:
    async with caller(installation, asked) as me:
        told: dict[str, Any] = await me.get(f"/flags/{key}/usage", environment=over[0].value, hours=over[1])
        return told


async def _scan(installation: Installation, asked: Asked, path: Path, environment: Environment) -> list[Reference]:
    async with caller(installation, asked) as me:
        keys = frozenset([flag["key"] async for flag in _flags(me, environment)])
    return list(found_in(path, keys))


async def _report(
    installation: Installation, asked: Asked, place: tuple[Environment, str], path: Path, found: list[Reference]
) -> None:
    references = [{"key": each.key, "path": each.path, "lines": each.lines[:MOST_LINES]} for each in found]
    async with caller(installation, asked) as me:
        wish = {"revision": revision(path), "references": references}
        await me.put(f"/flag-references/{place[1]}?environment={place[0].value}", wish)


async def _flags(me: Caller, environment: Environment, **wanted: str | list[str]) -> AsyncIterator[dict[str, Any]]:
    """Every one, page by page."""
    following: dict[str, str] = {}
    while True:
        page = await me.get("/flags", environment=environment.value, limit=100, **wanted, **following)
        for flag in page["items"]:
            yield flag
        if page["next_cursor"] is None:
            return
        following = {"cursor": page["next_cursor"]}


def _many(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _print_list(flags: list[dict[str, Any]]) -> None:
    for flag in flags:
        reasons = "; ".join(each["text"] for each in flag["lifecycle"]["reasons"])
        line = f"{flag['lifecycle']['state']:<9} {flag['key']}" + (f"  {reasons}" if reasons else "")
        console.print(line, markup=False, soft_wrap=True)


def _print_usage(told: dict[str, Any]) -> None:
    lines = [f"{told['key']} in {told['environment']} is {told['lifecycle']['state']}"]
    lines += [f"  {each['text']}" for each in told["lifecycle"]["reasons"]]
    lines += [f"{e['times']:>10}  {e['variant'] or '(default in the code)'}  {e['reason']}" for e in told["times"]]
    lines += [f"{e['variant'] or '(default in the code)'}: {e['first_at']} to {e['last_at']}" for e in told["given"]]
    lines += [f"{e['repository']}: {_many(e['places'], 'place')}, searched {e['scanned_at']}" for e in told["scans"]]
    against = told["against_removal"]
    lines += ["against its removal:"] if against else ["Evidence speaks for its removal."]
    lines += [f"  {each['text']}" for each in against]
    console.print("\n".join(lines), markup=False, soft_wrap=True)
