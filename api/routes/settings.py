"""Settings: values at the scopes of an environment, what is in force there, and why."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once, OnceLarge
from api.intake import Checked
from api.paging import NEWEST, Cursor, Limit, cut, decoded, encoded, number, text
from api.problems import beneath
from api.schemas.common import LARGEST, Instant
from api.schemas.settings import (
    SETTING_KEY,
    BulkIn,
    ChangesOut,
    EffectiveOut,
    EffectivePage,
    EntryOut,
    EntryPage,
    ExplainOut,
    OutcomeOut,
    RollbackIn,
    ScopeText,
    SecretOut,
    StoredOut,
    ValueIn,
)
from api.services import Use
from application.settings.outcome import Outcome
from application.settings.reading import Question
from application.settings.versions import Spot
from application.settings.wishes import Order, Wish
from domain.environments import Environment
from domain.settings import EntryState, Scope

router = APIRouter(prefix="/api/v1/settings", tags=["settings"], route_class=Once)
batches = APIRouter(prefix="/api/v1/settings", tags=["settings"], route_class=OnceLarge)
secrets = APIRouter(prefix="/api/v1/settings", tags=["settings"], route_class=Checked)
"""Apart, because a secret must not be kept to be answered again."""

Key = Annotated[str, Path(pattern=SETTING_KEY)]
Why = Annotated[str, Query(min_length=3, max_length=2000, description="Why; it stays in the history.")]
FIRST_ITEM = "/items/0"


@dataclass(frozen=True)
class Place:
    """A scope of an environment."""

    environment: Environment
    scope: Scope


@dataclass(frozen=True)
class Written(Place):
    """Where a write goes, and the version that it is about."""

    version: int


def _place(environment: Environment, scope: ScopeText = "") -> Place:
    return Place(environment, Scope.parse(scope))


def _written(environment: Environment, version: ExpectedVersion, scope: ScopeText = "") -> Written:
    return Written(environment, Scope.parse(scope), version)


def _question(environment: Environment, scope: ScopeText = "", as_of: Instant | None = None) -> Question:
    return Question(environment, Scope.parse(scope), as_of)


def _between(
    one: Annotated[int, Query(alias="from", ge=1, le=LARGEST)],
    other: Annotated[int, Query(alias="to", ge=1, le=LARGEST)],
) -> tuple[int, int]:
    return one, other


def _preview(
    answer: Response,
    token: Annotated[
        str | None, Header(alias="Changegate-Preview", description="Shows what a blue-green deployment has prepared.")
    ] = None,
) -> str | None:
    """Nobody keeps what only its holder is to see."""
    if token is not None:
        answer.headers["Cache-Control"] = "no-store"
    return token


At = Annotated[Place, Depends(_place)]
Between = Annotated[tuple[int, int], Depends(_between)]
Over = Annotated[Written, Depends(_written)]
Asked = Annotated[Question, Depends(_question)]
Preview = Annotated[str | None, Depends(_preview)]


@router.get("/effective", summary="List what is in force at a scope, by key")
async def all_effective(
    asked: Asked, actor: Acting, use: Use, preview: Preview, cursor: Cursor = None, limit: Limit = 50
) -> EffectivePage:
    (after,) = decoded("effective", cursor, text) or ("",)
    rows = await use.setting.reads.all_effective(actor, asked, after, limit + 1)
    if preview is not None:
        rows = await use.previewing.values(actor, asked, [each.definition.key for each in rows], preview)
    return EffectivePage.of(cut(rows, limit, lambda each: encoded("effective", each.definition.key)))


@batches.post("/bulk", summary="Write many values, all or none", dependencies=KEYED)
async def bulk(wish: BulkIn, actor: Acting, use: Use, answer: Response) -> OutcomeOut:
    """`dry_run` tells what would be, and changes nothing. 202 where it waits for approval."""
    order = await asyncio.to_thread(wish.order)  # of 10,000 items either takes a while, and others want to be answered
    return await asyncio.to_thread(_told, await use.setting.writes.write(actor, order), answer)


@router.get("/{key}", summary="Read what a scope itself says of a setting")
async def read(key: Key, at: At, actor: Acting, use: Use, answer: Response) -> StoredOut:
    entries, version = await use.setting.reads.stored(actor, at.environment, key, at.scope)
    answer.headers["ETag"] = flag_tag(version)
    return StoredOut(entries=[EntryOut.of(each) for each in entries], version=version)


@router.put("/{key}", summary="Set a value at a scope", dependencies=KEYED)
async def put(key: Key, over: Over, wish: ValueIn, actor: Acting, use: Use, answer: Response) -> OutcomeOut:
    """Over the version in If-Match (`"v0"` where there is none), at once or from an instant on.

    202 where policy asks for approval: the change that was submitted is in the answer.
    """
    wishes = (wish.wish(key, over.scope, over.version),)
    order = Order(over.environment, wishes, wish.reason, apply_at=wish.apply_at, apply_by=wish.apply_by)
    with beneath("", instead_of=FIRST_ITEM):
        return _told(await use.setting.writes.write(actor, order), answer)


@router.delete("/{key}", summary="Take a value back, so that the scope inherits", dependencies=KEYED)
async def unset(key: Key, over: Over, reason: Why, actor: Acting, use: Use, answer: Response) -> OutcomeOut:
    """Nothing is lost: every version stays in the history. 202 where it waits for approval."""
    wish = Wish(key, over.scope, EntryState.UNSET, expected=over.version)
    with beneath("", instead_of=FIRST_ITEM):
        return _told(await use.setting.writes.write(actor, Order(over.environment, (wish,), reason)), answer)


@router.post("/{key}/cancel", summary="Cancel a value that is planned", dependencies=KEYED)
async def cancel(key: Key, over: Over, reason: Why, actor: Acting, use: Use, answer: Response) -> OutcomeOut:
    """The one whose version is in If-Match, before it takes effect. 202 where it waits for approval."""
    wish = Wish(key, over.scope, EntryState.UNSET, expected=over.version)
    with beneath("", instead_of=FIRST_ITEM):
        return _told(await use.setting.writes.cancel(actor, over.environment, wish, reason), answer)


@router.get("/{key}/versions", summary="Read every version at a scope, newest first")
async def versions(key: Key, at: At, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> EntryPage:
    (before,) = decoded("setting_versions", cursor, number) or (NEWEST,)
    rows = await use.setting.reads.history(actor, at.environment, key, at.scope, before, limit + 1)
    return EntryPage.of(cut(rows, limit, lambda each: encoded("setting_versions", each.entry.version)))


@router.get("/{key}/diff", summary="Compare two versions at a scope")
async def diff(key: Key, at: At, between: Between, actor: Acting, use: Use) -> ChangesOut:
    """What was added, removed and changed; of a secret only that it was."""
    spot = Spot(at.environment, key, at.scope)
    return ChangesOut(changes=await use.setting.versions.compare(actor, spot, *between))


@router.post("/{key}/rollback", summary="Write what an earlier version said", dependencies=KEYED)
async def rollback(key: Key, over: Over, wish: RollbackIn, actor: Acting, use: Use, answer: Response) -> OutcomeOut:
    """As a new version over the one in If-Match. 202 where it waits for approval."""
    spot = Spot(over.environment, key, over.scope)
    with beneath("", instead_of=FIRST_ITEM):
        outcome = await use.setting.versions.roll_back(
            actor, spot, wish.to_version, expected=over.version, reason=wish.reason
        )
    return _told(outcome, answer)


@router.get("/{key}/effective", summary="Read what is in force at a scope")
async def effective(key: Key, asked: Asked, actor: Acting, use: Use, preview: Preview) -> EffectiveOut:
    """Now, or at `as_of`: at a past instant what held then, at a future one what is planned to."""
    found = await use.setting.reads.effective(actor, asked, key)
    if preview is not None:
        (found,) = await use.previewing.values(actor, asked, [key], preview)
    return EffectiveOut.of(found)


@router.get("/{key}/explain", summary="Read why a value is in force")
async def explain(key: Key, asked: Asked, actor: Acting, use: Use) -> ExplainOut:
    """Every level from broad to narrow: what it says, who said so, when and why, and how it counts."""
    return ExplainOut.of(await use.setting.reads.effective(actor, asked, key))


@secrets.post("/{key}/reveal", summary="Read a secret")
async def reveal(key: Key, at: At, actor: Acting, use: Use) -> SecretOut:
    """For applications only; every reading leaves its event."""
    secret = await use.setting.sealing.reveal(actor, Question(at.environment, at.scope), key)
    return SecretOut(key=key, value=secret.reveal())


def _told(outcome: Outcome, answer: Response) -> OutcomeOut:
    if outcome.submitted is not None:
        answer.status_code = 202
    elif outcome.entries:
        answer.headers["ETag"] = flag_tag(max(each.entry.version for each in outcome.entries))
    return OutcomeOut.of(outcome)
