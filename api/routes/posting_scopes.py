"""Scopes of postings: the general ledger and its sub-ledgers."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.schemas.books import SCOPE, ScopeIn, ScopeOut, ScopesOut
from api.services import Use

router = APIRouter(prefix="/api/v1/posting-scopes", tags=["periods"], route_class=Once)

Code = Annotated[str, Path(pattern=SCOPE)]


@router.get("", summary="List scopes of postings, by code")
async def listed(actor: Acting, use: Use) -> ScopesOut:
    return ScopesOut.of(await use.periods.scopes.all(actor))


@router.get("/{scope}", summary="Read a scope of postings")
async def read(scope: Code, actor: Acting, use: Use, answer: Response) -> ScopeOut:
    found = await use.periods.scopes.get(actor, scope)
    answer.headers["ETag"] = flag_tag(found.version)
    return ScopeOut.of(found)


@router.put("/{scope}", summary="Set a scope of postings", dependencies=KEYED)
async def put(
    scope: Code, wish: ScopeIn, expected: ExpectedVersion, actor: Acting, use: Use, answer: Response
) -> ScopeOut:  # fmt: skip
    """Over `"v0"` the first time, which is when it becomes a ledger or a sub-ledger."""
    found = await use.periods.scopes.put(actor, wish.wish(scope), expected=expected, reason=wish.reason)
    answer.headers["ETag"] = flag_tag(found.version)
    return ScopeOut.of(found)
