"""A tenant sets, enforces or narrows settings for all tenants below it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, text
from api.schemas.settings import SETTING_KEY
from api.schemas.tenant_locks import LockedOut, LockIn, LockOut, LockPage
from api.schemas.tenants import SLUG
from api.services import Use
from application.tenancy import LockPlace
from domain.environments import Environment

router = APIRouter(prefix="/api/v1/tenants/{id}/locks", tags=["tenants"], route_class=Once)

Id = Annotated[str, Path(pattern=SLUG)]
Key = Annotated[str, Path(pattern=SETTING_KEY)]
Why = Annotated[str, Query(min_length=3, max_length=2000, description="Why; it stays in the trail.")]


def _place(
    id: Id, key: Key, environment: Environment  # noqa: A002 -- the wire's name
) -> LockPlace:  # fmt: skip
    return LockPlace(id, environment, key)


At = Annotated[LockPlace, Depends(_place)]


@router.get("", summary="List what a tenant says for all below it, by key")
async def listed(
    id: Id, environment: Environment, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50  # noqa: A002 -- as above
) -> LockPage:  # fmt: skip
    (after,) = decoded(f"tenant_locks:{id}", cursor, text) or ("",)
    rows = await use.tenants.locks.page(actor, id, environment, after, limit + 1)
    return LockPage.of(cut(rows, limit, lambda each: encoded(f"tenant_locks:{id}", each.key)))


@router.get("/{key}", summary="Read what a tenant says of a setting for all below it")  # noqa: FAST003 -- At takes it
async def read(at: At, actor: Acting, use: Use, answer: Response) -> LockOut:
    stored = await use.tenants.locks.get(actor, at)
    answer.headers["ETag"] = flag_tag(stored.version)
    return LockOut.of(stored)


@router.put("/{key}", summary="Set, enforce or narrow a setting for all tenants below", dependencies=KEYED)  # noqa: FAST003 -- At takes it
async def put(
    at: At, expected: ExpectedVersion, wish: LockIn, actor: Acting, use: Use, answer: Response
) -> LockedOut:  # fmt: skip
    """Over `"v0"` the first time. All of them have it, or none; `dry_run` tells what would be, and changes nothing."""
    act = use.tenants.locks.tried if wish.dry_run else use.tenants.locks.set
    locked = await act(actor, at, wish.says(), expected=expected, reason=wish.reason)
    answer.headers["ETag"] = flag_tag(locked.lock.version)
    return LockedOut.of_locked(locked)


@router.delete("/{key}", summary="Let a setting go for all tenants below", dependencies=KEYED)  # noqa: FAST003 -- At takes it
async def release(
    at: At, expected: ExpectedVersion, reason: Why, actor: Acting, use: Use, answer: Response
) -> LockedOut:  # fmt: skip
    """What they said themselves counts again."""
    locked = await use.tenants.locks.release(actor, at, expected=expected, reason=reason)
    answer.headers["ETag"] = flag_tag(locked.lock.version)
    return LockedOut.of_locked(locked)
