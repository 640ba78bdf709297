"""When rollouts may start: freezes, blocks and change windows; and what an environment asks of them."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier, moment, text
from api.problems import beneath
from api.schemas.common import KEY
from api.schemas.releases import (
    BlockIn,
    FreezeIn,
    FreezeOut,
    FreezePage,
    RolloutPolicyIn,
    RolloutPolicyOut,
    WindowIn,
    WindowOut,
    WindowPage,
)
from api.schemas.rollouts import SubmittedOut
from api.services import Use
from application.submission import Submitted
from domain.changes import Kind
from domain.environments import Environment
from domain.locks import FreezeKind

freezes = APIRouter(prefix="/api/v1/freezes", tags=["releases"], route_class=Once)
blocks = APIRouter(prefix="/api/v1/blocks", tags=["releases"], route_class=Once)
windows = APIRouter(prefix="/api/v1/change-windows", tags=["releases"], route_class=Once)
policies = APIRouter(prefix="/api/v1/rollout-policies", tags=["releases"], route_class=Once)

Name = Annotated[str, Path(pattern=KEY)]
Of = Annotated[Literal[Kind.FLAG, Kind.SETTING], Path(description="That of settings is for what they mean, too.")]


def _place(environment: Environment, kind: Of) -> tuple[Environment, Kind]:
    return environment, kind


At = Annotated[tuple[Environment, Kind], Depends(_place)]
Why = Annotated[str, Query(min_length=3, max_length=2000, description="Why; it stays in the trail.")]


@freezes.post("", status_code=201, summary="Freeze what may start", dependencies=KEYED)
async def freeze(wish: FreezeIn, actor: Acting, use: Use) -> FreezeOut:
    """Nothing that it stands over starts before its end; what takes a change back, and an emergency, pass."""
    return FreezeOut.of(await use.freezing.set(actor, wish.wish(FreezeKind.FREEZE)))


@freezes.get("", summary="List freezes, newest first")
async def frozen(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> FreezePage:
    before = decoded("freezes", cursor, moment, identifier)
    rows = await use.freezing.page(actor, FreezeKind.FREEZE, before, limit + 1)
    return FreezePage.of(cut(rows, limit, lambda each: encoded("freezes", each.created_at, each.id)))


@freezes.get("/{id}", summary="Read a freeze")
async def read_freeze(id: UUID, actor: Acting, use: Use) -> FreezeOut:  # noqa: A002 -- the wire's name
    return FreezeOut.of(await use.freezing.get(actor, id, FreezeKind.FREEZE))


@freezes.delete("/{id}", summary="Lift a freeze", dependencies=KEYED)
async def thaw(id: UUID, reason: Why, actor: Acting, use: Use) -> FreezeOut:  # noqa: A002 -- the wire's name
    """What waited for its end goes on at once."""
    return FreezeOut.of(await use.freezing.lift(actor, id, FreezeKind.FREEZE, reason))


@blocks.post("", status_code=201, summary="Block what may start, until it is lifted", dependencies=KEYED)
async def block(wish: BlockIn, actor: Acting, use: Use) -> FreezeOut:
    return FreezeOut.of(await use.freezing.set(actor, wish.wish(FreezeKind.BLOCK)))


@blocks.get("", summary="List blocks, newest first")
async def blocked(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> FreezePage:
    before = decoded("blocks", cursor, moment, identifier)
    rows = await use.freezing.page(actor, FreezeKind.BLOCK, before, limit + 1)
    return FreezePage.of(cut(rows, limit, lambda each: encoded("blocks", each.created_at, each.id)))


@blocks.get("/{id}", summary="Read a block")
async def read_block(id: UUID, actor: Acting, use: Use) -> FreezeOut:  # noqa: A002 -- the wire's name
    return FreezeOut.of(await use.freezing.get(actor, id, FreezeKind.BLOCK))


@blocks.delete("/{id}", summary="Lift a block", dependencies=KEYED)
async def unblock(id: UUID, reason: Why, actor: Acting, use: Use) -> FreezeOut:  # noqa: A002 -- the wire's name
    return FreezeOut.of(await use.freezing.lift(actor, id, FreezeKind.BLOCK, reason))


@windows.get("", summary="List change windows, by name")
async def opening(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> WindowPage:
    (after,) = decoded("change_windows", cursor, text) or ("",)
    rows = await use.windows.page(actor, after, limit + 1)
    return WindowPage.of(cut(rows, limit, lambda each: encoded("change_windows", each.name)))


@windows.get("/{name}", summary="Read a change window, and when it opens")
async def window(name: Name, actor: Acting, use: Use, answer: Response) -> WindowOut:
    found = await use.windows.get(actor, name)
    answer.headers["ETag"] = flag_tag(found.version)
    return WindowOut.of(found)


@windows.put("/{name}", summary="Set a change window", dependencies=KEYED)
async def put_window(
    name: Name, expected: ExpectedVersion, wish: WindowIn, actor: Acting, use: Use, answer: Response
) -> WindowOut:  # fmt: skip
    """Over `"v0"` the first time. Plans name it as `window`; what waits for it goes by its newest hours."""
    with beneath("/window"):
        found = await use.windows.put(actor, name, wish.window, expected=expected, reason=wish.reason)
    answer.headers["ETag"] = flag_tag(found.version)
    return WindowOut.of(found)


@policies.get("/{environment}/{kind}", summary="Read what an environment asks of rollouts")  # noqa: FAST003 -- At takes it
async def policy(place: At, actor: Acting, use: Use, answer: Response) -> RolloutPolicyOut:
    found = await use.rollout_policies.get(actor, *place)
    answer.headers["ETag"] = flag_tag(found.version)
    return RolloutPolicyOut.of(found)


@policies.put("/{environment}/{kind}", summary="Set what an environment asks of rollouts", dependencies=KEYED)  # noqa: FAST003 -- At takes it
async def put_policy(
    place: At, expected: ExpectedVersion, wish: RolloutPolicyIn, actor: Acting, use: Use, answer: Response
) -> RolloutPolicyOut | SubmittedOut:  # fmt: skip
    """Over `"v0"` where the default holds; for what is submitted from now on.

    202 where the approval policy of the same place governs itself: whom it asks are asked about this, too.
    """
    with beneath("/policy"):
        found = await use.rollout_policies.set(actor, place, wish.policy, expected=expected, reason=wish.reason)
    if isinstance(found, Submitted):
        answer.status_code = 202
        return SubmittedOut.of(found)
    answer.headers["ETag"] = flag_tag(found.version)
    return RolloutPolicyOut.of(found)
