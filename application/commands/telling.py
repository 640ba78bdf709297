"""Each message is delivered by a command of the product's own, and how that went stands in the row of the message."""

from collections import Counter
from typing import Final
from uuid import UUID

import structlog
from pydantic import BaseModel

from application.commands.handling import Order, handles
from application.delivering import Attempt, Delivery
from application.faring import Fared, Sent
from application.notice_commands import DELIVER_NOTICE
from application.notices import send_notices
from application.ports.notify import DeliveryRefused
from application.ports.records import Notice, NoticeState
from application.ports.store import Store
from domain.canonical import Json
from domain.commands import Options, name_of
from domain.commands.outcomes import HandlerKind, Permanent, Transient
from domain.commands.policies import TypePolicy

PATIENT: Final = TypePolicy(
    max_attempts=20, backoff=(1, 2, 4, 8, 16, 32, 64, 128, 256, 300), depends_on="receiver", apart="/receiver"
)
"""For more than an hour, and each receiver by itself; after that a person decides."""

log = structlog.get_logger()


class NoticeToDeliver(BaseModel):
    notice: UUID
    receiver: str


class Telling:
    """Counts in `fared` how each attempt fared."""

    def __init__(self, store: Store, delivery: Delivery, fared: Counter[Sent]) -> None:
        self._store = store
        self._delivery = delivery
        self._fared = fared

    @handles(DELIVER_NOTICE, NoticeToDeliver, HandlerKind.EXTERNAL, policy=PATIENT)
    async def deliver(self, order: Order, asked: NoticeToDeliver) -> Json:
        """Each time under the id of the notice; the result says by which channel, if there was anybody to tell."""
        async with self._store.transaction(order.tenant) as tx:
            due = await tx.notices.get(asked.notice)
        if due is None:
            raise Permanent("no-notice", "there is no such message")
        if due.state is NoticeState.DELIVERED:  # by a worker that died before it could say so
            return {"told": "before"}
        attempt = await self._delivery.attempt(order.tenant, due)
        await self._settle(order, due, attempt)
        if attempt.failure is not None:
            refused = isinstance(attempt.failure, DeliveryRefused)
            facts = attempt.failure.facts
            raise (Permanent if refused else Transient)(str(facts.get("reason")), str(attempt.failure), facts)
        return {"told": attempt.channel or (len(attempt.spread) if attempt.spread else "nobody")}

    async def _settle(self, order: Order, due: Notice, attempt: Attempt) -> None:
        failure = attempt.failure
        last = isinstance(failure, DeliveryRefused) or order.attempt >= PATIENT.max_attempts
        async with self._store.transaction(order.tenant) as tx:
            if due.destination is not None:
                await tx.outward.told(due.destination, str(failure.facts.get("reason")) if failure else None)
            if failure is None:
                options = Options(correlation=order.command.options.correlation, causation=name_of(order.command.key))
                await send_notices(tx, attempt.spread, options)
                await tx.notices.delivered(due.id)
        if failure is not None:
            said = "notice.given_up" if last else "notice.delayed"
            log.warning(said, notice=str(due.id), attempts=order.attempt, reason=failure.facts.get("reason"))
        if attempt.channel is not None:
            fared = (Fared.GIVEN_UP if last else Fared.RETRIED) if failure is not None else Fared.DELIVERED
            self._fared[Sent(attempt.channel, fared)] += 1
