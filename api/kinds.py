"""The `type` of every problem is the address of a page: what kind it is, with which status, and in which sentence."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader
from starlette.exceptions import HTTPException

from api.problems import STATUS
from domain.errors import Invalid, Refusal

ROOMS = frozenset({"domain", "application", "workflows", "activities", "adapters", "api", "cli"})
_AT_THE_TERMINAL = "adapters.embedded."
_pages = Environment(loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True)

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    name: str
    status: int
    sentence: str


OTHERS = (
    Kind("internal", 500, "A defect of the server, which has been logged."),
    Kind("method-not-allowed", 405, "No route of this path takes this method; Allow names those that do."),
    Kind("not-found", 404, "No route has this path."),
    Kind("read-only", 405, "Temporal's UI is shown here, and nothing can be done through it."),
)
"""What no rule of ours refuses."""


def refusals() -> list[type[Refusal]]:
    """Every way in which any room that is loaded says no, by kind; what is not loaded cannot be raised."""
    ours = {each for each in _below(Refusal) if each.__module__.partition(".")[0] in ROOMS}
    return sorted(ours, key=lambda refusal: refusal.kind)


def on_the_wire(refusal: type[Refusal]) -> bool:
    """False for what keeps the embedded servers from starting: it is printed and never sent."""
    return not refusal.__module__.startswith(_AT_THE_TERMINAL)


def kind_of(refusal: type[Refusal]) -> Kind:
    status = next((STATUS[base] for base in refusal.__mro__ if base in STATUS), 409)
    words = " ".join((refusal.__doc__ or "").split())
    return Kind(refusal.kind, status, f"{words} `faults` lists pointers and messages."
                if issubclass(refusal, Invalid) else words)  # fmt: skip


def kinds() -> list[Kind]:
    return sorted([*OTHERS, *(kind_of(each) for each in refusals() if on_the_wire(each))])


@router.get("/problems")
async def every() -> HTMLResponse:
    return _page(kinds(), "Problems")


@router.get("/problems/{kind}")
async def one(kind: str) -> HTMLResponse:
    found = [each for each in kinds() if each.name == kind]
    if not found:
        raise HTTPException(404)
    return _page(found, found[0].name)


def _page(shown: list[Kind], title: str) -> HTMLResponse:
    return HTMLResponse(_pages.get_template("problems.html").render(kinds=shown, title=title))


def _below(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)
