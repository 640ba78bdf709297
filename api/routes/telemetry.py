"""Applications report what their users met."""

from fastapi import APIRouter

from api.auth import Acting
from api.idempotency import KEYED, Once
from api.schemas.telemetry import BatchIn, BatchOut
from api.services import Use

router = APIRouter(prefix="/api/v1/telemetry", tags=["telemetry"], route_class=Once)


@router.post("", summary="Report counts and latencies by variant", dependencies=KEYED)
async def take(wish: BatchIn, actor: Acting, use: Use) -> BatchOut:
    """A batch counts once, however often it is sent."""
    return BatchOut(batch=wish.batch, fresh=await use.telemetry.take(actor, wish.of(actor.id)))
