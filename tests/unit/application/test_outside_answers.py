from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.memory.secrets import MemorySealer
from adapters.memory.store import MemoryStore
from adapters.notify.signatures import StandardSignatures
from application.external.answers import AnswerContradicts, AnswerReplayed, Answers, TicketAnswer
from application.external.systems import ISSUER
from application.external.tickets import Doors, Tickets
from application.notices import ticket_of
from application.ports.egress import EgressResponse
from application.ports.outward import ApprovalSystem, Ticket, TicketState
from application.ports.records import AuditFilter
from domain.approvals import Answer, ApprovalPolicy, Level, Standing
from domain.audit import Action
from domain.errors import Missing, Unavailable
from domain.people import Principal, PrincipalKind
from tests.world import START, World

OUTSIDE = Level((), (), 1, external="sn")


class Nobody:
    """A way out that must not be taken."""

    async def request(self, method: str, url: str, **_: Any) -> EgressResponse:
        raise AssertionError(f"{method} {url}")


DOORS = Doors(Nobody(), StandardSignatures(), MemorySealer(), "https://gate.example.test")


class Flaky:
    """The processes of a world, until the database goes right after the vote."""

    def __init__(self, world: World) -> None:
        self.world, self.dies = world, True

    async def vote(self, approval: UUID, answer: Answer, voter: UUID, assertion: str) -> None:
        await self.world.processes.vote(approval, answer, voter, assertion)
        assert isinstance(self.world.store, MemoryStore)
        self.world.store.down, self.dies = self.dies, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world.processes, name)


async def asked(world: World) -> Ticket:
    principal = Principal(world.tenant.id, uuid4(), ISSUER, "sn", "system:sn", PrincipalKind.SERVICE)
    async with world.store.transaction(world.tenant.id) as tx:
        await tx.people.admit(principal)
        await tx.outward.put_system(ApprovalSystem("sn", 1, "https://x", {}, "", principal.id, principal.id, START))
    await world.policy(ApprovalPolicy((OUTSIDE,)))
    submitted = await world.submit()
    return ticket_of(submitted.approval, 0, "sn", START)


def given(ticket: Ticket, answer: Answer = Answer.APPROVE, **more: Any) -> TicketAnswer:
    return replace(TicketAnswer(ticket.id, answer, "", "m-1", ticket.digest, "callback"), **more)


async def stored(world: World, ticket: Ticket) -> Ticket:
    async with world.store.transaction(world.tenant.id) as tx:
        found = await tx.outward.ticket(ticket.id)
    assert found is not None
    return found


async def told(world: World, action: Action) -> int:
    async with world.store.transaction(world.tenant.id) as tx:
        return len(await tx.audit.page(AuditFilter(action=action.value), None, 100))


class TestAnswers:
    async def test_a_crash_after_the_vote_is_followed_by_the_same_vote(self, world: World) -> None:
        ticket = await asked(world)
        answers = Answers(world.store, world.approvals, Flaky(world))
        with pytest.raises(Unavailable):
            await answers.take(world.tenant.id, "sn", given(ticket))
        assert isinstance(world.store, MemoryStore)
        world.store.down = False
        assert (await stored(world, ticket)).state is TicketState.DUE
        assert (await answers.take(world.tenant.id, "sn", given(ticket))).counted
        assert (await stored(world, ticket)).state is TicketState.ANSWERED
        assert await told(world, Action.VOTE_CAST) == 1
        assert await told(world, Action.TICKET_ANSWERED) == 1

    async def test_a_vote_that_was_counted_before_a_crash_was_the_answer(self, world: World) -> None:
        ticket = await asked(world)
        answers = Answers(world.store, world.approvals, Flaky(world))
        with pytest.raises(Unavailable):
            await answers.take(world.tenant.id, "sn", given(ticket))
        assert isinstance(world.store, MemoryStore)
        world.store.down = False
        assert await Tickets(world.store, DOORS, answers).attend(world.tenant.id, ticket.id) is None
        found = await stored(world, ticket)
        assert (found.state, found.answer) == (TicketState.ANSWERED, Answer.APPROVE)
        assert not (await answers.take(world.tenant.id, "sn", given(ticket))).counted
        assert await told(world, Action.TICKET_ANSWERED) == 1
        assert await told(world, Action.TICKET_CLOSED) == 0

    async def test_a_replay_and_a_contradiction_change_nothing(self, world: World) -> None:
        ticket = await asked(world)
        answers = Answers(world.store, world.approvals, world.processes)
        await answers.take(world.tenant.id, "sn", given(ticket))
        with pytest.raises(AnswerReplayed):
            await answers.take(world.tenant.id, "sn", given(ticket))
        with pytest.raises(AnswerContradicts):
            await answers.take(world.tenant.id, "sn", given(ticket, Answer.REJECT, message="m-2"))
        async with world.store.transaction(world.tenant.id) as tx:
            approval = await tx.approvals.get(ticket.approval)
        assert approval is not None
        assert approval.standing is Standing.APPROVED
        assert await told(world, Action.TICKET_REFUSED) == 2

    async def test_a_no_without_a_word_has_a_reason_that_is_long_enough(self, world: World) -> None:
        ticket = await asked(world)
        taken = await Answers(world.store, world.approvals, world.processes).take(
            world.tenant.id, "sn", given(ticket, Answer.REJECT)
        )
        assert taken.ticket.answer is Answer.REJECT

    async def test_of_another_system_there_is_no_such_ticket(self, world: World) -> None:
        ticket = await asked(world)
        with pytest.raises(Missing):
            await Answers(world.store, world.approvals, world.processes).take(world.tenant.id, "jira", given(ticket))
        assert await told(world, Action.TICKET_REFUSED) == 1
