"""What an order would write, worked out on a picture of the environment before anything is written."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self
from uuid import UUID

from application.ports.settings import StoredEntry
from application.settings.house import House, origin_of
from application.settings.wishes import Affected, Wish
from domain.environments import Environment
from domain.people import Actor
from domain.settings import Entry, EntryState, Held, Rewrite, Scope, TraceState, parse_constraint

HIDDEN = {TraceState.SHADOWED: "shadowed", TraceState.CLAMPED: "clamped"}


@dataclass(frozen=True)
class Pen:
    """In whose name values are written, and by what way."""

    person: UUID | None
    origin: str
    actor: Actor | None = None
    request: UUID | None = None
    change: UUID | None = None

    @classmethod
    def of(cls, actor: Actor) -> Self:
        """By somebody, at once."""
        return cls(actor.id, "api", actor, actor.request)


@dataclass(frozen=True)
class Step:
    """One wish and how room is made for it; `held` is what stood at its scope."""

    wish: Wish
    rewrite: Rewrite
    held: tuple[Held, ...]


@dataclass
class Plan:
    """`house` shows what would be after every step, `before` what is; `latest` are versions by key and scope.

    `beyond` shows other environments where something of it would be in force.
    """

    at: datetime
    house: House
    before: House
    latest: dict[tuple[str, str], int]
    steps: list[Step] = field(default_factory=list)
    new: list[StoredEntry] = field(default_factory=list)
    beyond: tuple["Plan", ...] = ()

    def take(self, pen: Pen, wish: Wish, rewrite: Rewrite) -> None:
        held = self.house.held(wish.key, wish.scope)
        self.steps.append(Step(wish, rewrite, held))
        self.house.write(wish.key, wish.scope, rewrite)
        for put in rewrite.puts:
            stored = StoredEntry(
                self.house.environment, wish.key, wish.scope.text, put.entry, origin_of(put, pen.origin), pen.request
            )
            self.new.append(stored)

    def fresh(self, wish: Wish) -> int:
        """The next version at the scope of the wish."""
        return self.latest.get((wish.key, wish.scope.text), 0) + 1

    def entry(self, pen: Pen, wish: Wish, reason: str) -> Entry:
        """The wish as the next version at its scope."""
        return Entry(
            version=self.fresh(wish),
            state=wish.state,
            value=None if wish.state is EntryState.UNSET else wish.value,
            enforced=wish.enforced,
            constraint=None if wish.constraint is None else parse_constraint(wish.constraint),
            since=max(wish.since or self.at, self.at),
            until=wish.until,
            written_by=pen.person,
            written_at=self.at,
            change=pen.change,
            reason=reason,
        )

    @property
    def environments(self) -> tuple[Environment, ...]:
        """Those whose policies have a say."""
        return (self.house.environment, *(each.house.environment for each in self.beyond))

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(step.wish.key for step in self.steps)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        return tuple(dict.fromkeys(step.wish.scope for step in self.steps))

    def affected(self) -> Iterator[Affected]:
        """Each narrower scope whose own value the plan hides or moves."""
        steps: dict[str, dict[str, Step]] = defaultdict(dict)
        for step in self.steps:
            steps[step.wish.key][step.wish.scope.text] = step
        for key, broad in steps.items():
            for scope in self.house.leaves([key], [step.wish.scope for step in broad.values()]):
                for above in scope.ancestors()[:-1]:
                    if above.text in broad:
                        at = max(broad[above.text].wish.since or self.at, self.at)
                        how, was = _hidden(self.house, key, scope, at), _hidden(self.before, key, scope, at)
                        if how is not None and how != was:
                            yield Affected(key, scope.text, how, above.text)


def _hidden(house: House, key: str, scope: Scope, at: datetime) -> str | None:
    last = house.resolved(key, scope, at).trace[-1]
    return HIDDEN.get(last.state) if last.label == scope.text else None


def pictured(house: House) -> House:
    """The same house, whose shelves may change without the other's knowing."""
    return replace(house, shelves={key: dict(shelf) for key, shelf in house.shelves.items()})
