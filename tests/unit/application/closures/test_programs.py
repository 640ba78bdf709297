"""A task of a program: it is told when its turn comes, works elsewhere, and answers with what proves it."""

import json
from typing import Any

import pytest

from application.closures.evidence import Attachment
from domain.closures import Act, EvidenceMissing, NotTheirTask, TaskBlocked, sha256_of
from domain.events import Event, EventType
from domain.people import Actor, PrincipalKind, Role
from tests.closes import ENTITY, MARCH, WHY, Close

RESULT = json.dumps({"journals": 41, "sha256": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"})


@pytest.fixture
async def program(close: Close) -> Actor:
    """A service account that may work on closes."""
    world = close.world
    roles = frozenset({Role.FINANCE_CONTROLLER})
    made = await world.tenants.admit_principal(
        world.tenant, "ledger-runs", roles, issuer="tests", kind=PrincipalKind.SERVICE
    )
    reviewer = str(world.rev.id)
    await close.template(
        close.task("cut-off"),
        close.task("depreciate", kind="automatic", owner=str(made.id), after=["cut-off"], needs_evidence=True,
                   reviewer=reviewer),
    )  # fmt: skip
    await close.frozen(template="month-end")
    return made.actor


async def told(close: Close) -> list[Event]:
    async with close.transaction() as tx:
        return [each for each in await tx.events.number(10_000) if each.type is EventType.CLOSE_TASK_READY]


async def answer(close: Close, program: Actor, **more: Any) -> None:
    content = Attachment("result.json", "application/json", RESULT.encode())
    await close.cases.evidence.attach(program, close.run_id, "depreciate", content)
    await close.act(program, Act.COMPLETE_TASK, task="depreciate", **more)


class TestProgram:
    async def test_is_told_when_its_turn_comes_and_no_sooner(self, close: Close, program: Actor) -> None:
        assert await told(close) == []
        with pytest.raises(TaskBlocked):
            await close.act(program, Act.COMPLETE_TASK, task="depreciate")
        await close.act(close.world.own, Act.COMPLETE_TASK, task="cut-off")
        (event,) = await told(close)
        assert event.subject.key == f"{ENTITY}/{MARCH}"
        assert event.facts == {
            "entity": ENTITY, "period": MARCH, "mode": "hard", "closure": str(close.run_id), "attempt": 1,
            "task": "depreciate", "state": "ready", "owner": str(program.id),
        }  # fmt: skip

    async def test_answers_with_what_proves_it(self, close: Close, program: Actor) -> None:
        await close.act(close.world.own, Act.COMPLETE_TASK, task="cut-off")
        with pytest.raises(NotTheirTask):
            await close.act(close.world.own, Act.COMPLETE_TASK, task="depreciate")
        with pytest.raises(EvidenceMissing):
            await close.act(program, Act.COMPLETE_TASK, task="depreciate")
        await answer(close, program)
        await close.act(close.world.rev, Act.SIGN_OFF, task="depreciate")
        view = await close.view()
        assert [each.state.value for each in view.tasks] == ["done", "done"]
        (attached,) = view.tasks[1].evidence
        kept, content = await close.cases.evidence.read(close.world.eve, attached)
        assert (kept.sha256, kept.added_by, content) == (sha256_of(RESULT.encode()), program.id, RESULT.encode())

    async def test_is_told_again_when_it_is_given_back(self, close: Close, program: Actor) -> None:
        await close.act(close.world.own, Act.COMPLETE_TASK, task="cut-off")
        await answer(close, program)
        await close.act(close.world.rev, Act.REJECT_TASK, task="depreciate", reason=WHY)
        first, second = await told(close)
        assert (first.facts["state"], second.facts["state"]) == ("ready", "rejected")
        assert first.id != second.id
