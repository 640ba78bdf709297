"""The books of one entity in any store, with gates that stand where a test wants them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from application.ports.calendars import WHOLE, LegalEntity, StoredCalendar, StoredYear
from application.ports.periods import EntityBooks
from application.ports.store import Store
from domain.calendars import fiscal_year, parse_rule
from domain.periods import (
    GateKey,
    Grantee,
    LateEntries,
    Operation,
    PeriodGate,
    PostingException,
    Scope,
)

RULE = parse_rule({"kind": "gregorian", "adjusting_periods": 1})
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
WHY = "because of the test"
WAYS: dict[str, tuple[str, ...]] = {
    "pending": (),
    "open": ("opened",),
    "soft": ("opened", "soft_closed"),
    "frozen": ("opened", "frozen"),
    "closed": ("opened", "closed"),
    "locked": ("opened", "closed", "locked"),
}
"""From pending to each state of a gate."""


@dataclass
class Bookroom:
    """Of `entity`; `periods` are the ids of its periods by code, 2024-13 the adjusting one."""

    store: Store
    tenant: UUID
    by: UUID
    entity: str = "acme"
    calendar: UUID = field(default_factory=uuid4)
    version: int = 0
    periods: dict[str, UUID] = field(default_factory=dict)

    async def furnish(self, *years: int, zone: str = "UTC", scopes: Sequence[str] = ("GL", "AP", "AR")) -> None:
        rule = StoredCalendar(self.calendar, WHOLE, f"c-{self.entity}", 1, 1900, RULE.to_json(), "separate", self.by,
                              LONG_AGO, WHY)  # fmt: skip
        async with self.store.transaction(self.tenant) as tx:
            await tx.entities.put(LegalEntity(self.entity, self.entity, zone, None, 1))
            await tx.calendars.put(rule)
            await tx.calendars.add([self._made(number) for number in years])
            present = {each.code for each in await tx.books.scopes()}
            for code in scopes:
                if code not in present:
                    await tx.books.put_scope(Scope(code, code, ledger=code == "GL"))
        await self.late(LateEntries.REJECT)

    async def late(self, late_entries: LateEntries) -> None:
        """What the books do with entries that come late."""
        self.version += 1
        async with self.store.transaction(self.tenant) as tx:
            await tx.books.put(EntityBooks(self.entity, self.calendar, late_entries, None, self.version))

    async def stand(self, code: str, scope: str, state: str) -> PeriodGate:
        """The gate, brought there from pending."""
        return await self.move(code, scope, *WAYS[state])

    async def move(self, code: str, scope: str, *verbs: str) -> PeriodGate:
        key = self.key(code, scope)
        async with self.store.transaction(self.tenant) as tx:
            gate = (await tx.periods.hold([key]))[key]
            for verb in verbs:
                gate = getattr(gate, verb)(self.by, tx.now, WHY)
                await tx.periods.move([gate])
        return gate

    async def grant(self, code: str, scope: str, to: UUID | str, **given: Any) -> PostingException:
        """To a person by id, or to a role by name; live now unless said."""
        async with self.store.transaction(self.tenant) as tx:
            exception = PostingException(
                **{
                    "id": uuid4(),
                    "key": self.key(code, scope),
                    "grantee": Grantee.PERSON if isinstance(to, UUID) else Grantee.ROLE,
                    "who": str(to),
                    "operations": frozenset({Operation.TRANSACTION, Operation.ADJUSTMENT}),
                    "reason": WHY,
                    "granted_by": self.by,
                    "granted_at": tx.now,
                    "begins": tx.now - timedelta(minutes=1),
                    "ends": tx.now + timedelta(hours=1),
                    **given,
                }
            )
            await tx.periods.grant(exception)
        return exception

    def key(self, code: str, scope: str) -> GateKey:
        return GateKey(self.entity, self.periods[code], scope)

    def _made(self, number: int) -> StoredYear:
        year = fiscal_year(RULE, number)
        ids = tuple(uuid4() for _ in year.periods)
        self.periods |= {f"{year.code}-{each.number:02}": id_ for each, id_ in zip(year.periods, ids, strict=True)}
        return StoredYear(uuid4(), self.calendar, 1, year, ids, self.by, LONG_AGO, WHY)
