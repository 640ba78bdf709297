"""Every page in docs/reference is written from the code that it describes (`make docs`), and a test compares them."""

import dataclasses
import functools
import importlib
import inspect
import json
import pkgutil
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from adapters.settings import ExternalIssuer, Settings
from api import kinds, reference
from api.auth import Evaluating, Proposing
from api.kinds import OTHERS, kind_of, on_the_wire
from api.routes import ROUTERS
from api.services import Services
from application.controls import NEEDS
from application.periods.moves import MOVES, GateVerb
from docs import flag_operators
from domain.audit import Action
from domain.errors import Refusal
from domain.people import GRANTS, Permission, Role
from domain.rollouts import Verb

FOLDER = Path(__file__).parent / "reference"
ROOMS = ("domain", "application", "workflows", "activities", "adapters", "api", "cli")
_REQUIRED = re.compile(r"require\(Permission\.(\w+)\)")
_ASKED = re.compile(r"\buse\.([\w.]+)\.(\w+)")
_HANDED_ON = re.compile(r"\bself\.(?:([\w.]+)\.)?(\w+)\(")
_LOCAL = re.compile(r"(?<![\w.])(_\w+)\(")
_DEEPEST = 3
_VERB = re.compile(r"\bVerb\.(\w+)")
_GATE_VERB = re.compile(r"\bGateVerb\.(\w+)")


def pages() -> dict[str, str]:
    """File name to text, for every page of docs/reference."""
    return {
        "permissions.md": permissions(),
        "problems.md": problems(),
        "settings.md": settings(),
        "audit-actions.md": audit_actions(),
        "flag-operators.md": _page("Operators of flags", flag_operators.page()),
        "api.md": api(),
        "openapi.json": json.dumps(reference.openapi(), indent=2, ensure_ascii=False) + "\n",
    }


def permissions() -> str:
    rows = [
        [f"`{permission.value}`", *("yes" if permission in GRANTS[role] else "" for role in Role)]
        for permission in Permission
    ]
    return _page(
        "Permissions",
        "A role is a set of permissions. A person may have several roles; they are read from the database at each "
        "request, so a change holds from the next one.\n\n"
        "No role votes on its own change: whoever wrote a part of a change may not approve it, whatever their role.",
        _table(["permission", *(role.value for role in Role)], rows),
    )


def refusals() -> list[type[Refusal]]:
    """Every way in which any room says no, by kind."""
    for room in ROOMS:
        for module in pkgutil.walk_packages(importlib.import_module(room).__path__, f"{room}."):
            importlib.import_module(module.name)
    return kinds.refusals()


def problems() -> str:
    found = refusals()
    sent = [kind_of(each) for each in found if on_the_wire(each)]
    wire = [[f"`{each.name}`", str(each.status), each.sentence] for each in sent]
    terminal = [[f"`{each.kind}`", kind_of(each).sentence] for each in found if not on_the_wire(each)]
    others = [[f"`{each.name}`", str(each.status), each.sentence] for each in OTHERS]
    return _page(
        "Problems",
        "Every refusal is an `application/problem+json` document (RFC 9457): `type` is `/problems/<kind>`, `title` the "
        "sentence, and the facts stand beside them. A client should act on `type` and show `title`. A running "
        "installation explains each kind to anybody under that address, and all of them at `/problems`.",
        _table(["kind", "status", "sentence"], wire),
        "## Besides\n\nThese are no refusals of a rule.",
        _table(["kind", "status", "sentence"], others),
        "## At the terminal\n\nThese keep the embedded servers from starting; they are printed and never sent.",
        _table(["kind", "sentence"], terminal),
    )


def settings() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        rows.append([f"`CHANGEGATE_{name.upper()}`", _type(field.annotation), _default(field), field.description or ""])
    issuer = [[f"`{name}`", _type(field.annotation)] for name, field in ExternalIssuer.model_fields.items()]
    return _page(
        "Settings",
        "API, worker, `changegate migrate` and `changegate admit` read environment variables and no file. "
        "`make up` and `make demo` set them for their own children; `docker-compose.yml` shows them all.\n\n"
        "The terminal command also reads `CHANGEGATE_DATA`, the data folder of the embedded servers "
        "(default `.changegate`). `pending`, `vote` and `rollout` read `CHANGEGATE_API_URL`, `CHANGEGATE_TENANT`, and "
        "`CHANGEGATE_TOKEN` or `CHANGEGATE_TOKEN_FILE`: see [production](../howto/production.md#people-at-a-terminal).",
        _table(["variable", "type", "default", "meaning"], rows),
        "## An identity provider\n\n`CHANGEGATE_ISSUERS` is a JSON list of objects with these fields:",
        _table(["field", "type"], issuer),
    )


def audit_actions() -> str:
    rows = [[f"`{action.value}`", *action.value.split(":")] for action in Action]
    return _page(
        "Audit actions",
        "The vocabulary of the audit trail is closed: `subject:object:action`. Each event carries who, what, when, "
        "why, and the change that it belongs to.",
        _table(["action", "subject", "object", "what happened"], rows),
    )


def api() -> str:
    needed = {(method, route.path): _permission(route.endpoint) for route in _routes() for method in route.methods}
    parts: dict[str, list[list[str]]] = {}
    for path, operations in reference.openapi()["paths"].items():
        for method, operation in operations.items():
            rights = needed[method.upper(), path]
            row = [f"`{method.upper()} {path}`", operation["summary"], f"`{rights}`" if rights else ""]
            parts.setdefault(operation["tags"][0], []).append(row)
    sections = [f"## {tag}\n\n{_table(['request', 'what it does', 'permission'], parts[tag])}" for tag in parts]
    return _page(
        "HTTP API",
        "Every request carries `Authorization: Bearer <token>`. A write takes an `Idempotency-Key`; one that replaces "
        "a version takes `If-Match`. Lists are pages of at most 100 with `next_cursor`. An empty permission means any "
        "member of the tenant; who may vote is for the approval policy and the change's authors to say.\n\n"
        "[openapi.json](openapi.json) has every field; a running installation shows the same at `/docs`.",
        *sections,
        "## For applications\n\nFlags are evaluated over OFREP 0.3 by any OpenFeature SDK: "
        "`POST /ofrep/v1/evaluate/flags` for all flags, `POST /ofrep/v1/evaluate/flags/{key}` for one, with "
        "`Changegate-Environment` naming the environment (default `production`). The permission is "
        f"`{Permission.FEATURES_EVALUATE.value}`. The answer for all flags names an event stream, "
        "`GET /ofrep/v1/streams/flags`, whose address is its own permission "
        "([how](../explanation/events.md#clients-that-keep-flags)).\n\n"
        "`GET /flagd/v1/{tenant}/{environment}/flags.json` is the whole flag set for flagd, with the same permission; "
        "its sync protocol has a port of its own ([how](../howto/flagd.md)).",
        "## For operators\n\n`GET /healthz` says that the process lives, `GET /readyz` whether each part that it needs "
        "answers, `GET /metrics` speaks to Prometheus, `/temporal` shows Temporal's UI read-only, "
        "`GET /problems` explains every problem that an answer may be.",
    )


def write() -> list[Path]:
    FOLDER.mkdir(exist_ok=True)
    written = []
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        written.append(FOLDER / name)
    return written


def _permission(endpoint: Callable[..., Any]) -> str:
    """The permission that the route's signature names or its use case asks for first; empty when neither does."""
    source = inspect.getsource(endpoint)
    annotations = set(map(str, endpoint.__annotations__.values()))
    if str(Evaluating) in annotations:
        return Permission.FEATURES_EVALUATE.value
    if str(Proposing) in annotations:
        return Permission.CHANGE_PROPOSE.value
    moving = _GATE_VERB.search(source)
    if moving is not None:
        return MOVES[GateVerb[moving[1]]].needs.value
    asked = _ASKED.search(source)
    steps = list(_steps(_reached(Services, asked[1]), asked[2])) if asked else []
    found = next(filter(None, map(_REQUIRED.search, steps)), None)
    verb = next(filter(None, map(_VERB.search, [source, *steps])), None)
    if verb is not None:
        return NEEDS[Verb[verb[1]]].value
    return Permission[found[1]].value if found else ""


def _reached(whole: Any, path: str) -> Any:
    """The class of what stands at this dotted path below a whole."""
    return functools.reduce(_part, path.split("."), whole)


def _part(whole: Any, name: str) -> Any:
    """The class of what a whole holds by this name: a field, a property, or what it was given when it was made."""
    found = inspect.getattr_static(whole, name, None)
    getter = found.func if isinstance(found, functools.cached_property) else getattr(found, "fget", None)
    if getter is not None:
        return typing.get_type_hints(getter)["return"]
    init = inspect.getattr_static(whole, "__init__")
    given = {**typing.get_type_hints(init), **typing.get_type_hints(whole)}.get(name.removeprefix("_"))
    if given is not None or "__init__" not in vars(whole) or dataclasses.is_dataclass(whole):
        return given
    made = re.search(rf"self\.{name} = (\w+)\(", inspect.getsource(init))
    return init.__globals__.get(made[1]) if made is not None else None


def _steps(service: Any, method: str, deep: int = 0) -> Iterator[str]:
    """The source of a use case, and of those that it hands its work to, in the order in which it names them."""
    act = inspect.getattr_static(service, method, None)
    if deep > _DEEPEST or not inspect.isfunction(act):
        return
    source = inspect.getsource(act)
    yield source
    beside = (act.__globals__.get(name) for name in _LOCAL.findall(source))
    yield from (inspect.getsource(each) for each in beside if inspect.isfunction(each))
    for owner, other in _HANDED_ON.findall(source):
        if other != method or owner:
            yield from _steps(_reached(service, owner) if owner else service, other, deep + 1)


def _routes() -> Iterator[Any]:
    for router in ROUTERS:
        yield from router.routes


def _type(annotation: Any) -> str:
    if isinstance(annotation, types.UnionType):
        return " or ".join(_type(each) for each in typing.get_args(annotation) if each is not type(None))
    if typing.get_origin(annotation) is typing.Literal:
        return " / ".join(map(str, typing.get_args(annotation)))
    if typing.get_origin(annotation) is list:
        return f"JSON list of {_type(typing.get_args(annotation)[0])}"
    if annotation is ExternalIssuer:
        return "issuer (below)"
    name = str(annotation.__name__)
    return {"SecretStr": "secret text", "str": "text", "int": "number", "bool": "true or false"}.get(name, name.lower())


def _default(field: Any) -> str:
    if field.default is PydanticUndefined:
        return "required"
    return "" if field.default in (None, []) else f"`{str(field.default).lower()}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", *parts, "*Written from the code by `make docs`; do not edit.*"]) + "\n"


if __name__ == "__main__":
    for path in write():
        print(path)  # noqa: T201 -- says what was written
