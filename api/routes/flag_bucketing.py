"""Bucketing: which bytes of a subject the splits of a flag set hash, and so who falls into which arm."""

from fastapi import APIRouter, Response

from api.auth import Acting
from api.conditions import flag_tag
from api.idempotency import KEYED, Once
from api.paging import NEWEST, Cursor, Limit, cut, decoded, encoded, number
from api.problems import beneath
from api.routes.flags import In, Over
from api.schemas.flag_bucketing import BucketingIn, BucketingOut, BucketingPage
from api.services import Use

router = APIRouter(prefix="/api/v1/flag-bucketing", tags=["flags"], route_class=Once)


@router.get("", summary="Read the bucketing of a flag set")
async def read(environment: In, actor: Acting, use: Use, answer: Response) -> BucketingOut:
    """With since when it is so, and which clients split as this server does."""
    bucketing = BucketingOut.of(environment, await use.flag_bucketing.get(actor, environment))
    answer.headers["ETag"] = flag_tag(bucketing.version)
    return bucketing


@router.put("", summary="Change the bucketing of a flag set", dependencies=KEYED)
async def replace(over: Over, wish: BucketingIn, actor: Acting, use: Use, answer: Response) -> BucketingOut:
    """Over the version in If-Match (`"v0"` for the first), where policy asks for nobody's approval.

    Elsewhere propose a change with the key `$bucketing`. It splits nearly everybody anew, all at once.
    """
    with beneath("/bucketing"):
        stored = await use.flag_bucketing.replace(
            actor, over.environment, wish.content, expected=over.version, reason=wish.reason
        )
    answer.headers["ETag"] = flag_tag(stored.version)
    return BucketingOut.of(over.environment, stored)


@router.get("/versions", summary="Read every bucketing that a flag set had, newest first")
async def versions(environment: In, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> BucketingPage:
    (before,) = decoded("bucketing", cursor, number) or (NEWEST,)
    rows = await use.flag_bucketing.versions(actor, environment, before, limit + 1)
    return BucketingPage.of(environment, cut(rows, limit, lambda stored: encoded("bucketing", stored.version)))
