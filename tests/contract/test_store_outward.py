from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from adapters.memory.outward import MemoryOutward
from adapters.memory.store import MemoryStore
from adapters.postgres.store import PostgresStore
from application.ports.outward import (
    ApprovalSystem,
    Destination,
    DestinationKind,
    Errand,
    Errands,
    Heard,
    Ticket,
    TicketState,
)
from domain.approvals import Answer
from domain.environments import Environment
from domain.errors import AlreadyExists
from domain.people import Principal, PrincipalKind
from tests.contract.homes import LONG_AGO, Home

TWINS = MemoryOutward
MINUTE = timedelta(minutes=1)


def both_answer(memory: MemoryStore, postgres: PostgresStore) -> tuple[Errands, Errands]:
    """The type checker proves here that either knows its errands."""
    return memory, postgres


def destination(home: Home, **given: Any) -> Destination:
    made = Destination(
        "ops", 1, DestinationKind.SLACK, "sealed", "https://hooks.example", ("kill_switch",),
        (Environment.PRODUCTION,), True, home.ada.id, LONG_AGO, uuid4(),
    )  # fmt: skip
    return replace(made, **given)


async def system_of(home: Home) -> ApprovalSystem:
    principal = Principal(
        home.tenant.id, uuid4(), "changegate-approval-systems", "sn", "system:sn", PrincipalKind.SERVICE
    )
    async with home.transaction() as tx:
        await tx.people.admit(principal)
    return ApprovalSystem("sn", 1, "https://sn.example", {"a": [1]}, "sealed", principal.id, home.ada.id, LONG_AGO)


async def asked(home: Home) -> Ticket:
    change = await home.submitted()
    ticket = Ticket(uuid4(), change.id, 1, "sn", change.digest, LONG_AGO)
    async with home.transaction() as tx:
        await tx.outward.open_ticket(ticket)
    return ticket


async def errands(home: Home) -> list[Errand]:
    return [each for each in await home.store.errands() if each.tenant == home.tenant.id]  # type: ignore[attr-defined]  # either store answers Errands, as above


class TestDestinations:
    async def test_come_back_as_they_were_written(self, home: Home) -> None:
        first = destination(home)
        async with home.transaction() as tx:
            await tx.outward.put_destination(first)
            assert await tx.outward.destination("ops", lock=True) == first
            after = replace(first, version=2, events=(), environments=(), enabled=False, sealed="other")
            await tx.outward.put_destination(after)
            await tx.outward.put_destination(destination(home, name="audit"))
            assert [each.name for each in await tx.outward.destinations()] == ["audit", "ops"]
            assert await tx.outward.destination("ops") == after
            await tx.outward.remove_destination("ops")
            assert await tx.outward.destination("ops") is None

    async def test_the_first_version_is_written_once(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.outward.put_destination(destination(home))
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.outward.put_destination(destination(home))

    async def test_say_since_when_they_fail(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.outward.put_destination(destination(home))
            await tx.outward.told("ops", "status-503")
            failing = await tx.outward.destination("ops")
            await tx.outward.told("ops", "timeout")
            later = await tx.outward.destination("ops")
            assert (failing.last_error, later.last_error) == ("status-503", "timeout")
            assert failing.failing_since == later.failing_since is not None
            await tx.outward.told("ops", None)
            assert await tx.outward.destination("ops") == destination(home, request=failing.request)

    async def test_nobody_sees_those_of_another_tenant(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.outward.put_destination(destination(home))
        async with home.store.transaction(uuid4()) as tx:
            assert await tx.outward.destinations() == []


class TestSystems:
    async def test_come_back_as_they_were_written(self, home: Home) -> None:
        first = await system_of(home)
        async with home.transaction() as tx:
            await tx.outward.put_system(first)
            assert await tx.outward.system("sn", lock=True) == first
            after = replace(first, version=2, url="https://other.example", mapping={}, request=uuid4())
            await tx.outward.put_system(after)
            assert await tx.outward.systems() == [after]
            await tx.outward.remove_system("sn")
            assert await tx.outward.systems() == []

    async def test_the_first_version_is_written_once(self, home: Home) -> None:
        first = await system_of(home)
        async with home.transaction() as tx:
            await tx.outward.put_system(first)
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.outward.put_system(first)


class TestTickets:
    async def test_come_back_as_they_were_opened_and_are_opened_once(self, home: Home) -> None:
        ticket = await asked(home)
        async with home.transaction() as tx:
            await tx.outward.open_ticket(replace(ticket, system="other"))
            found = await tx.outward.ticket(ticket.id, lock=True)
            assert replace(found, created_at=LONG_AGO) == ticket
            assert await tx.outward.tickets_of(ticket.approval) == [found]
            assert await tx.outward.ticket(uuid4()) is None

    async def test_one_worker_has_it_at_a_time(self, home: Home) -> None:
        ticket, claim = await asked(home), uuid4()
        async with home.transaction() as tx:
            taken = await tx.outward.claim_ticket(ticket.id, claim)
            assert (taken.claim, taken.attempts) == (claim, 1)
        async with home.transaction() as tx:
            assert await tx.outward.claim_ticket(ticket.id, uuid4()) is None
            await tx.outward.save_ticket(replace(taken, state=TicketState.OPEN, key="CHG1", last_error="x"))
        async with home.transaction() as tx:
            again = await tx.outward.claim_ticket(ticket.id, uuid4())
            assert (again.key, again.state, again.attempts, again.last_error) == ("CHG1", TicketState.OPEN, 2, "x")

    async def test_it_is_left_alone_until_its_pause_is_over(self, home: Home) -> None:
        ticket = await asked(home)
        async with home.transaction() as tx:
            await tx.outward.save_ticket(ticket, MINUTE)
            assert await tx.outward.claim_ticket(ticket.id, uuid4()) is None
        assert await errands(home) == []

    async def test_with_its_request_it_is_due_unless_somebody_has_it(self, home: Home) -> None:
        ticket = await asked(home)
        async with home.transaction() as tx:
            await tx.outward.save_ticket(replace(ticket, attempts=7), MINUTE)
            await tx.outward.look_again(uuid4())
        assert await errands(home) == []
        async with home.transaction() as tx:
            await tx.outward.look_again(ticket.approval)
        assert [each.id for each in await errands(home)] == [ticket.id]
        async with home.transaction() as tx:
            taken = await tx.outward.claim_ticket(ticket.id, uuid4())
            assert taken.attempts == 2
            await tx.outward.look_again(ticket.approval)
        assert await errands(home) == []

    async def test_what_has_ended_is_not_looked_at_again(self, home: Home) -> None:
        ticket = await asked(home)
        async with home.transaction() as tx:
            await tx.outward.save_ticket(replace(ticket, state=TicketState.ANSWERED, answer=Answer.REJECT))
            assert await tx.outward.claim_ticket(ticket.id, uuid4()) is None
            found = await tx.outward.ticket(ticket.id)
            assert found.answer is Answer.REJECT
            assert found.ended_at is not None
            await tx.outward.look_again(ticket.approval)
        assert await errands(home) == []

    async def test_a_message_is_heard_once(self, home: Home) -> None:
        ticket = await asked(home)
        message = Heard("sn", "m1", ticket.id, Answer.APPROVE)
        async with home.transaction() as tx:
            assert await tx.outward.heard("sn", "m1") is None
            assert await tx.outward.hear(message)
            assert not await tx.outward.hear(replace(message, answer=Answer.REJECT))
            assert await tx.outward.heard("sn", "m1") == message


class TestErrands:
    async def test_are_what_is_due_by_the_lane_that_it_leaves_on(self, home: Home) -> None:
        ticket = await asked(home)
        assert await errands(home) == [Errand(home.tenant.id, ticket.id, f"{home.tenant.id}//sn")]
        async with home.transaction() as tx:
            await tx.outward.claim_ticket(ticket.id, uuid4())
        assert await errands(home) == []
