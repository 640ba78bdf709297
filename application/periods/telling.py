"""Each gate that moves is told twice, in the trail and as an event, in the transaction that moves it."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from application.periods.places import PeriodPlace
from application.ports.store import Transaction
from application.recording import event_of
from domain.audit import Action
from domain.events import Event, EventType, Subject, new_event_id
from domain.people import Actor
from domain.periods import PeriodGate


async def moved(  # noqa: PLR0913 -- what a line of the trail has
    tx: Transaction,
    places: Iterable[PeriodPlace],
    before: Sequence[PeriodGate],
    after: Sequence[PeriodGate],
    *,
    action: Action,
    event: EventType,
    actor: Actor | UUID | None,
    reason: str,
) -> None:
    """`before` and `after` are the same gates of these periods, in the same order."""
    of = {place.id: place for place in places}
    moves = [(of[new.key.period], old, new) for old, new in zip(before, after, strict=True)]
    await tx.audit.append(
        *(
            event_of(tx, action, ("period_gate", f"{_called(place)}/{new.key.scope}"), actor=actor, reason=reason,
                     before=gate_fact(old), after=gate_fact(new))
            for place, old, new in moves
        )
    )  # fmt: skip
    person = actor.id if isinstance(actor, Actor) else actor
    await tx.events.add(
        *(
            Event(
                new_event_id(tx.now), event, tx.tenant, None, Subject(_called(place), new.key.scope, new.epoch),
                tx.now, person, facts=_facts(place, new),
            )
            for place, _, new in moves
        )
    )  # fmt: skip


def gate_fact(gate: PeriodGate) -> dict[str, Any]:
    """How it stands, as the trail has it."""
    return {"status": gate.status.value, "posting": gate.posting.value, "epoch": gate.epoch}


def _facts(place: PeriodPlace, gate: PeriodGate) -> dict[str, Any]:
    return {
        "entity": place.entity.code,
        "year": place.year.year.code,
        "period": place.code,
        "scope": gate.key.scope,
        "status": gate.status.value,
        "posting": gate.posting.value,
    }


def _called(place: PeriodPlace) -> str:
    return f"{place.entity.code}/{place.code}"
