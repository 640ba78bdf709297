"""Tenants below the caller's own: made, read, changed, suspended, deleted and brought back."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, text
from api.routes.audit import PageFilter, narrowing, seen_after
from api.schemas.audit import AuditPage
from api.schemas.common import ReasonIn
from api.schemas.tenants import SLUG, AccountOut, ProfileIn, TenantIn, TenantOut, TenantPage
from api.services import Use
from application.ports.tenants import TenantFilter
from domain.tenants import Status, Tenancy, Tier

router = APIRouter(prefix="/api/v1/tenants", tags=["tenants"], route_class=Once)

Id = Annotated[str, Path(pattern=SLUG)]
Why = Annotated[str, Query(min_length=3, max_length=2000, description="Why; it stays in the trail.")]


@router.post("", status_code=201, summary="Make a tenant below this one", dependencies=KEYED)
async def create(wish: TenantIn, actor: Acting, use: Use, answer: Response) -> TenantOut:
    """With its first administrator and, where a template is named, what that says; all of it or nothing."""
    answer.headers["Location"] = f"/api/v1/tenants/{wish.id}"
    return _tagged(await use.tenants.tree.create(actor, wish.founding()), answer)


@router.get("", summary="List this tenant and those below it, by id")
async def listed(
    actor: Acting, use: Use, status: Status | None = None, tier: Tier | None = None,
    cursor: Cursor = None, limit: Limit = 50,
) -> TenantPage:  # fmt: skip
    (after,) = decoded("tenants", cursor, text) or ("",)
    rows = await use.tenants.tree.page(actor, TenantFilter(status, tier), after, limit + 1)
    return TenantPage.of(cut(rows, limit, lambda each: encoded("tenants", each.slug)))


@router.get("/{id}", summary="Read a tenant, its limits and what it uses")
async def read(id: Id, actor: Acting, use: Use, answer: Response) -> AccountOut:  # noqa: A002 -- the wire's name
    account = await use.tenants.tree.get(actor, id)
    answer.headers["ETag"] = flag_tag(account.tenancy.version)
    return AccountOut.of_account(account)


@router.put("/{id}", summary="Change a tenant's name, tier, quotas and labels", dependencies=KEYED)
async def change(
    id: Id, expected: ExpectedVersion, wish: ProfileIn, actor: Acting, use: Use, answer: Response  # noqa: A002 -- the wire's name
) -> TenantOut:  # fmt: skip
    """A limit below what is there already takes nothing away: nothing more comes in."""
    changed = await use.tenants.tree.change(actor, id, wish.profile(), expected=expected, reason=wish.reason)
    return _tagged(changed, answer)


@router.delete("/{id}", summary="Delete a tenant, for 30 days in a way that can be taken back", dependencies=KEYED)
async def delete(
    id: Id, expected: ExpectedVersion, reason: Why, actor: Acting, use: Use, answer: Response  # noqa: A002 -- the wire's name
) -> TenantOut:  # fmt: skip
    """Nobody enters it, or a tenant below it, any more. The trail stays, and so does the id."""
    return _tagged(await use.tenants.tree.delete(actor, id, expected=expected, reason=reason), answer)


@router.post("/{id}/suspend", summary="Let the people of a tenant change nothing", dependencies=KEYED)
async def suspend(id: Id, wish: ReasonIn, actor: Acting, use: Use, answer: Response) -> TenantOut:  # noqa: A002 -- the wire's name
    """They can read, and applications go on evaluating flags and reading settings."""
    return _tagged(await use.tenants.tree.suspend(actor, id, wish.reason), answer)


@router.post("/{id}/resume", summary="End a suspension", dependencies=KEYED)
async def resume(id: Id, wish: ReasonIn, actor: Acting, use: Use, answer: Response) -> TenantOut:  # noqa: A002 -- the wire's name
    return _tagged(await use.tenants.tree.resume(actor, id, wish.reason), answer)


@router.post("/{id}/recover", summary="Bring a deleted tenant back as it was", dependencies=KEYED)
async def recover(id: Id, wish: ReasonIn, actor: Acting, use: Use, answer: Response) -> TenantOut:  # noqa: A002 -- the wire's name
    return _tagged(await use.tenants.tree.recover(actor, id, wish.reason), answer)


@router.get("/{id}/audit", summary="Read the audit trail of a tenant, newest first")
async def trail(id: Id, given: Annotated[PageFilter, Query()], actor: Acting, use: Use) -> AuditPage:  # noqa: A002 -- the wire's name
    """Of a deleted one, too. Reading it is itself an event, in it and in the reader's own."""
    wanted, after = narrowing(given), seen_after(f"audit:{id}", given)
    rows = await use.tenants.tree.trail(actor, id, wanted, after, given.limit + 1)
    return AuditPage.of(cut(rows, given.limit, lambda row: encoded(f"audit:{id}", row.recorded_at, str(row.id))))


def _tagged(tenancy: Tenancy, answer: Response) -> TenantOut:
    answer.headers["ETag"] = flag_tag(tenancy.version)
    return TenantOut.of(tenancy)
