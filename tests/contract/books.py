"""Books of one entity over 2024, with an adjusting period, whose gates stand where a test wants them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from application.ports.calendars import WHOLE, LegalEntity, StoredCalendar, StoredYear
from application.ports.periods import EntityBooks, Postable, PostingAsked
from domain.calendars import fiscal_year, parse_rule
from domain.people import Principal, Role
from domain.periods import (
    GateKey,
    Grantee,
    LateEntries,
    Operation,
    PeriodGate,
    PeriodName,
    PostingException,
    Scope,
)
from tests.contract.homes import LONG_AGO, Home

RULE = parse_rule({"kind": "gregorian", "adjusting_periods": 1})
GERMANY = LegalEntity("de", "Acme GmbH", "Europe/Berlin", None, 1, "DE", "BE")
ENTITY = "de"
AP, GL = Scope("AP", "Payables"), Scope("GL", "General ledger", ledger=True, sequential=True)
T, A, C, R = Operation.TRANSACTION, Operation.ADJUSTMENT, Operation.CLOSING, Operation.REPORTING
PEOPLE = {
    "viv": {Role.VIEWER},
    "fin": {Role.FINANCE_CONTROLLER},
    "adm": {Role.ADMIN},
    "ope": {Role.OPERATOR, Role.VIEWER},
    "nil": set(),
}  # fmt: skip
STANDS = ("pending", "all", "adjust_only", "none", "closed", "locked")


@dataclass
class Kept:
    """Periods are called by their numbers, 13 being the adjusting one."""

    home: Home
    calendar: UUID
    year: StoredYear
    people: dict[str, Principal]

    def period(self, number: int) -> UUID:
        return self.year.periods[number - 1]

    def called(self, number: int) -> PeriodName:
        return PeriodName("2024", number, self.year.year.periods[number - 1].name)

    def key(self, number: int = 3, scope: str = "AP") -> GateKey:
        return GateKey(ENTITY, self.period(number), scope)

    def asked(self, operation: Operation = T, *, by: str = "viv", number: int = 3, scope: str = "AP",
              **given: Any) -> PostingAsked:  # fmt: skip
        period = number if number > 12 else None
        day = date(2024, 12, 31) if period else date(2024, number, 15)
        whole = {"day": day, "period": period, "actor": self.people[by].id, **given}
        return PostingAsked(ENTITY, scope, operation, **whole)

    def exception(self, key: GateKey, *, of: str = "viv", **given: Any) -> PostingException:
        now = datetime.now(UTC)
        whole = {
            "id": uuid4(), "key": key, "grantee": Grantee.PERSON, "who": str(self.people[of].id),
            "operations": frozenset({T}), "reason": "because", "granted_by": self.home.ada.id, "granted_at": LONG_AGO,
            "begins": now - timedelta(days=1), "ends": now + timedelta(days=1),
        }  # fmt: skip
        return PostingException(**{**whole, **given})

    async def put(self, stand: str, *keys: GateKey) -> list[PeriodGate]:
        """From wherever nobody has opened them yet."""
        async with self.home.transaction() as tx:
            gates = [way for key in keys for way in self.way(key, stand)]
            await tx.periods.hold(keys)
            for gate in gates:
                await tx.periods.move([gate])
            return [gate for gate in (await tx.periods.hold(keys)).values() if gate.epoch]

    def way(self, key: GateKey, stand: str) -> Iterable[PeriodGate]:
        words = (self.home.ada.id, LONG_AGO, "because")
        gate = PeriodGate.pending(key)
        if stand == "pending":
            return
        yield (gate := gate.opened(*words))
        if stand == "adjust_only":
            yield gate.soft_closed(*words)
        if stand == "none":
            yield gate.frozen(*words)
        if stand in ("closed", "locked"):
            yield (gate := gate.closed(*words))
        if stand == "locked":
            yield gate.locked(*words)

    async def ask(self, asked: PostingAsked) -> Postable:
        async with self.home.transaction() as tx:
            found: Postable = await tx.periods.assert_postable(asked)
            return found


async def kept(home: Home, *scopes: Scope, entity: LegalEntity = GERMANY) -> Kept:
    """With no gate opened yet; AP and GL when no scope is given."""
    year = fiscal_year(RULE, 2024)
    calendar = StoredCalendar(
        uuid4(), WHOLE, "books", 1, 1900, RULE.to_json(), "separate", home.ada.id, LONG_AGO, "because"
    )
    ids = tuple(uuid4() for _ in year.periods)
    stored = StoredYear(uuid4(), calendar.id, 1, year, ids, home.ada.id, LONG_AGO, "because")
    people = {
        name: Principal(home.tenant.id, uuid4(), "iss", name, name, roles=frozenset(roles))
        for name, roles in PEOPLE.items()
    }
    async with home.transaction() as tx:
        for person in people.values():
            await tx.people.admit(person)
        await tx.entities.put(entity)
        await tx.calendars.put(calendar)
        await tx.calendars.add([stored])
        for scope in scopes or (AP, GL):
            await tx.books.put_scope(scope)
        await tx.books.put(EntityBooks(entity.code, calendar.id, LateEntries.REJECT, None, 1))
    return Kept(home, calendar.id, stored, people)
