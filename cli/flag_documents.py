"""Flags come in from a file of flagd or of another tool, and go out as flagd takes them."""

import os
import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from application.ports.installation import Installation
from cli.config_files import FileUnreadable
from cli.config_pages import print_json
from cli.destination import Asked, NotSent
from cli.voting import Api, As, Run, Tenant, caller
from domain.canonical import Json
from domain.environments import Environment
from domain.flags.importers import Tool

console = Console(highlight=False)

Where = Annotated[Environment, typer.Option("--environment", "-e", help="of which")]
AsJson = Annotated[bool, typer.Option("--json", help="print what the API answers, as JSON")]

_MARKS = {"added": ("+", "green"), "changed": ("~", "yellow")}
_FIDELITIES = {"exact": ("exact", "green"), "different": ("differs", "yellow"), "untranslated": ("not said", "red")}


class NoDocument(NotSent):
    """{path} holds no JSON object: {why}."""


def add(flags: typer.Typer, installation: Installation, run: Run) -> None:
    @flags.command()
    def export(
        environment: Where,
        file: Annotated[Path | None, typer.Option("--file", "-f", help="where to; otherwise standard output")] = None,
        *,
        authored: Annotated[bool, typer.Option("--authored", help="as people wrote them, to be imported here")] = False,
        reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Write the flags of an environment as one document of flagd."""
        said = {"environment": environment.value, "authored": str(authored).lower()}
        document = run(_export(installation, Asked(os.environ, reader, api, tenant), said))
        text = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"
        if file is None:
            sys.stdout.write(text)
        else:
            file.write_text(text, encoding="utf-8")

    @flags.command("import")
    def import_(  # noqa: PLR0913 -- an option of the command is an argument
        file: Annotated[Path, typer.Argument(help="what the tool exported, as JSON")],
        tool: Annotated[Tool, typer.Option("--from", help="which tool wrote the file")],
        environment: Where,
        *,
        source: Annotated[
            str | None, typer.Option("--source-environment", help="which environment of the file, if it has several")
        ] = None,
        only: Annotated[list[str] | None, typer.Option("--only", help="this flag; may be given several times")] = None,
        allow_partial: Annotated[
            bool, typer.Option("--allow-partial", help="leave out flags that cannot be translated")
        ] = False,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="only tell what would be")] = False,
        reason: Annotated[str | None, typer.Option(help="why; it stays in the history")] = None,
        json: AsJson = False, writer: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Import flags: each as it was, or with the differences that are told; what cannot be said is refused."""
        if reason is None and not dry_run:
            raise typer.BadParameter("say why, or try it with --dry-run", param_hint="--reason")
        document = run(_read(file))
        wish = {
            "environment": environment.value, "format": tool.value, "document": document,
            "source_environment": source, "keys": only or None, "allow_partial": allow_partial, "dry_run": dry_run,
            "reason": reason or "a dry run",
        }  # fmt: skip
        _print(run(_import(installation, Asked(os.environ, writer, api, tenant), wish)), as_json=json)


async def _read(file: Path) -> Json:
    return _document(file)


def _document(file: Path) -> Json:
    try:
        raw = orjson.loads(file.read_bytes())
    except OSError as error:
        raise FileUnreadable(path=file, why=error.strerror) from error
    except orjson.JSONDecodeError as error:
        raise NoDocument(path=file, why=str(error)) from error
    if not isinstance(raw, dict):
        raise NoDocument(path=file, why="it is something else")
    return raw


async def _export(installation: Installation, asked: Asked, said: dict[str, str]) -> Json:
    async with caller(installation, asked) as me:
        return await me.get("/flag-documents", **said)


async def _import(installation: Installation, asked: Asked, wish: dict[str, Json]) -> Json:
    async with caller(installation, asked) as me:
        return await me.post("/flag-documents", wish)


def _print(told: Json, *, as_json: bool) -> None:
    if as_json:
        return print_json(told)
    for note in told["notes"]:
        console.print(f"note: {note}", style="dim", markup=False, soft_wrap=True)
    for report in told["reports"]:
        word, color = _FIDELITIES[report["fidelity"]]
        notes = f": {'; '.join(report['notes'])}" if report["notes"] else ""
        console.print(f"{word:<8} {report['key']}{notes}", style=color, markup=False, soft_wrap=True)
    for step in told["flags"]:
        mark, color = _MARKS[step["op"]]
        console.print(f"{mark} {step['key']}", style=color, markup=False, soft_wrap=True)
    console.print(_ending(told), markup=False, soft_wrap=True)
    return None


def _ending(told: Json) -> str:
    if told["outcome"] == "submitted":
        waiting = f"; import again when it stands, for {', '.join(told['waiting'])}" if told["waiting"] else ""
        return f"submitted as change {told['submitted']['change']['id']}, which waits for approval{waiting}"
    if told["outcome"] == "planned":
        return "nothing is written yet" + (", and policy asks for approval" if told["needs_approval"] else "")
    return str(told["outcome"]).replace("_", " ")
