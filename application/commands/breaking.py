"""What became of commands says whether what they depend on answers; each move of a breaker has its event."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeAlias

from application.ports.store import Transaction
from application.recording import record
from domain.audit import Action
from domain.canonical import Json
from domain.commands import CommandRecord, CommandState, ParkedKind
from domain.commands.breakers import Breaker, BreakerState
from domain.commands.limits import LimitScope
from domain.commands.policies import TypePolicy
from domain.people import Actor

Which: TypeAlias = tuple[str, LimitScope]
Ended: TypeAlias = tuple[TypePolicy, CommandRecord]
ACTIONS: Final = {
    BreakerState.OPEN: Action.BREAKER_OPENED,
    BreakerState.HALF_OPEN: Action.BREAKER_PROBED,
    BreakerState.CLOSED: Action.BREAKER_CLOSED,
}
MOVES: Final[Counter[tuple[str, str]]] = Counter()
"""Of this process, by what commands depend on and the state to which it came."""
_ANSWERS: Final = frozenset({CommandState.COMPLETED, CommandState.FAILED})


def answered(ended: CommandRecord) -> bool | None:
    """Whether what it depends on did; None: it was not asked. Also a no is an answer."""
    if ended.state in _ANSWERS or ended.parked is ParkedKind.PERMANENT:
        return True
    if ended.state is CommandState.RETRY_WAIT or ended.parked is ParkedKind.EXHAUSTED:
        return False
    return None


class Hearing:
    """Of one lease: what it must leave alone by now, also before any of that is written."""

    def __init__(self) -> None:
        self._known: dict[Which, Breaker] = {}
        self._guessed: dict[Which, Breaker] = {}

    def begin(self) -> None:
        """A transaction: what was guessed in one that is lost is nothing."""
        self._guessed = dict(self._known)

    def rests(self, policy: TypePolicy, waiting: CommandRecord) -> bool:
        found = self._guessed.get(_of(policy, waiting)) if policy.depends_on else None
        return found is not None and found.state is BreakerState.OPEN

    def guess(self, policy: TypePolicy, ended: CommandRecord, at: datetime) -> None:
        said = answered(ended)
        if policy.depends_on and said is not None:
            which = _of(policy, ended)
            there = self._guessed.get(which, Breaker(*which))
            self._guessed[which] = there.heard(at, policy.patience, answered=said)

    async def write(self, tx: Transaction, ended: Sequence[Ended]) -> None:
        """Within the transaction that says what became of them."""
        self._known |= await heard(tx, ended)
        self.begin()


async def heard(tx: Transaction, ended: Sequence[Ended]) -> dict[Which, Breaker]:
    """In the order in which they ended; as the breakers stand afterwards. While everything goes well none is locked.

    To be asked before their ends are written: breakers are locked before batches, by everybody.
    """
    said = [
        (_of(policy, each), policy, yes)
        for policy, each in ended
        if policy.depends_on and (yes := answered(each)) is not None
    ]
    if not said:
        return {}
    names = {which[0] for which, *_ in said}
    there = {(each.dependency, each.scope): each for each in await tx.commands.breakers.some(names)}
    after: dict[Which, Breaker] = {}
    for which in sorted({which for which, *_ in said} | _probed(there)):
        news = [(policy, yes) for (name, _), policy, yes in said if name == which[0]]
        before = there.get(which, Breaker(*which))
        after[which] = before
        if not (before.calm and all(yes for _, yes in news)):
            after[which] = await _told(tx, which, news)
    return after


def _of(policy: TypePolicy, each: CommandRecord) -> Which:
    return policy.dependency(each.dependency) or "", policy.scope


def _probed(there: dict[Which, Breaker]) -> set[Which]:
    """A tenant's own that waits for a probe hears of one, also where that counts for all tenants."""
    return {
        which for which, each in there.items() if each.state is BreakerState.HALF_OPEN and which[1] is LimitScope.TENANT
    }


async def _told(tx: Transaction, which: Which, news: Sequence[tuple[TypePolicy, bool]]) -> Breaker:
    before = await tx.commands.breakers.lock(*which)
    after = before
    for policy, yes in news:
        after = after.heard(tx.now, policy.patience, answered=yes)
    await moved(tx, before, after)
    return after


async def moved(
    tx: Transaction, before: Breaker, after: Breaker, *, actor: Actor | None = None, reason: str | None = None
) -> None:
    """Written, with its event; a failure that is only counted has none."""
    if after == before:
        return
    await tx.commands.breakers.save(after)
    if after.version != before.version:
        MOVES[after.dependency, after.state.value] += 1
        await record(
            tx, ACTIONS[after.state], ("command-breaker", after.dependency), actor=actor, reason=reason,
            before=_said(before), after=_said(after),
        )  # fmt: skip


def _said(breaker: Breaker) -> dict[str, Json]:
    until = breaker.until.isoformat() if breaker.until else None
    stand = {"state": breaker.state.value, "scope": breaker.scope.value, "failures": breaker.failures, "until": until}
    return {**stand, "rests": breaker.rests}
