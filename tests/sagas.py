"""A process of three steps, of which two can be undone, and the store as if it had one tenant alone."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from application.ports.saga_lanes import WaitingSaga
from application.sagas.declaring import Instruction, Planned, ProcessBook, process
from domain.sagas import ProcessType, Saga, SagaKey, Wish

TRIP = "works.trip"


class Trip(BaseModel):
    """`patience` is that of its second step, in seconds; `broken` is a step whose command cannot be said."""

    words: str = "kit"
    patience: float | None = None
    broken: str = ""


@process(TRIP, Trip)
def trip(wished: Trip) -> Sequence[Planned]:
    """It can be seen in each command what was given by the one before."""

    def said(name: str, words: str) -> Instruction:
        if wished.broken == name:
            raise KeyError(name)
        return Instruction("works.write", {"words": words})

    within = timedelta(seconds=wished.patience) if wished.patience else None
    return (
        Planned("book", lambda _: said("book", wished.words), undo=lambda done: said("unbook", done["book"]["wrote"])),
        Planned(
            "pay", lambda done: said("pay", f"{done['book']['wrote']} paid"),
            undo=lambda done: said("refund", done["pay"]["wrote"]), within=within,
        ),
        Planned("tell", lambda done: said("tell", done["pay"]["wrote"])),
    )  # fmt: skip


BOOK = ProcessBook(trip)


def wish(id: str = "42", **data: Any) -> Wish:  # noqa: A002 -- the process's
    return Wish(TRIP, id, {"words": "kit", **data})


def ids(*steps: str, process: str = "42") -> list[str]:
    """Of the commands of its steps, as `book` or `book:undo`."""
    return [f"{TRIP}:{process}:{step}" for step in steps]


def stood(saga: Saga) -> dict[str, str]:
    return {each.name: each.state.value for each in saga.steps or ()}


@dataclass
class OwnSagas:
    """Those of one tenant, as if there were no others in the database."""

    store: Any
    tenant: UUID

    def transaction(self, tenant: UUID) -> AbstractAsyncContextManager[Any]:
        transaction: AbstractAsyncContextManager[Any] = self.store.transaction(tenant)
        return transaction

    async def put_process_types(self, types: Sequence[ProcessType]) -> None:
        await self.store.put_process_types(types)

    async def waiting_sagas(self) -> list[WaitingSaga]:
        return [each for each in await self.store.waiting_sagas() if each.tenant == self.tenant]

    async def waiting(self) -> list[SagaKey]:
        return [each.key for each in await self.waiting_sagas()]
