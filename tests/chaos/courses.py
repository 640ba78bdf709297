"""What a rollout left behind, in its own tenant and in those below it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from adapters.postgres.tables import approval_vote, flag_version, rollout_transition
from application.locking.ruling import RolloutPolicies
from application.ports.records import AuditFilter, StoredFlag
from domain.audit import Action
from domain.changes import Kind
from domain.people import Role
from domain.tenants import Tenancy, Tier
from tests.workflow.theatre import CLASSIC, PRODUCTION, Theatre, now

WHY = "the story needs it"


@dataclass(frozen=True)
class Course:
    """Everything that a rollout left behind, without what differs from one rollout to the next.

    How often somebody who got no answer asked again is no part of it.
    """

    ended: str
    steps: list[tuple[str, str | None, str]]
    origins: list[str]
    audited: Counter[str]
    moves: list[str]
    voters: list[UUID]
    checks: list[int]
    served: str


async def managed(theatre: Theatre) -> None:
    """Ada manages the tenants below the house as well, and canaries over them do not wait for each other."""
    root, ours = theatre.house.root, frozenset({Role.CONFIG_MANAGER, Role.ADMIN})
    theatre.house.people["ada"] = (await theatre.tenants.set_roles(root, "ada", ours, WHY)).actor
    side_by_side = {"serialize_shared_metrics": False}
    await RolloutPolicies(theatre.store).put(root, (PRODUCTION, Kind.FLAG), side_by_side, expected=0, reason=WHY)


async def founded(theatre: Theatre, many: int, kind: str) -> dict[str, UUID]:
    """Tenants below the house, whose names begin with their kind."""
    below = {f"{kind}-{each.hex[:12]}": each for each in (uuid4() for _ in range(many))}
    async with theatre.store.transaction(theatre.house.id) as tx:
        for slug, each in below.items():
            await tx.tenants.found(Tenancy(each, slug, slug, now(), Tier.FREE, ancestors=(theatre.house.id,)))
    return below


async def put(theatre: Theatre, tenant: UUID, key: str) -> None:
    async with theatre.store.transaction(tenant) as tx:
        await tx.flags.put(StoredFlag(PRODUCTION, key, 1, CLASSIC, "test", None, tx.now), expected=0)


async def course_of(theatre: Theatre, below: Sequence[UUID], change: UUID) -> Course:
    """Of the tenant itself, or of those below it where these are whom the change is for."""
    rollout = await theatre.rollout(change)
    found = await theatre.changes.get(theatre.house.ada, change)
    key, places = found.target.key, [theatre.house.id] if found.content.tenants is None else list(below)
    async with theatre.store._session(theatre.house.id) as session:
        steps = select(rollout_transition).where(rollout_transition.c.rollout_id == change)
        votes = select(approval_vote.c.voter).where(approval_vote.c.approval_id == change)
        lines = (await session.execute(steps.order_by(rollout_transition.c.seq))).all()
        voters = list((await session.execute(votes.order_by(approval_vote.c.vote_id))).scalars())
    origins: list[str] = []
    served: set[str] = set()
    events: dict[str, dict[str, Any]] = {}
    for place, tenant in enumerate(places):
        origins += [f"{place}: {each.replace(str(change), 'ID')}" for each in await _origins(theatre, tenant, key)]
        async with theatre.store.transaction(tenant) as tx:
            flag = await tx.flags.get(PRODUCTION, key)
            served.add(str(flag.definition["defaultVariant"]) if flag else "nothing")
    for tenant in {theatre.house.id, *places}:
        async with theatre.store.transaction(tenant) as tx:
            events |= {
                row.event["id"]: row.event for row in await tx.audit.page(AuditFilter(change=change), None, 1000)
            }
    return Course(
        rollout.state.value,
        [(line.step, line.from_state, line.to_state) for line in lines],
        origins,
        Counter(event["action"] for event in events.values() if event["action"] != Action.VOTE_REFUSED),
        sorted(event["after"]["step"] for event in events.values() if event["action"] == Action.ROLLOUT_MOVED),
        voters,
        [check.number for check in await theatre.evidence(change)],
        " and ".join(sorted(served)),
    )


async def _origins(theatre: Theatre, tenant: UUID, key: str) -> list[str]:
    c = flag_version.c
    query = select(flag_version).where(c.key == key, c.origin != "test").order_by(c.version)
    async with theatre.store._session(tenant) as session:
        return [row.origin for row in await session.execute(query)]
