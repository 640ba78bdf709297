"""The certificates of a period are what was issued: each continues the one before, and the trail knows its digest."""

from dataclasses import dataclass
from uuid import UUID

from application.closures.delta import delta_since
from application.closures.facts import controls_of
from application.periods.places import PeriodPlace, period_called
from application.ports.records import AuditFilter
from application.ports.store import Store, Transaction
from domain.audit import Action
from domain.canonical import Json
from domain.closures import Certificate, ChainBroken, check_chain
from domain.people import Actor, Permission

_MOST = 100


@dataclass(frozen=True)
class Proof:
    """Oldest first; `broken_at` is the number of the first that is not what was issued.

    `since` is what was posted since the last of them, as a certificate tells its delta; None where no books were asked.
    """

    certificates: tuple[Certificate, ...]
    broken_at: int | None
    since: Json = None


class Proving:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, actor: Actor, entity: str, period: str, *, books: bool = False) -> Proof:
        """Raises PermissionMissing, Missing; ModuleAnswer where the books are asked and say nothing of use."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            place = await period_called(tx, entity, period)
            chain = tuple(await tx.closures.certificates(place.entity.code, place.id))
            strange = [each.number for each in chain if each.digest not in await _issued(tx, each.run)]
            since = await _since(tx, place, chain[-1]) if books and chain else None
        broken = [*strange[:1], *_break_of(chain)]
        return Proof(chain, min(broken, default=None), since)


async def _since(tx: Transaction, place: PeriodPlace, last: Certificate) -> Json:
    """Modules in other databases say what they acknowledged to that close."""
    return await delta_since(tx, last, place.id, await controls_of(tx, place, last.scopes, last.run))


async def _issued(tx: Transaction, run: UUID) -> set[str]:
    """The digests that the trail has of the certificate of this run."""
    query = AuditFilter(action=Action.PERIOD_CERTIFIED.value, resource_type="period_closure", resource=str(run))
    rows = await tx.audit.page(query, None, _MOST)
    return {row.event["after"]["digest"] for row in rows}


def _break_of(chain: tuple[Certificate, ...]) -> list[int]:
    try:
        check_chain(chain)
    except ChainBroken as broken:
        return [int(str(broken.facts["number"]))]
    return []
