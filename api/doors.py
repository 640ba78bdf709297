"""Two doors for who comes from outside: a person with a link from a message, and a system with an answer.

Neither asks for an API's bearer token: the link is good for the person whom it names and who proves it, the answer for
the system whose secret signed it. Reading a page changes nothing, whoever reads it, and however often.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, ParamSpec
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader

from api.auth import bearer
from api.intake import Checked
from api.problems import status_of
from api.schemas.approval_systems import TakenOut
from api.services import Services, Use
from application.approvals import ApprovalView, VoteWish
from application.links import Question
from application.ports.links import Link
from domain.approvals import Answer
from domain.errors import Fault, Invalid, Refusal, Unauthenticated
from domain.people import Actor

SEAT: Final = "changegate-seat"
SEATED_SECONDS: Final = 900
LONGEST_REASON: Final = 2000

_PAGES: Final = Path(__file__).parent / "pages"
_STYLE: Final = (_PAGES / "door.css").read_text(encoding="utf-8")
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_pages = Environment(loader=FileSystemLoader(_PAGES), autoescape=True)
Asked = ParamSpec("Asked")

router = APIRouter(include_in_schema=False, route_class=Checked)


@dataclass(frozen=True)
class Form:
    """What a page sent; no field is there twice."""

    access_token: str | None
    answer: str | None
    reason: str
    digest: str | None


def plainly(page: Callable[Asked, Awaitable[Response]]) -> Callable[Asked, Awaitable[Response]]:
    """A refusal is a page with its sentence: who reads it is a person with a browser."""

    @wraps(page)
    async def said(*given: Asked.args, **named: Asked.kwargs) -> Response:
        try:
            return await page(*given, **named)
        except Refusal as refusal:
            return _refused(refusal)

    return said


@router.api_route("/a/{token}", methods=["GET", "HEAD"])
@plainly
async def ask(token: str, request: Request, use: Use) -> Response:
    """What is asked, for the person whom it is asked; anybody else learns nothing of it."""
    link = use.outside.links.read(token)
    access = _access(request)
    if access is None:
        return _page(
            "Who are you?", ["This link is for one person. Say who you are to see what it is about."], asks=True
        )
    person = await use.outside.links.person(link, access, reading=True)
    return _question(person, await use.outside.links.question(person, link))


@router.post("/a/{token}")
@plainly
async def answer(token: str, request: Request, use: Use) -> Response:
    link, form = use.outside.links.read(token), _form(await request.body())
    if form.access_token is not None:
        return await _seated(use, link, form.access_token, request)
    access = _access(request)
    if access is None:
        return _page("Who are you?", ["Nothing was counted: say who you are first."], 401, asks=True)
    person = await use.outside.links.person(link, access, reading=False)
    wish = VoteWish(_answer(form), form.reason, form.digest)
    return _voted(await use.outside.links.vote(person, link, wish), wish)


@router.post("/api/v1/approval-systems/{name}/callback")
async def callback(
    name: str, request: Request, use: Use, tenant: Annotated[str, Query(min_length=1, max_length=63)]
) -> TakenOut:
    """The answer of an approval system, signed (Standard Webhooks)."""
    heard = await use.outside.callbacks.hear(tenant, name, request.headers, await request.body())
    return TakenOut.of(heard)


def _access(request: Request) -> str | None:
    """From the cookie of this page, or from whatever stands before us and knows who asks."""
    header = request.headers.get("authorization")
    return bearer(header) if header else request.cookies.get(SEAT)


async def _seated(use: Services, link: Link, token: str, request: Request) -> Response:
    await use.outside.links.person(link, token.strip(), reading=True)
    onward = RedirectResponse(request.url.path, 303)
    # Lax: the cookie comes along when the link is followed from a mailbox, and never with a form of another site.
    onward.set_cookie(
        SEAT, token.strip(), max_age=SEATED_SECONDS, path="/a", secure=use.outside.secure, httponly=True, samesite="lax"
    )
    return onward


def _form(body: bytes) -> Form:
    try:
        fields = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        raise Invalid([Fault("", "a form")]) from None
    single = {name: values[0] for name, values in fields.items()}
    reason = single.get("reason", "").replace("\r\n", "\n").replace("\x00", "").strip()[:LONGEST_REASON]
    return Form(single.get("access_token"), single.get("answer"), reason, single.get("digest"))


def _answer(form: Form) -> Answer:
    if form.answer not in set(Answer) or form.digest is None:
        raise Invalid([Fault("", "one of the two buttons")])
    return Answer(form.answer)


def _question(person: Actor, question: Question) -> Response:
    approval, change = question.view.approval, question.view.change
    if not approval.tally.level < len(approval.policy.levels) or approval.closed_at is not None:
        return _page("This request has ended", [f"It was {approval.standing.value.lower()}; there is nothing to do."])
    return _page(
        f"Approve {change.target.kind.value} {change.label}?",
        [],
        question=question,
        requester=question.view.handles.get(approval.authors[0], "somebody"),
        deadline=approval.timetable.deadline.strftime("%Y-%m-%d %H:%M UTC"),
        person=person.handle,
    )


def _voted(view: ApprovalView, wish: VoteWish) -> Response:
    done = "approved" if wish.answer is Answer.APPROVE else "rejected"
    return _page(
        f"You {done} {view.change.target.kind.value} {view.change.label}",
        [f"The request is {view.approval.standing.value.lower()} now. This link is used up."],
    )


def _refused(refusal: Refusal) -> Response:
    lines = [str(refusal), "Nothing was changed."]
    if isinstance(refusal, Invalid):
        lines[1:1] = [fault.message for fault in refusal.faults]
    title = "Who are you?" if isinstance(refusal, Unauthenticated) else "This cannot be done"
    return _page(title, lines, status_of(refusal), asks=isinstance(refusal, Unauthenticated))


def _page(title: str, lines: list[str], status: int = 200, **more: Any) -> Response:
    html = _pages.get_template("door.html").render(title=title, lines=lines, style=_STYLE, **more)
    return HTMLResponse(html, status, headers={"Content-Security-Policy": POLICY})
