"""Flags: definitions, versions, the kill switch, and what one context would be given."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field

from api.auth import Acting, Evaluating
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.intake import Checked
from api.paging import NEWEST, Cursor, Limit, cut, decoded, encoded, number, text
from api.problems import beneath
from api.schemas.common import KEY, ReasonIn
from api.schemas.flag_usage import LivingPage
from api.schemas.flags import (
    ContextIn,
    EvaluationOut,
    FlagChangeIn,
    FlagIn,
    FlagOut,
    FlagPage,
    KilledOut,
    KillIn,
    PublishedOut,
)
from api.services import Use
from application.flag_usage.looking import Sought
from domain.environments import Environment
from domain.errors import Missing
from domain.flags import ErrorCode
from domain.flags.lifecycle import Lifecycle

router = APIRouter(prefix="/api/v1/flags", tags=["flags"], route_class=Once)
questions = APIRouter(prefix="/api/v1/flags", tags=["flags"], route_class=Checked)

Key = Annotated[str, Path(pattern=KEY)]
In = Annotated[Environment, Query(description="The environment that the flag serves.")]
State = Annotated[Lifecycle | None, Query(description="Only flags that are in this state of their life.")]
Tagged = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=100)]] | None,
    Query(alias="tag", max_length=50, description="Only flags with one of these tags."),
]


@dataclass(frozen=True)
class Replaced:
    """Where a write goes, and the version that it replaces there."""

    environment: Environment
    version: int


def _replaced(environment: In, version: ExpectedVersion) -> Replaced:
    return Replaced(environment, version)


Over = Annotated[Replaced, Depends(_replaced)]


def _sought(lifecycle: State = None, tags: Tagged = None) -> Sought:
    return Sought(lifecycle, frozenset(tags or ()))


Some = Annotated[Sought, Depends(_sought)]


@router.post("", status_code=201, summary="Create a flag", dependencies=KEYED)
async def create(wish: FlagIn, actor: Acting, use: Use, answer: Response) -> FlagOut:
    """At once, where policy asks for nobody's approval; elsewhere propose a change."""
    with beneath("/definition"):
        flag = await use.flags.create(actor, (wish.environment, wish.key), wish.definition, wish.reason)
    answer.headers["ETag"] = flag_tag(flag.version)
    return FlagOut.of(flag)


@router.get("", summary="List flags by key")
async def listed(
    environment: In, actor: Acting, use: Use, sought: Some, cursor: Cursor = None, limit: Limit = 50
) -> LivingPage:
    """Each with the state of its life, which is read from evidence and may be another one at the next look."""
    (after,) = decoded("flags", cursor, text) or ("",)
    rows = await use.flag_use.page(actor, environment, after, limit + 1, sought)
    return LivingPage.of(cut(rows, limit, lambda living: encoded("flags", living.flag.key)))


@router.get("/{key}", summary="Read a flag")
async def read(key: Key, environment: In, actor: Acting, use: Use, answer: Response) -> FlagOut:
    flag = await use.flags.get(actor, environment, key)
    answer.headers["ETag"] = flag_tag(flag.version)
    return FlagOut.of(flag)


@router.get("/{key}/published", summary="Read a flag as clients get it")
async def published(key: Key, environment: In, actor: Acting, use: Use) -> PublishedOut:
    """In flagd's form, whatever it was written in."""
    return PublishedOut.of(await use.flags.published(actor, (environment, key)))


@router.put("/{key}", summary="Replace a flag's definition", dependencies=KEYED)
async def update(key: Key, over: Over, wish: FlagChangeIn, actor: Acting, use: Use, answer: Response) -> FlagOut:
    """Over the version in If-Match, where policy asks for nobody's approval."""
    with beneath("/definition"):
        flag = await use.flags.update(
            actor, (over.environment, key), wish.definition, expected=over.version, reason=wish.reason
        )
    answer.headers["ETag"] = flag_tag(flag.version)
    return FlagOut.of(flag)


@router.post("/{key}/disable", summary="Disable a flag", dependencies=KEYED)
async def disable(key: Key, over: Over, wish: ReasonIn, actor: Acting, use: Use, answer: Response) -> FlagOut:
    """Every application falls back to the default in its own code."""
    flag = await use.flags.disable(actor, (over.environment, key), expected=over.version, reason=wish.reason)
    answer.headers["ETag"] = flag_tag(flag.version)
    return FlagOut.of(flag)


@router.get("/{key}/versions", summary="Read every version of a flag, newest first")
async def versions(
    key: Key, environment: In, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50
) -> FlagPage:
    (before,) = decoded("versions", cursor, number) or (NEWEST,)
    rows = await use.flags.versions(actor, (environment, key), before, limit + 1)
    return FlagPage.of(cut(rows, limit, lambda flag: encoded("versions", flag.version)))


@router.post("/{key}/kill", summary="Pull the kill switch of a flag", dependencies=KEYED)
async def kill(key: Key, environment: In, wish: KillIn, actor: Acting, use: Use) -> KilledOut:
    """Pins the stable variant, or the one named, at once and without approval; a review is due afterwards."""
    return KilledOut.of(await use.kill_switch.kill(actor, environment, key, variant=wish.variant, reason=wish.reason))


@questions.post("/{key}/evaluate", summary="Evaluate a flag for one context")
async def evaluate(key: Key, environment: In, asked: ContextIn, actor: Evaluating, use: Use) -> EvaluationOut:
    """For people; applications ask through OFREP."""
    flags = await use.flag_sets.get(actor.tenant, environment)
    evaluation = flags.evaluate(key, asked.context)
    if evaluation.error_code is ErrorCode.FLAG_NOT_FOUND:
        raise Missing(kind_of_thing="flag", environment=environment.value)
    return EvaluationOut.of(evaluation, flags.revision)
