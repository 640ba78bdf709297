"""Gates: what they could see before a rollout, would have said of another, and said of one that was."""

from uuid import UUID

from fastapi import APIRouter

from api.auth import Acting
from api.schemas.gates import FeasibilityIn, FeasibilityOut, ReplayOut, SimulationIn, SimulationOut
from api.services import Use
from application.gates.cases import asked_query

router = APIRouter(prefix="/api/v1/gates", tags=["gates"])


@router.post("/feasibility", summary="Ask what a gate could see")
async def feasibility(wish: FeasibilityIn, actor: Acting, use: Use) -> FeasibilityOut:
    """With the traffic of the last day, in the stages of the plan; nothing is kept."""
    query = asked_query(actor, wish.environment, wish.key, wish.metrics)
    return FeasibilityOut.of(await use.gates.feasibility(actor, query, wish.plan, wish.gates))


@router.get("/feasibility/{id}", summary="Ask what the gates of a change could see")
async def feasibility_of(id: UUID, actor: Acting, use: Use) -> FeasibilityOut:  # noqa: A002 -- the wire's name
    return FeasibilityOut.of(await use.gates.feasibility_of(actor, id))


@router.post("/simulate", summary="Ask what a gate would have said")
async def simulate(wish: SimulationIn, actor: Acting, use: Use) -> SimulationOut:
    """Of readings that are brought, of what a rollout saw, or of what the source has in store; nothing is kept."""
    return SimulationOut.of(await use.gates.simulate(actor, wish.wanted(actor), wish.gates))


@router.get("/replays/{id}", summary="Judge every check of a rollout again")
async def replay(id: UUID, actor: Acting, use: Use) -> ReplayOut:  # noqa: A002 -- the wire's name
    """Each says whether it comes out as it was stored, to the last bit."""
    return ReplayOut.of(id, await use.gates.replay(actor, id))
