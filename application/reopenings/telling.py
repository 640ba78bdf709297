"""Who asked for a window, and those who close periods, hear that it opens, that it ends, and what became of it."""

from collections.abc import Iterable
from uuid import UUID

from application.notices import tell
from application.ports.store import Transaction
from domain.closures import Reopening, ReopeningState
from domain.people import Permission, PrincipalKind

_BY_THE_VOTE = frozenset({ReopeningState.REJECTED, ReopeningState.TIMED_OUT})


async def tell_window(tx: Transaction, reopening: Reopening, occasion: str) -> None:
    """`occasion` tells one message from the next; what it says goes by the state."""
    until = reopening.open_until or reopening.wish.ends
    facts = {
        "state": reopening.state.value.lower(),
        "deadline": until.isoformat(timespec="minutes"),
        "occasion": occasion,
    }
    await _tell(tx, "reopening_window", reopening, facts, await _controllers(tx))


async def tell_end(tx: Transaction, reopening: Reopening) -> None:
    """What the vote has told already is not told again; what is left open is told to everybody who may close it."""
    if reopening.state in _BY_THE_VOTE:
        return
    left = [each.period for each in reopening.recertified if not each.done]
    facts = {
        "outcome": "left" if left else reopening.state.value.lower(),
        "periods": ", ".join(left or reopening.periods),
        "reason": reopening.why.replace("_", " ") if left or not reopening.recertified else "",
    }
    ended = reopening.state is ReopeningState.ENDED
    await _tell(tx, "reopening_ended", reopening, facts, await _controllers(tx) if ended else [])


async def _tell(
    tx: Transaction, template: str, reopening: Reopening, facts: dict[str, str], people: Iterable[UUID]
) -> None:
    where = {"entity": reopening.entity, "period": reopening.period_code}
    whom = dict.fromkeys([reopening.requester, *people])
    link = f"/period-reopenings/{reopening.id}"
    await tell(tx, template, [*whom, None], {**where, **facts}, link=link, seed=reopening.id)


async def _controllers(tx: Transaction) -> list[UUID]:
    everybody = await tx.people.all()
    return [
        each.id
        for each in everybody
        if each.kind is PrincipalKind.HUMAN and Permission.PERIODS_CLOSE in each.actor.permissions
    ]
