"""People and what they may do; policies and whom they ask."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.problems import beneath
from api.schemas.common import HANDLE
from api.schemas.people import MeOut, NewcomerIn, PeopleOut, PersonOut, PolicyIn, PolicyOut, RolesIn
from api.schemas.rollouts import SubmittedOut
from api.services import Use
from application.policies import SetPolicy
from application.submission import Submitted
from domain.approvals import parse_policy
from domain.changes import Kind
from domain.environments import Environment

router = APIRouter(prefix="/api/v1", tags=["people"], route_class=Once)

Handle = Annotated[str, Path(pattern=HANDLE)]
Of = Annotated[
    Literal[Kind.FLAG, Kind.SETTING, Kind.PERIOD_CLOSE, Kind.FISCAL_CALENDAR, Kind.COMMAND_REPAIR],
    Query(
        description="What the policy is for; that of settings is for what they mean, too, that of calendars for books."
        " Closes, calendars, books and what is done to parked commands go by production's."
    ),
]


@dataclass(frozen=True)
class Replaced:
    """Which policy gives way to another, and in which version."""

    kind: Kind
    version: int


def _replaced(version: ExpectedVersion, kind: Of = Kind.FLAG) -> Replaced:
    return Replaced(kind, version)


Over = Annotated[Replaced, Depends(_replaced)]


@router.get("/me", summary="Read who I am here")
async def me(actor: Acting) -> MeOut:
    return MeOut.of(actor)


@router.get("/people", summary="List the people of this tenant")
async def people(actor: Acting, use: Use) -> PeopleOut:
    return PeopleOut.of(await use.tenants.people(actor))


@router.post("/people", status_code=201, summary="Admit a person or a service", dependencies=KEYED)
async def welcome(wish: NewcomerIn, actor: Acting, use: Use) -> PersonOut:
    """Known by the issuer and the subject of their tokens, with these roles from their first request on."""
    return PersonOut.of(await use.tenants.welcome(actor, wish.newcomer(), wish.reason))


@router.put("/people/{handle}/roles", summary="Set the roles of a person", dependencies=KEYED)
async def set_roles(handle: Handle, wish: RolesIn, actor: Acting, use: Use) -> PersonOut:
    """Effective at their next request."""
    return PersonOut.of(await use.tenants.set_roles(actor, handle, frozenset(wish.roles), wish.reason))


@router.get("/policies/{environment}", summary="Read the approval policy of an environment")
async def policy(
    environment: Environment, actor: Acting, use: Use, answer: Response, kind: Of = Kind.FLAG
) -> PolicyOut:
    found = await use.tenants.policy(actor, environment, kind)
    answer.headers["ETag"] = flag_tag(found.version)
    return PolicyOut.of(found)


@router.put("/policies/{environment}", summary="Set the approval policy of an environment", dependencies=KEYED)
async def set_policy(
    environment: Environment, over: Over, wish: PolicyIn, actor: Acting, use: Use, answer: Response
) -> PolicyOut | SubmittedOut:
    """Over the version in If-Match (`"v0"` where the default holds). 202 where the policy in force governs itself."""
    with beneath("/policy"):
        wanted = SetPolicy(environment, over.kind, parse_policy(wish.policy), over.version)
    done = await use.policies.set(actor, wanted, wish.reason)
    if isinstance(done, Submitted):
        answer.status_code = 202
        return SubmittedOut.of(done)
    answer.headers["ETag"] = flag_tag(done.version)
    return PolicyOut.of(done)
