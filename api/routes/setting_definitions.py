"""What keys mean, and the rules over several of them."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import NEWEST, Cursor, Limit, cut, decoded, encoded, number, text
from api.problems import beneath
from api.schemas.rollouts import SubmittedOut
from api.schemas.setting_definitions import DefinitionIn, DefinitionOut, DefinitionPage, RulebookIn, RulebookOut
from api.schemas.settings import SETTING_KEY
from api.services import Use
from application.submission import Submitted

router = APIRouter(prefix="/api/v1/setting-definitions", tags=["settings"], route_class=Once)
rules = APIRouter(prefix="/api/v1/setting-rules", tags=["settings"], route_class=Once)

Key = Annotated[str, Path(pattern=SETTING_KEY)]


@router.post("", status_code=201, summary="Define a setting", dependencies=KEYED)
async def create(wish: DefinitionIn, actor: Acting, use: Use, answer: Response) -> DefinitionOut:
    with beneath("/definition"):
        stored = await use.setting.definitions.create(actor, wish.definition, wish.reason)
    answer.headers["ETag"] = flag_tag(stored.version)
    return DefinitionOut.of(stored)


@router.get("", summary="List definitions by key")
async def listed(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> DefinitionPage:
    (after,) = decoded("definitions", cursor, text) or ("",)
    rows = await use.setting.definitions.page(actor, after, limit + 1)
    return DefinitionPage.of(cut(rows, limit, lambda each: encoded("definitions", each.key)))


@router.get("/{key}", summary="Read a definition")
async def read(key: Key, actor: Acting, use: Use, answer: Response) -> DefinitionOut:
    stored = await use.setting.definitions.get(actor, key)
    answer.headers["ETag"] = flag_tag(stored.version)
    return DefinitionOut.of(stored)


@router.put("/{key}", summary="Replace a definition", dependencies=KEYED)
async def replace(
    key: Key, expected: ExpectedVersion, wish: DefinitionIn, actor: Acting, use: Use, answer: Response
) -> DefinitionOut | SubmittedOut:
    """Every value that is stored must fit the new one. 202 where the policy of any environment asks for approval."""
    with beneath("/definition"):
        done = await use.setting.meanings.redefine(actor, key, wish.definition, expected=expected, reason=wish.reason)
    if isinstance(done, Submitted):
        answer.status_code = 202
        return SubmittedOut.of(done)
    answer.headers["ETag"] = flag_tag(done.version)
    return DefinitionOut.of(done)


@router.get("/{key}/versions", summary="Read every version of a definition, newest first")
async def versions(key: Key, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> DefinitionPage:
    (before,) = decoded("definition_versions", cursor, number) or (NEWEST,)
    rows = await use.setting.definitions.versions(actor, key, before, limit + 1)
    return DefinitionPage.of(cut(rows, limit, lambda each: encoded("definition_versions", each.version)))


@rules.get("", summary="Read the rules over several settings")
async def rulebook(actor: Acting, use: Use, answer: Response) -> RulebookOut:
    book = await use.setting.rules.get(actor)
    answer.headers["ETag"] = flag_tag(book.version)
    return RulebookOut.of(book)


@rules.put("", summary="Replace the rules over several settings", dependencies=KEYED)
async def set_rules(
    expected: ExpectedVersion, wish: RulebookIn, actor: Acting, use: Use, answer: Response
) -> RulebookOut | SubmittedOut:
    """All of them; refused where what is stored breaks a new one. 202 where the policy of any environment asks."""
    with beneath("/rules"):
        done = await use.setting.meanings.rule(actor, wish.rules, expected=expected, reason=wish.reason)
    if isinstance(done, Submitted):
        answer.status_code = 202
        return SubmittedOut.of(done)
    answer.headers["ETag"] = flag_tag(done.version)
    return RulebookOut.of(done)
