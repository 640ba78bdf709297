"""Change sets: proposed, read with their difference, submitted, taken back or rebased."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api.auth import Acting, Proposing
from api.conditions import ExpectedRevision, change_tag
from api.idempotency import KEYED, NewId, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier, moment
from api.problems import beneath
from api.schemas.changes import ChangeIn, ChangeOut, ChangePage, DiffOut, WithdrawIn
from api.schemas.reverts import RevertIn, RevertOut
from api.schemas.rollouts import SubmittedOut
from api.services import Use
from domain.errors import Fault, Invalid
from domain.people import Principal

router = APIRouter(prefix="/api/v1/changes", tags=["changes"], route_class=Once)


async def contributing(wish: ChangeIn, actor: Acting, use: Use) -> tuple[UUID, ...]:
    """The people who are named as contributors, by id or handle: none of them may vote."""
    return named(wish.contributors, await use.tenants.people(actor)) if wish.contributors else ()


Contributors = Annotated[tuple[UUID, ...], Depends(contributing)]


@router.post("", status_code=201, summary="Propose a change")
async def propose(
    wish: ChangeIn, contributors: Contributors, actor: Acting, use: Use, answer: Response, new: NewId
) -> ChangeOut:
    """A checked draft: content, plan, gates and metrics are fixed by its digest."""
    with beneath("/definition", instead_of="/content"):
        change = await use.changes.propose(actor, wish.proposal(new, contributors))
    answer.headers["ETag"] = change_tag(change.revision)
    return ChangeOut.of(change)


@router.get("", summary="List changes, newest first")
async def listed(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> ChangePage:
    before = decoded("changes", cursor, moment, identifier)
    rows = await use.changes.page(actor, before, limit + 1)
    return ChangePage.of(cut(rows, limit, lambda change: encoded("changes", change.created_at, change.id)))


@router.get("/{id}", summary="Read a change")
async def read(id: UUID, actor: Acting, use: Use, answer: Response) -> ChangeOut:  # noqa: A002 -- the wire's name
    change = await use.changes.get(actor, id)
    answer.headers["ETag"] = change_tag(change.revision)
    return ChangeOut.of(change)


@router.get("/{id}/diff", summary="Read what a change changes")
async def diff(id: UUID, actor: Acting, use: Use) -> DiffOut:  # noqa: A002 -- the wire's name
    """From the base version to the new content, and whether the base has moved since."""
    return DiffOut.of(await use.changes.diff(actor, id))


@router.post("/{id}/submit", summary="Submit a change", dependencies=KEYED)
async def submit(id: UUID, expected: ExpectedRevision, actor: Acting, use: Use) -> SubmittedOut:  # noqa: A002 -- the wire's name
    """Opens its approval and takes its target; submitting again gives the same answer."""
    return SubmittedOut.of(await use.submission.submit(actor, id, expected=expected))


@router.post("/{id}/withdraw", summary="Take a change back", dependencies=KEYED)
async def withdraw(id: UUID, wish: WithdrawIn, actor: Acting, use: Use) -> ChangeOut:  # noqa: A002 -- the wire's name
    """By one of its authors, while nothing of it is exposed."""
    await use.rollouts.withdraw(actor, id, wish.reason)
    return ChangeOut.of(await use.changes.get(actor, id))


@router.post("/{id}/rebase", status_code=201, summary="Rebase a change on the present version")
async def rebase(id: UUID, actor: Proposing, use: Use, answer: Response, new: NewId) -> ChangeOut:  # noqa: A002 -- the wire's name
    """A new draft that supersedes the old one; what both sides changed is listed as a conflict."""
    change = await use.changes.rebase(actor, id, new)
    answer.headers["ETag"] = change_tag(change.revision)
    return ChangeOut.of(change)


@router.post("/{id}/revert", summary="Take back what a change did", dependencies=KEYED)
async def revert(id: UUID, wish: RevertIn, actor: Acting, use: Use, answer: Response) -> RevertOut:  # noqa: A002 -- the wire's name
    """By a new change over what is there now. 409 with both sides where later changes touched the same keys."""
    done = await use.reverting.revert(actor, id, wish.wish())
    answer.status_code = 202 if done.submitted else 200
    return RevertOut.of(done)


def named(given: Sequence[UUID | str], people: Sequence[Principal]) -> tuple[UUID, ...]:
    known: dict[UUID | str, UUID] = {person.id: person.id for person in people}
    known |= {person.handle: person.id for person in people}
    faults = [
        Fault(f"/contributors/{place}", "nobody here has this id or handle")
        for place, each in enumerate(given)
        if each not in known
    ]
    if faults:
        raise Invalid(faults)
    return tuple(known[each] for each in given)
