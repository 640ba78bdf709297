"""A human act becomes an intent in the database and a signed assertion, before any workflow hears of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from application.ports.identity import ActVerifier, Assertions
from application.ports.records import Intent
from application.ports.store import Store, Transaction
from domain.canonical import Json
from domain.people import Actor
from domain.people.acts import Act, AssertionForged

VALID = timedelta(minutes=5)

Clock = Callable[[], datetime]


class Acting:
    """Issues assertions: `body` with the free text stays in the database, the assertion carries ids only."""

    def __init__(self, store: Store, assertions: Assertions, clock: Clock) -> None:
        self._store = store
        self._assertions = assertions
        self._clock = clock

    async def sign(self, actor: Actor, verb: str, subject: UUID, body: Json, *, digest: str | None = None) -> str:
        act = Act(actor.request or uuid4(), actor.tenant, actor.id, verb, str(subject), digest, self._clock() + VALID)
        async with self._store.transaction(actor.tenant) as tx:
            await tx.intents.add(Intent(act.id, actor.id, verb, subject, body, act.expires_at))
        return self._assertions.issue(act)


async def done(tx: Transaction, actor: Actor) -> bool:
    """Whether this request has taken effect: it was sent again because its answer was lost."""
    intent = await tx.intents.get(actor.request) if actor.request else None
    return intent is not None and intent.done


async def remember(tx: Transaction, actor: Actor, verb: str) -> None:
    """That this request took effect, where no row that it wrote says so; `done` tells it again."""
    if actor.request is not None:
        await tx.intents.add(Intent(actor.request, actor.id, verb, actor.request, {}, tx.now))
        await tx.intents.done(actor.request)


async def proven(
    tx: Transaction, verifier: ActVerifier, assertion: str, verb: str, subject: UUID
) -> tuple[Act, Intent]:
    """The act and its intent; AssertionForged or AssertionExpired where nothing proves that a person did this."""
    act = verifier.verify(assertion)
    intent = await tx.intents.get(act.id) if act.tenant == tx.tenant else None
    said = (act.verb, act.subject, act.actor)
    if intent is None or said != (verb, str(subject), intent.actor) or (intent.verb, intent.subject) != (verb, subject):
        raise AssertionForged
    return act, intent
