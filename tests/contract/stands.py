"""A gate in every stand, with every kind of exception, and what the domain says of a posting there."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from application.ports.periods import Postable
from domain.errors import Refusal
from domain.people import Permission, permissions_of
from domain.periods import GateKey, Grantee, Operation, PeriodGate, PostingException, Scope, check
from tests.contract.books import STANDS, A, Kept, T, kept
from tests.contract.homes import Home

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
EXCEPTIONS: dict[str, dict[str, Any] | None] = {
    "NO": None,
    "MINE": {"operations": frozenset({T, A})},
    "ADJUST": {"operations": frozenset({A})},
    "ROLE": {"grantee": Grantee.ROLE, "who": "Operator"},
    "OTHER": {"of": "adm"},
    "LATER": {"begins": NOW + HOUR},
    "OVER": {"ends": NOW - HOUR},
    "REVOKED": {"revoked_at": NOW, "revoked_by": uuid4()},
}
"""Each stands at the gate of a scope of this name."""


@dataclass
class Places:
    """A gate for every stand and every exception: period 1 is pending, 2 is open, and so on."""

    books: Kept
    gates: dict[GateKey, PeriodGate]
    granted: dict[str, PostingException]

    def expected(self, gate: PeriodGate, operation: Operation, by: str, *, run_token: bool) -> Refusal | Postable:
        person = self.books.people[by]
        exception = self.granted.get(gate.key.scope)
        number = self.books.year.periods.index(gate.key.period) + 1
        try:
            check(
                gate,
                self.books.called(number),
                operation,
                may_adjust=Permission.PERIODS_ADJUST in permissions_of(person.roles),
                excepted=exception is not None and exception.holds(operation, person.id, person.roles, NOW),
                run_token=run_token,
            )
        except Refusal as refusal:
            return refusal
        return Postable(gate.key.period, gate.epoch)


async def places_in(home: Home) -> Places:
    books = await kept(home, *(Scope(code, code) for code in EXCEPTIONS))
    gates: dict[GateKey, PeriodGate] = {}
    granted: dict[str, PostingException] = {}
    for number, stand in enumerate(STANDS, 1):
        keys = [books.key(number, scope) for scope in EXCEPTIONS]
        gates |= {gate.key: gate for gate in await books.put(stand, *keys)}
        gates |= {key: PeriodGate.pending(key) for key in keys if key not in gates}
    for scope, given in EXCEPTIONS.items():
        if given is not None:
            for number in range(1, len(STANDS) + 1):
                granted[scope] = await grant(books, books.key(number, scope), **given)
    return Places(books, gates, granted)


async def grant(books: Kept, key: GateKey, **given: Any) -> PostingException:
    made = books.exception(key, **given)
    async with books.home.transaction() as tx:
        await tx.periods.grant(made)
        if made.revoked_at is not None:
            await tx.periods.revoke(made)
    return made
