"""An order as the content of a change: one target for each value, written over the version that was there."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from application.locking.rules import by_policy
from application.ports.store import Transaction
from application.settings.wishes import Order, Wish
from domain.canonical import Json
from domain.changes import ChangeSet, Content, Kind, Target
from domain.environments import Environment
from domain.people import Actor
from domain.rollouts import parse_plan
from domain.settings import EntryState, Scope

AT_ONCE = {"strategy": "direct"}


async def change_of(
    tx: Transaction, new: UUID, actor: Actor, order: Order, latest: Mapping[tuple[str, str], int]
) -> ChangeSet:
    """Its plan is that of every write, with what the rollout policy says where nobody says anything."""
    targets = tuple(target_of(order.environment, wish, latest) for wish in order.wishes)
    plan = await by_policy(tx, order.environment, Kind.SETTING, _plan(order))
    content = Content(targets, parse_plan(plan, order.environment).to_json(), None, None)
    return ChangeSet(
        id=new, tenant=actor.tenant, author=actor.id, content=content, digest=content.digest, reason=order.reason,
        created_at=tx.now, reverts=order.reverts,
    )  # fmt: skip


def _plan(order: Order) -> Json:
    moments = {"apply_at": order.apply_at, "apply_by": order.apply_by}
    return {**AT_ONCE, **{name: moment.isoformat() for name, moment in moments.items() if moment is not None}}


def order_of(change: ChangeSet, at: datetime) -> Order:
    """What the change asks for, at `at`: what was planned for a time that has passed meanwhile begins at once."""
    wishes = tuple(_wish(target, at) for target in change.content.targets)
    return Order(change.target.environment, wishes, change.reason)


def place_of(wish: Wish) -> str:
    return f"{wish.scope.text}#{wish.key}"


def target_of(environment: Environment, wish: Wish, latest: Mapping[tuple[str, str], int]) -> Target:
    content: dict[str, Json] = {"key": wish.key, "scope": wish.scope.text, "state": wish.state.value}
    said: dict[str, Json] = {
        "enforced": wish.enforced,
        "constraint": wish.constraint,
        "since": wish.since.isoformat() if wish.since else None,
        "until": wish.until.isoformat() if wish.until else None,
        "cancels": wish.cancels,
    }
    content |= {name: value for name, value in said.items() if value}
    if wish.state is EntryState.SET:
        content["value"] = wish.value
    return Target(environment, Kind.SETTING, place_of(wish), latest.get((wish.key, wish.scope.text), 0), content)


def _wish(target: Target, at: datetime) -> Wish:
    content = target.content
    since, until = (datetime.fromisoformat(content[name]) if name in content else None for name in ("since", "until"))
    return Wish(
        content["key"], Scope.parse(content["scope"]), EntryState(content["state"]), content.get("value"),
        content.get("enforced", False), content.get("constraint"), target.base_version,
        since if since is None or since > at else None, until, content.get("cancels"),
    )  # fmt: skip
