"""What a module declares as a process is found, or said to be wrong where it is written."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from adapters.handlers import named_processes
from adapters.memory.saga_runs import MemorySagaRuns
from adapters.memory.store import MemoryStore
from application.ports.records import Tenant
from application.sagas.declaring import (
    Instruction,
    Planned,
    ProcessBook,
    ProcessTwice,
    ProcessUnknown,
    process,
)
from application.sagas.relaying import SagaRelay
from domain.errors import Unavailable
from domain.sagas import Saga
from tests.sagas import BOOK, TRIP, Trip, trip

SAGA = Saga(uuid4(), TRIP, "42", {"words": "kit"}, "sha256:" + "0" * 64, None, datetime.now(UTC), uuid4())


def planned(name: str = "book") -> Planned:
    return Planned(name, lambda _: Instruction("works.write", {}))


class Agency:
    @process("works.stay", Trip)
    def stay(self, wished: Trip) -> Sequence[Planned]:
        return [planned(), planned(wished.words)]


class TestProcess:
    def test_its_steps_are_those_of_its_data(self) -> None:
        steps = BOOK.of(SAGA).steps(SAGA.data)
        assert [(each.name, each.undo is not None) for each in steps] == [
            ("book", True), ("pay", True), ("tell", False),
        ]  # fmt: skip
        assert steps[1].do({"book": {"wrote": "x"}}) == Instruction("works.write", {"words": "x paid"})

    def test_methods_of_an_object_are_processes_too(self) -> None:
        book = ProcessBook(Agency())
        stay = replace(SAGA, type="works.stay")
        assert (book.domains, [each.name for each in book.of(stay).steps(SAGA.data)]) == (["works"], ["book", "kit"])
        with pytest.raises(ValueError, match="name of its own"):
            book.of(stay).steps({"words": "book"})

    def test_its_type_has_the_schema_of_its_data(self) -> None:
        (type_,) = BOOK.types()
        assert (type_.type, type_.schema_version, type_.schema["title"]) == (TRIP, 1, "Trip")

    def test_two_of_one_type_are_refused(self) -> None:
        with pytest.raises(ProcessTwice):
            ProcessBook(trip, trip)

    def test_what_this_worker_has_not_it_says(self) -> None:
        with pytest.raises(ProcessUnknown):
            BOOK.of(replace(SAGA, schema_version=2))

    def test_names_and_limits_are_looked_at_where_they_are_written(self) -> None:
        with pytest.raises(ValueError, match="name of a step"):
            planned("Book it")
        with pytest.raises(ValueError, match="some time"):
            replace(planned(), within=timedelta(0))
        with pytest.raises(ValueError, match="a domain and a verb"):
            process("trip", Trip)

    def test_they_are_named_beside_handlers(self) -> None:
        assert named_processes("tests.sagas:trip, tests.works:Works").types() == BOOK.types()
        with pytest.raises(SystemExit, match="Two functions declare"):
            named_processes("tests.sagas:trip,tests.sagas:trip")


class TestRelay:
    async def test_each_is_told_once_and_an_outage_costs_nothing(self) -> None:
        store, runs = MemoryStore(), MemorySagaRuns()
        await store.create_tenant(Tenant(SAGA.tenant, "kit", "Kit"))
        async with store.transaction(SAGA.tenant) as tx:
            await tx.sagas.add(SAGA)
            await tx.sagas.add(replace(SAGA, type="elsewhere.trip"))
        relay = SagaRelay(store, runs, BOOK)
        runs.down = True
        with pytest.raises(Unavailable):
            await relay.look()
        runs.down = False
        assert (await relay.look(), await relay.look()) == (1, 0)
        assert runs.told == [(SAGA.workflow_id, 1)]
        assert store.catalogue.processes.keys() == {(TRIP, 1)}
