"""A change of flags may come after another: it is written over what that leaves, and starts when that has succeeded."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from application.ports.store import Transaction
from domain.canonical import Json
from domain.changes import Content, Kind
from domain.environments import Environment
from domain.errors import Fault
from domain.rollouts import Plan, State

Place = tuple[Kind, str]


async def left_by(tx: Transaction, before: UUID | str | None) -> Mapping[Place, Json]:
    """The content of each target of the change that goes before; nothing where none does."""
    change = await tx.changes.get(UUID(str(before))) if before is not None else None
    return {each.place: each.content for each in change.content.targets} if change else {}


async def left_to(tx: Transaction, content: Content) -> Mapping[Place, Json]:
    return await left_by(tx, content.plan.get("after"))


async def check_before(
    tx: Transaction, environment: Environment, plan: Plan, places: Iterable[Place], tenants: Json | None
) -> list[Fault]:
    """What is wrong with the change that the plan names: it must be open, and of a flag that this one has too."""
    if plan.after is None:
        return []
    wanted = set(places)
    if any(kind is not Kind.FLAG for kind, _ in wanted):
        return [Fault("/plan/after", "for flags only: a value may hold for a time")]
    rollout, change = await tx.rollouts.get(plan.after), await tx.changes.get(plan.after)
    if rollout is None or change is None or rollout.terminal or rollout.environment is not environment:
        return [Fault("/plan/after", "the id of a change of this environment that was submitted and has not ended")]
    if tenants is not None or change.content.tenants is not None:
        return [Fault("/plan/after", "what tenants below have is looked at when it is written")]
    if not {each.place for each in change.content.targets} & wanted:
        return [Fault("/plan/after", "a change of one of these flags")]
    return []


async def still_before(tx: Transaction, before: UUID | None) -> State | None:
    """Where the change before this one stands; None where none goes before."""
    if before is None:
        return None
    rollout = await tx.rollouts.get(before)
    return rollout.state if rollout else State.CANCELLED
