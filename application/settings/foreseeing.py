"""What would be in force if a change that is prepared were switched to now."""

from collections.abc import Collection

from application.ports.store import Transaction
from application.settings.house import furnished
from application.settings.plan import Pen, Plan, pictured
from application.settings.reading import Effective, Question
from application.settings.targets import order_of
from domain.changes import ChangeSet, Kind
from domain.settings import inserted


async def switched(
    tx: Transaction, question: Question, keys: Collection[str], change: ChangeSet
) -> list[Effective]:  # fmt: skip
    """In the order of `keys`; of another environment than the change's, what is in force there."""
    at, environment = tx.now, question.environment
    epoch = await tx.settings.epoch(environment)
    house = await furnished(tx, environment, keys, question.scope.ancestors(), at)
    around = {scope.text for scope in question.scope.ancestors()}
    mine = [
        each
        for each in change.content.targets
        if each.kind is Kind.SETTING and each.content["key"] in keys and each.content["scope"] in around
    ]
    if mine and change.target.environment is environment:
        latest = await tx.settings.latest(environment, keys, around)
        plan, pen = Plan(at, house, pictured(house), latest), Pen(None, f"preview:{change.id}")
        for wish in order_of(change.about(mine), at).wishes:
            entry = plan.entry(pen, wish, change.reason)
            plan.take(pen, wish, inserted(house.held(wish.key, wish.scope), entry, at))
    return [
        Effective(house.definitions[key], house.resolved(key, question.scope, at), epoch)
        for key in keys
        if key in house.definitions
    ]
