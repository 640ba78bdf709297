"""A level that asks outside, in the workflow: the system's vote counts, stays eligible at the start, and ends it."""

from typing import Any
from uuid import uuid4

from application.external.answers import Answers, TicketAnswer
from application.external.systems import ISSUER
from application.notices import ticket_of
from application.ports.outward import ApprovalSystem, TicketState
from domain.approvals import Answer, Level, Standing
from domain.people import Principal, PrincipalKind
from domain.rollouts import State
from tests.workflow.theatre import DIRECT, Theatre, now

OUTSIDE = Level((), (), 1, external="servicenow")


async def system(stage: Theatre) -> Answers:
    house = stage.house
    principal = Principal(house.id, uuid4(), ISSUER, "servicenow", "system:servicenow", PrincipalKind.SERVICE)
    async with stage.store.transaction(house.id) as tx:
        await tx.people.admit(principal)
        await tx.outward.put_system(
            ApprovalSystem("servicenow", 1, "https://sn.example", {}, "sealed", principal.id, house.root.id, now())
        )
    return Answers(stage.store, stage.approvals, stage.processes)


async def ticket(stage: Theatre, change: Any, level: int) -> Any:
    async with stage.store.transaction(stage.house.id) as tx:
        approval = await tx.approvals.get(change)
        assert approval is not None
        return await tx.outward.ticket(ticket_of(approval, level, "servicenow", tx.now).id)


def given(ticket: Any, answer: Answer, message: str = "m-1") -> TicketAnswer:
    return TicketAnswer(ticket.id, answer, "", message, ticket.digest, "callback")


class TestOutside:
    async def test_a_yes_from_outside_starts_what_people_began(self, stage: Theatre) -> None:
        answers = await system(stage)
        await stage.policy(Level(), OUTSIDE)
        change = await stage.submit(plan=DIRECT)
        assert await ticket(stage, change, 1) is None
        await stage.approve(change, stage.house.bob)
        asked = await ticket(stage, change, 1)
        assert asked.state is TicketState.DUE
        taken = await answers.take(stage.house.id, "servicenow", given(asked, Answer.APPROVE))
        assert taken.counted
        assert await stage.end(change) is State.SUCCEEDED
        assert await stage.standing(change) is Standing.APPROVED

    async def test_a_no_from_outside_ends_it(self, stage: Theatre) -> None:
        answers = await system(stage)
        await stage.policy(OUTSIDE, Level())
        change = await stage.submit(plan=DIRECT)
        asked = await ticket(stage, change, 0)
        await answers.take(stage.house.id, "servicenow", given(asked, Answer.REJECT))
        assert await stage.end(change) is State.REJECTED

    async def test_the_same_answer_twice_is_one_vote(self, stage: Theatre) -> None:
        answers = await system(stage)
        await stage.policy(OUTSIDE, Level())
        change = await stage.submit(plan=DIRECT)
        asked = await ticket(stage, change, 0)
        for message in ("m-1", "m-2"):
            await answers.take(stage.house.id, "servicenow", given(asked, Answer.APPROVE, message))
        assert len(await stage.ballots(change)) == 1
        await stage.approve(change, stage.house.bob)
        assert await stage.end(change) is State.SUCCEEDED
