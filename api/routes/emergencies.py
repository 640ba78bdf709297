"""Break-glass, and the reviews that are owed afterwards."""

from uuid import UUID

from fastapi import APIRouter

from api.auth import Acting
from api.conditions import ExpectedRevision
from api.idempotency import KEYED, Once
from api.schemas.emergencies import BreakGlassIn, CloseIn, ReviewOut, ReviewsOut
from api.schemas.rollouts import SubmittedOut
from api.services import Use

router = APIRouter(prefix="/api/v1", tags=["emergencies"], route_class=Once)


@router.post("/changes/{id}/break-glass", summary="Go past the approval of a change", dependencies=KEYED)
async def break_glass(
    id: UUID,  # noqa: A002 -- the wire's name
    wish: BreakGlassIn,
    expected: ExpectedRevision,
    actor: Acting,
    use: Use,
) -> SubmittedOut:
    """For an incident, at once and in the open: every approver is told, and a review by another person is owed."""
    return SubmittedOut.of(await use.emergencies.break_glass(actor, id, wish.emergency(), expected=expected))


@router.get("/reviews", summary="List reviews, newest first")
async def listed(actor: Acting, use: Use, *, owed: bool = False) -> ReviewsOut:
    """Those that are still `owed`, or all."""
    return ReviewsOut.of(await use.reviewing.all(actor, owed=owed))


@router.get("/reviews/{id}", summary="Read a review")
async def read(id: UUID, actor: Acting, use: Use) -> ReviewOut:  # noqa: A002 -- the wire's name
    return ReviewOut.of(await use.reviewing.get(actor, id))


@router.post("/reviews/{id}/close", summary="Close a review", dependencies=KEYED)
async def close(id: UUID, wish: CloseIn, actor: Acting, use: Use) -> ReviewOut:  # noqa: A002 -- the wire's name
    """With what was found; by somebody who neither did it nor wrote the change."""
    return ReviewOut.of(await use.reviewing.close(actor, id, wish.finding))
