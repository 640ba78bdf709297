"""What commands depend on: looked at, left alone, and used again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.schemas.command_breakers import BreakerActIn, BreakerOperationOut, BreakerOut, BreakersOut
from api.services import Services, Use
from domain.commands.breakers import BreakerAct
from domain.commands.dependencies import DEPENDENCY
from domain.people import Actor

router = APIRouter(prefix="/api/v1/command-breakers", tags=["commands"], route_class=Once)
one = APIRouter(prefix="/api/v1/command-breakers/{name}", tags=["commands"], route_class=Once)

Name = Annotated[str, Path(pattern=f"^{DEPENDENCY}$")]


@router.get("", summary="List what commands depend on")
async def listed(actor: Acting, use: Use) -> BreakersOut:
    """Whatever handlers name: the tenant's own breaker of it, and the one of all tenants where types share it."""
    return BreakersOut.of(await use.commands.dependencies.all(actor))


@one.get("", summary="Read whether something that commands depend on is used")
async def read(name: Name, actor: Acting, use: Use, answer: Response) -> BreakerOut:
    """The tenant's own breaker."""
    found = await use.commands.dependencies.get(actor, name)
    answer.headers["ETag"] = flag_tag(found.breaker.version)
    return BreakerOut.of(found)


class Doing:
    """Whoever asks opens or closes this breaker of their tenant, over the version in If-Match."""

    def __init__(self, name: Name, seen: ExpectedVersion, actor: Acting, use: Use, answer: Response) -> None:
        self._name, self._seen = name, seen
        self._actor: Actor = actor
        self._use: Services = use
        self._answer = answer

    async def done(self, act: BreakerAct, wish: BreakerActIn) -> BreakerOperationOut:
        made = await self._use.commands.dependencies.act(
            self._actor, (self._name, act), self._seen, wish.operation_id, wish.reason
        )
        self._answer.headers["ETag"] = flag_tag(made.version)
        return BreakerOperationOut.of(made)


Do = Annotated[Doing, Depends()]


@one.post("/open", summary="Leave alone what commands depend on", dependencies=KEYED)
async def opened(wish: BreakerActIn, do: Do) -> BreakerOperationOut:
    """Until somebody closes it: commands that depend on it wait, and none is sent to see whether it answers."""
    return await do.done(BreakerAct.OPEN, wish)


@one.post("/close", summary="Use again what commands depend on", dependencies=KEYED)
async def closed(wish: BreakerActIn, do: Do) -> BreakerOperationOut:
    """Whoever or whatever opened it; failures are counted from the beginning."""
    return await do.done(BreakerAct.CLOSE, wish)
