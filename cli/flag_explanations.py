"""Why a context gets this variant is printed as one sentence and a tree of what was looked at."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from application.ports.installation import Installation
from cli.config_files import FileUnreadable
from cli.config_pages import print_json
from cli.destination import Asked, NotSent
from cli.voting import Api, As, Run, Tenant, caller
from domain.environments import Environment

console = Console(highlight=False)

_LONGEST = 100


@dataclass(frozen=True)
class Said:
    """What somebody typed."""

    context: str
    version: int | None
    draft: Path | None

    def wish(self) -> dict[str, Any]:
        """Raises FileUnreadable, or NoObject."""
        wish: dict[str, Any] = {"context": _object("the context", self.context)}
        if self.version is not None:
            wish["version"] = self.version
        if self.draft is not None:
            wish["definition"] = _object(str(self.draft), f"@{self.draft}")
        return wish


class NoObject(NotSent):
    """{what} is no JSON object: {why}."""


def add(flags: typer.Typer, installation: Installation, run: Run) -> None:
    @flags.command()
    def explain(  # noqa: PLR0913 -- an option of the command is an argument
        key: Annotated[str, typer.Argument(help="key of the flag")],
        environment: Annotated[Environment, typer.Option("--environment", "-e", help="of which")],
        context: Annotated[str, typer.Option("--context", "-c", help="as JSON, or @file")] = "{}",
        version: Annotated[int | None, typer.Option(help="which; otherwise what is served")] = None,
        draft: Annotated[Path | None, typer.Option(help="a file with a definition that is not stored")] = None, *,
        as_json: Annotated[bool, typer.Option("--json", help="print what the API answers, as JSON")] = False,
        reader: As = None, api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Say why a context gets this variant, rule by rule."""
        asked, said = Asked(os.environ, reader, api, tenant), Said(context, version, draft)
        told = run(_asked(installation, asked, (environment, key), said))
        if as_json:
            return print_json(told)
        return console.print("\n".join([told["sentence"], *lines(told)]), markup=False, soft_wrap=True)


def _object(what: str, said: str) -> dict[str, Any]:
    try:
        found = orjson.loads(Path(said[1:]).read_bytes() if said.startswith("@") else said)
    except OSError as error:
        raise FileUnreadable(path=said[1:], why=error.strerror) from error
    except orjson.JSONDecodeError as error:
        raise NoObject(what=what, why=str(error)) from error
    if not isinstance(found, dict):
        raise NoObject(what=what, why="expected an object")
    return found


async def _asked(
    installation: Installation, asked: Asked, place: tuple[Environment, str], said: Said
) -> dict[str, Any]:
    wish = said.wish()
    async with caller(installation, asked) as me:
        path = f"/flags/{place[1]}/explain?environment={place[0].value}"
        told: dict[str, Any] = await me.post(path, wish)
        return told


def lines(told: dict[str, Any]) -> Iterator[str]:
    """Each step below the one that asked for it: → decided, · was looked at, and the others were not looked at."""
    if told["rule"] is not None:
        yield from _lines(told["rule"], "", 0)


def _lines(step: dict[str, Any], above: str, depth: int) -> Iterator[str]:
    mark = "→" if step["decided"] else "·" if step["looked_at"] else " "
    place = step["pointer"].removeprefix(above) if above else step["pointer"]
    yield f"{'  ' * depth}{mark} {place}  {_said(step)}"
    for arm in (step["split"] or {"arms": []})["arms"]:
        buckets = "no bucket" if arm["first"] is None else f"{arm['first']:,} to {arm['last']:,}"
        taken = "→" if arm["taken"] else " "
        yield f"{'  ' * depth}    {taken} {_short(arm['variant'])} {buckets}"
    for each in step["steps"]:
        yield from _lines(each, step["pointer"], depth + 1)


def _said(step: dict[str, Any]) -> str:
    named = "".join(f" [{name}]" for name in (step["refers_to"], step["written"]) if name)
    if not step["looked_at"]:
        return f"{step['operator'] or ''}{named} not looked at".strip()
    if step["failed"]:
        return f"{step['operator']}{named} failed"
    if step["operator"] is None:
        return _short(step["result"]) + named
    operands = f" {_short(step['operands'])}" if step["operands"] else ""
    items = f" over {step['items']} items" if step["items"] else ""
    return f"{step['operator']}{named}{operands}{items}{_bucket(step['split'])} = {_short(step['result'])}"


def _bucket(split: dict[str, Any] | None) -> str:
    if split is None:
        return ""
    by = f" by {_short(split['by'])}"
    return by if split["bucket"] is None else f"{by}, bucket {split['bucket']:,} of {split['total']:,}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
