"""How far a plan reaches is counted on its picture: where another value would be in force, and of which settings."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from application.settings.house import House
from application.settings.plan import Plan
from domain.changes import Reach
from domain.settings import Definition, Scope


def reach_of(plan: Plan) -> Reach:
    """Now, and whenever something that is planned begins."""
    written: dict[str, list[Scope]] = defaultdict(list)
    moments: dict[str, set[datetime]] = defaultdict(set)
    for step in plan.steps:
        written[step.wish.key].append(step.wish.scope)
        moments[step.wish.key] |= {put.entry.since for put in step.rewrite.puts}
        moments[step.wish.key] |= {max(entry.since, plan.at) for entry, until in step.rewrite.ends if until is None}
    leaves = {
        f"{each.house.environment.value}/{leaf.text}"
        for each in (plan, *plan.beyond)
        for key, scopes in written.items()
        for leaf in each.house.leaves([key], scopes)
        if any(_differs(each.before, each.house, key, leaf, max(at, each.at)) for at in moments[key])
    }
    scopes = plan.scopes
    return reach_over([plan.house.definitions[key] for key in written], len(scopes), leaves, wide=Scope() in scopes)


def reach_over(definitions: Iterable[Definition], scopes: int, leaves: set[str], *, wide: bool) -> Reach:
    """With what the definitions say of who may see them and of money."""
    of = list(definitions)
    degrees = tuple(sorted({each.sensitivity.value for each in of}))
    return Reach(scopes, len(leaves), wide, degrees, any(each.financial for each in of))


def moved_leaves(before: House, after: House, key: str, at: datetime) -> Iterator[str]:
    """Where a key would have another value at some instant from `at` on; the tenant itself is looked at, too."""
    for leaf in after.leaves([key], [Scope()]):
        if any(_differs(before, after, key, leaf, moment) for moment in after.moments([key], leaf, at)):
            yield leaf.text


def _differs(before: House, after: House, key: str, leaf: Scope, at: datetime) -> bool:
    one, other = before.resolved(key, leaf, at), after.resolved(key, leaf, at)
    return (one.found, one.value if one.found else None) != (other.found, other.value if other.found else None)
