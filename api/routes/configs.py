"""Configs: keys of an environment, their versions, and the way from one environment to the next."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import NEWEST, Cursor, Limit, cut, decoded, encoded, number, text
from api.problems import beneath
from api.schemas.configs import (
    CONFIG_ID,
    BesidePage,
    ConfigIn,
    ConfigOut,
    ConfigOutcomeOut,
    ConfigPage,
    ConfigValueIn,
    Prefix,
    PromotedOut,
    PromotionIn,
    Tag,
)
from api.schemas.settings import ChangesOut, EntryPage, RollbackIn
from api.services import Use
from application.configs.choosing import Choice
from application.configs.comparing import Pair
from application.configs.naming import ConfigName
from application.configs.reading import Listed, Sought
from application.settings.outcome import Outcome
from domain.environments import Environment

router = APIRouter(prefix="/api/v1/configs", tags=["configs"], route_class=Once)

Slug = Annotated[str, Path(alias="tenant", pattern="^[a-z0-9-]{1,100}$")]
Why = Annotated[str, Query(min_length=3, max_length=2000, description="Why; it stays in the history.")]
ConfigId = Annotated[str, Path(pattern=CONFIG_ID)]
Ordinal = Annotated[str, Query(pattern="^v?[1-9][0-9]{0,14}$", examples=["v1"])]
FIRST_ITEM = "/items/0"


@dataclass(frozen=True)
class Between:
    one: int
    other: int


def _choice(prefix: Annotated[Prefix, Query()] = "", tag: Annotated[Tag | None, Query()] = None) -> Choice:
    return Choice(prefix, tag)


Chosen = Annotated[Choice, Depends(_choice)]


def _sought(chosen: Chosen, environment: Environment | None = None, cursor: Cursor = None) -> Sought:
    after = decoded("configs", cursor, Environment, text)
    return Sought(chosen, environment, Listed(*after) if after else None)


def _between(one: Annotated[Ordinal, Query(alias="from")], other: Annotated[Ordinal, Query(alias="to")]) -> Between:
    return Between(int(one.removeprefix("v")), int(other.removeprefix("v")))


def _pair(
    chosen: Chosen, left: Environment, right: Environment,
    right_tenant: Annotated[str | None, Query(max_length=100, description="Slug of a tenant that is yours.")] = None,
) -> Pair:  # fmt: skip
    return Pair(left, right, chosen, right_tenant)


Wanted = Annotated[Sought, Depends(_sought)]
Versions = Annotated[Between, Depends(_between)]
Sides = Annotated[Pair, Depends(_pair)]


@router.post("", status_code=201, summary="Create a config", dependencies=KEYED)
async def create(wish: ConfigIn, actor: Acting, use: Use, answer: Response) -> ConfigOutcomeOut:
    """Defines the key where it is not defined, and writes the first value. 202 where that waits for approval."""
    with beneath("", instead_of=FIRST_ITEM):
        return _told(wish.name, await use.configs.writes.create(actor, wish.new()), answer)


@router.get("/tenant/{tenant}", summary="List configs by environment and key")
async def listed(tenant: Slug, sought: Wanted, actor: Acting, use: Use, limit: Limit = 50) -> ConfigPage:
    """Of one's own tenant: of one environment or all, narrowed by how keys begin and by a tag."""
    rows = await use.configs.reads.page(actor, tenant, sought, limit + 1)
    return ConfigPage.of(cut(rows, limit, lambda each: encoded("configs", each.name.environment, each.name.key)))


@router.get("/compare", summary="Compare the configs of two environments")
async def compare(sides: Sides, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> BesidePage:
    """Or of two tenants, if both are yours. Of secrets only that they differ."""
    (after,) = decoded("configs_compared", cursor, text) or ("",)
    found, last = await use.configs.comparisons.page(actor, sides, after, limit)
    return BesidePage.of(found, None if last is None else encoded("configs_compared", last))


@router.post("/promotions", summary="Promote configs to the next environment", dependencies=KEYED)
async def promote(wish: PromotionIn, actor: Acting, use: Use, answer: Response) -> PromotedOut:
    """All of them as one change, or none; `dry_run` only shows the differences. 202 where it waits for approval."""
    promoted = await use.configs.promotions.promote(actor, wish.promotion())
    if promoted.outcome == "submitted":
        answer.status_code = 202
    return PromotedOut.of(promoted)


@router.get("/{config}", summary="Read a config")
async def read(config: ConfigId, actor: Acting, use: Use, answer: Response) -> ConfigOut:
    found = await use.configs.reads.get(actor, ConfigName.of(config))
    answer.headers["ETag"] = flag_tag(found.latest)
    return ConfigOut.of(found)


@router.put("/{config}", summary="Write a config", dependencies=KEYED)
async def put(
    config: ConfigId, expected: ExpectedVersion, wish: ConfigValueIn, actor: Acting, use: Use, answer: Response
) -> ConfigOutcomeOut:
    """As a new version over the one in If-Match; one that was deleted comes back. 202 where it waits for approval."""
    with beneath("", instead_of=FIRST_ITEM):
        name = ConfigName.of(config)
        return _told(name, await use.configs.writes.put(actor, name, wish.say(expected)), answer)


@router.delete("/{config}", summary="Delete a config", dependencies=KEYED)
async def delete(
    config: ConfigId, expected: ExpectedVersion, reason: Why, actor: Acting, use: Use, answer: Response
) -> ConfigOutcomeOut:
    """What it said stays in its versions. 202 where it waits for approval."""
    with beneath("", instead_of=FIRST_ITEM):
        name = ConfigName.of(config)
        return _told(name, await use.configs.writes.delete(actor, name, expected, reason), answer)


@router.get("/{config}/versions", summary="Read every version of a config, newest first")
async def versions(config: ConfigId, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> EntryPage:
    (before,) = decoded("config_versions", cursor, number) or (NEWEST,)
    rows = await use.configs.reads.history(actor, ConfigName.of(config), before, limit + 1)
    return EntryPage.of(cut(rows, limit, lambda each: encoded("config_versions", each.entry.version)))


@router.get("/{config}/diff", summary="Compare two versions of a config")
async def diff(config: ConfigId, between: Versions, actor: Acting, use: Use) -> ChangesOut:
    """What was added, removed and changed; of a secret only that it was."""
    return ChangesOut(changes=await use.configs.reads.compare(actor, ConfigName.of(config), between.one, between.other))


@router.post("/{config}/rollback", summary="Write what an earlier version of a config said", dependencies=KEYED)
async def rollback(
    config: ConfigId, expected: ExpectedVersion, wish: RollbackIn, actor: Acting, use: Use, answer: Response
) -> ConfigOutcomeOut:
    """As a new version. 412 over a later one, with the three sides: what was seen, what stands, what is asked for."""
    name = ConfigName.of(config)
    with beneath("", instead_of=FIRST_ITEM):
        outcome = await use.configs.writes.roll_back(
            actor, name, wish.to_version, expected=expected, reason=wish.reason
        )
    return _told(name, outcome, answer)


def _told(name: ConfigName, outcome: Outcome, answer: Response) -> ConfigOutcomeOut:
    if outcome.submitted is not None:
        answer.status_code = 202
    elif outcome.entries:
        answer.headers["ETag"] = flag_tag(max(each.entry.version for each in outcome.entries))
    return ConfigOutcomeOut.of(name, outcome)
