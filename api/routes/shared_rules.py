"""Shared rules: what `$ref` in a flag's targeting may name; those that are authored are its segments."""

from fastapi import APIRouter, Response

from api.auth import Acting
from api.conditions import flag_tag
from api.idempotency import KEYED, Once
from api.intake import Checked
from api.paging import NEWEST, Cursor, Limit, cut, decoded, encoded, number, text
from api.problems import beneath
from api.routes.flags import In, Over
from api.schemas.shared_rules import SegmentPage, SharedRulesIn, SharedRulesOut, SharedRulesPage
from api.services import Use

router = APIRouter(prefix="/api/v1/evaluators", tags=["flags"], route_class=Once)
segments = APIRouter(prefix="/api/v1/segments", tags=["flags"], route_class=Checked)


@router.get("", summary="Read the rules that flags share")
async def read(environment: In, actor: Acting, use: Use, answer: Response) -> SharedRulesOut:
    rules = SharedRulesOut.of(environment, await use.shared_rules.get(actor, environment))
    answer.headers["ETag"] = flag_tag(rules.version)
    return rules


@router.put("", summary="Replace the rules that flags share", dependencies=KEYED)
async def replace(over: Over, wish: SharedRulesIn, actor: Acting, use: Use, answer: Response) -> SharedRulesOut:
    """Over the version in If-Match (`"v0"` for the first), where policy asks for nobody's approval.

    Elsewhere propose a change with the key `$evaluators`. A rule that a flag names cannot go.
    """
    with beneath("/evaluators"):
        rules = await use.shared_rules.replace(
            actor, over.environment, wish.evaluators, expected=over.version, reason=wish.reason
        )
    answer.headers["ETag"] = flag_tag(rules.version)
    return SharedRulesOut.of(over.environment, rules)


@router.get("/versions", summary="Read every version of the shared rules, newest first")
async def versions(
    environment: In, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50
) -> SharedRulesPage:
    (before,) = decoded("evaluators", cursor, number) or (NEWEST,)
    rows = await use.shared_rules.versions(actor, environment, before, limit + 1)
    return SharedRulesPage.of(environment, cut(rows, limit, lambda rules: encoded("evaluators", rules.version)))


@segments.get("", summary="List segments by name")
async def listed(environment: In, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> SegmentPage:
    """Each with the flags that name it; they are written with the shared rules."""
    (after,) = decoded("segments", cursor, text) or ("",)
    rows = await use.shared_rules.segments(actor, environment, after, limit + 1)
    return SegmentPage.of(cut(rows, limit, lambda segment: encoded("segments", segment.name)))
