"""A change writes down what will be told of it in its own transaction; a rollback tells nothing."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from application.ports.records import StoredFlag
from application.ports.store import Transaction
from application.settings.plan import Pen, Plan, Step
from domain.audit import Action
from domain.environments import Environment
from domain.events import Event, EventType, Subject, new_event_id
from domain.flags import WHOLE
from domain.people import Actor
from domain.rollouts import Rollout

_FLAG_EVENTS = {
    Action.FLAG_CREATED: EventType.FEATURE_FLAG_CREATED,
    Action.FLAG_DISABLED: EventType.FEATURE_FLAG_DISABLED,
    Action.FLAG_ARCHIVED: EventType.FEATURE_FLAG_DISABLED,
    Action.FLAG_KILLED: EventType.FEATURE_FLAG_DISABLED,
}
"""What else is done to a flag updates it."""


async def tell_values(tx: Transaction, pen: Pen, plan: Plan, steps: Iterable[Step]) -> None:
    """One event for each instant from which a key may be otherwise at a scope: now, and where plans begin and end."""
    events = []
    for step in steps:
        for at, version in _instants(step, plan.at):
            subject = Subject(step.wish.key, step.wish.scope.text, version)
            events.append(
                Event(
                    new_event_id(plan.at), EventType.SETTING_CHANGED, tx.tenant, plan.house.environment, subject, at,
                    pen.person, pen.change,
                )
            )  # fmt: skip
    await tx.events.add(*events)


def _instants(step: Step, at: datetime) -> Iterator[tuple[datetime, int]]:
    """With the version that begins at the instant, or else the one that ends there."""
    found: dict[datetime, int] = {}
    for entry, until in step.rewrite.ends:
        if until is not None:
            found[max(until, at)] = entry.version
    for put in step.rewrite.puts:
        if put.entry.until is not None:
            found.setdefault(put.entry.until, put.entry.version)
    found |= {max(put.entry.since, at): put.entry.version for put in step.rewrite.puts}
    yield from found.items()


async def tell_definition(tx: Transaction, actor: Actor, key: str, version: int) -> None:
    subject = Subject(key, version=version)
    await tx.events.add(
        Event(new_event_id(tx.now), EventType.SETTING_DEFINED, tx.tenant, None, subject, tx.now, actor.id)
    )


async def tell_import(tx: Transaction, actor: Actor, environment: Environment) -> None:
    """The values are told one by one besides."""
    kind = EventType.CONFIGURATION_IMPORTED
    await tx.events.add(Event(new_event_id(tx.now), kind, tx.tenant, environment, Subject(), tx.now, actor.id))


async def tell_flag(tx: Transaction, flag: StoredFlag, action: Action, rollout: Rollout | None = None) -> None:
    await tx.events.add(_of_flag(tx, flag, action, rollout))


async def tell_flags(tx: Transaction, flags: Iterable[tuple[StoredFlag, Action]]) -> None:
    """Many that were written together."""
    await tx.events.add(*(_of_flag(tx, flag, action) for flag, action in flags))


def _of_flag(tx: Transaction, flag: StoredFlag, action: Action, rollout: Rollout | None = None) -> Event:
    fresh = flag.version == 1 and flag.key not in WHOLE
    created = EventType.FEATURE_FLAG_CREATED if fresh else EventType.FEATURE_FLAG_UPDATED
    subject = Subject(flag.key, version=flag.version)
    change = rollout.change if rollout else None
    return Event(
        new_event_id(tx.now), _FLAG_EVENTS.get(action, created), tx.tenant, flag.environment, subject, tx.now,
        flag.written_by, change,
    )  # fmt: skip
