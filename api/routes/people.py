"""People and what they may do; policies and whom they ask."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.auth import Acting
from api.idempotency import KEYED, Once
from api.problems import beneath
from api.schemas.common import HANDLE
from api.schemas.people import MeOut, PeopleOut, PersonOut, PolicyIn, PolicyOut, RolesIn
from api.services import Use
from domain.approvals import parse_policy
from domain.changes import Kind
from domain.environments import Environment

router = APIRouter(prefix="/api/v1", tags=["people"], route_class=Once)

Handle = Annotated[str, Path(pattern=HANDLE)]
Of = Annotated[Kind, Query(description="What the policy is for.")]


@router.get("/me", summary="Read who I am here")
async def me(actor: Acting) -> MeOut:
    return MeOut.of(actor)


@router.get("/people", summary="List the people of this tenant")
async def people(actor: Acting, use: Use) -> PeopleOut:
    return PeopleOut.of(await use.tenants.people(actor))


@router.put("/people/{handle}/roles", summary="Set the roles of a person", dependencies=KEYED)
async def set_roles(handle: Handle, wish: RolesIn, actor: Acting, use: Use) -> PersonOut:
    """Effective at their next request."""
    return PersonOut.of(await use.tenants.set_roles(actor, handle, frozenset(wish.roles), wish.reason))


@router.get("/policies/{environment}", summary="Read the approval policy of an environment")
async def policy(environment: Environment, actor: Acting, use: Use, kind: Of = Kind.FLAG) -> PolicyOut:
    return PolicyOut.of(environment, kind, await use.tenants.policy(actor, environment, kind))


@router.put("/policies/{environment}", summary="Set the approval policy of an environment", dependencies=KEYED)
async def set_policy(
    environment: Environment, wish: PolicyIn, actor: Acting, use: Use, kind: Of = Kind.FLAG
) -> PolicyOut:
    """Holds for what is submitted from now on."""
    with beneath("/policy"):
        wanted = parse_policy(wish.policy)
    return PolicyOut.of(environment, kind, await use.tenants.set_policy(actor, environment, wanted, wish.reason, kind))
