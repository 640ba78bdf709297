"""What people do in a close, and what becomes of it when the books move."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from adapters.memory.modules import MemoryModules
from application.closures.evidence import Attachment
from application.closures.stand import ClosureAct
from domain.closures import (
    Act,
    DependencyCycle,
    EvidenceAltered,
    EvidenceMissing,
    EvidenceRetained,
    Item,
    NotTheirTask,
    NotWaivable,
    RunOver,
    RunState,
    SodViolation,
    TaskBlocked,
    TaskState,
    WrongRunState,
)
from domain.errors import Invalid, Missing, Stale, Unavailable
from domain.people import PermissionMissing
from domain.people.acts import AssertionForged
from tests.closes import WHY, Close

RECONCILED = {"statement_balance": "100.00", "book_balance": "100"}
SCAN = Attachment("bank.pdf", "application/pdf", b"%PDF-1.7 a statement")


async def tasks(close: Close) -> dict[str, str]:
    return {each.plan.key: each.state.value for each in (await close.view()).tasks}


@pytest.fixture
def reconciled(close: Close) -> list[Any]:
    reviewer = str(close.world.rev.id)
    return [close.task("bank", kind="reconciliation", reviewer=reviewer), close.task("sign", after=["bank"])]


class TestTemplates:
    @pytest.mark.req("FP50")
    async def test_a_circle_is_named(self, close: Close) -> None:
        with pytest.raises(DependencyCycle) as refused:
            await close.template(close.task("a", after=["b"]), close.task("b", after=["a"]))
        assert set(refused.value.facts["cycle"]) == {"a", "b"}  # type: ignore[call-overload]  # a list of keys

    async def test_are_written_over_the_version_that_was_seen(self, close: Close) -> None:
        await close.template(close.task("a"))
        await close.template(close.task("a"))
        await close.template(close.task("b"), expected=1)
        for expected in (0, 7):
            with pytest.raises(Stale):
                await close.template(close.task("c"), expected=expected)
        found = await close.cases.templates.get(close.world.eve, "month-end")
        assert (found.stored.template.version, [each.key for each in found.stored.template.tasks]) == (2, ["b"])
        assert await close.cases.templates.page(close.world.eve, "", 9) == [found]

    async def test_name_people_who_are_here(self, close: Close) -> None:
        with pytest.raises(Invalid) as refused:
            await close.template(close.task("a", owner=str(uuid4())))
        assert [each.path for each in refused.value.faults] == ["/tasks/0/owner"]
        with pytest.raises(PermissionMissing):
            await close.cases.templates.put(close.world.eve, "x", {"tasks": []}, expected=0, reason=WHY)

    @pytest.mark.req("FP51")
    async def test_nobody_reviews_their_own_work(self, close: Close) -> None:
        with pytest.raises(SodViolation):
            await close.template(close.task("a", reviewer=str(close.world.own.id)))


class TestTasks:
    async def test_are_done_in_their_order_by_their_people(self, close: Close, reconciled: list[Any]) -> None:
        world = close.world
        await close.template(*reconciled)
        await close.frozen(template="month-end")
        with pytest.raises(TaskBlocked):
            await close.act(world.own, Act.COMPLETE_TASK, task="sign")
        with pytest.raises(NotTheirTask):
            await close.act(world.fin, Act.COMPLETE_TASK, task="bank", **RECONCILED)
        with pytest.raises(Invalid):
            await close.act(world.own, Act.COMPLETE_TASK, task="bank")
        with pytest.raises(Missing):
            await close.act(world.own, Act.COMPLETE_TASK, task="nothing")
        await close.act(world.own, Act.COMPLETE_TASK, task="bank", **RECONCILED)
        assert await tasks(close) == {"bank": "submitted", "sign": "waiting"}
        with pytest.raises(SodViolation):
            await close.act(world.own, Act.SIGN_OFF, task="bank")
        await close.act(world.rev, Act.REJECT_TASK, task="bank", reason="which bank?")
        assert (await tasks(close))["bank"] == "rejected"
        await close.act(world.own, Act.COMPLETE_TASK, task="bank", **RECONCILED)
        stand = await close.act(world.rev, Act.SIGN_OFF, task="bank")
        assert await tasks(close) == {"bank": "done", "sign": "ready"}
        assert [each.key for each in stand.open_tasks] == ["sign"]
        assert {"own", "rev"} <= await world.told("closure_task")

    @pytest.mark.req("FP49")
    async def test_a_signature_rests_when_the_books_move(self, close: Close, reconciled: list[Any]) -> None:
        world = close.world
        await close.books()
        await close.template(*reconciled)
        await close.frozen(template="month-end")
        await close.act(world.own, Act.COMPLETE_TASK, task="bank", **RECONCILED)
        await close.act(world.rev, Act.SIGN_OFF, task="bank")
        await close.act(world.own, Act.COMPLETE_TASK, task="sign")
        await close.validate()
        asked = await close.cases.validating.ask(close.step())
        assert asked.asked is not None
        await close.books(entries=3)
        stand = await close.cases.tasks.suspend(close.step())
        assert (stand.state, stand.why, stand.asked) == (RunState.TASKS, "balance_changed", None)
        bank = next(each for each in (await close.view()).tasks if each.plan.key == "bank")
        assert bank.state is TaskState.SUSPENDED
        assert [each.suspended_at is not None for each in bank.signoffs] == [True, True]
        assert await _standing(close, asked.asked.approval) == "INVALIDATED"

    async def test_the_close_does_its_own(self, close: Close) -> None:
        await close.books(unposted=(Item("7", date(2025, 3, 31)),))
        await close.template(
            close.task("drafts", kind="check", check="unposted"),
            close.task("report", kind="milestone", after=["drafts"]),
        )
        stand = await close.frozen(template="month-end")
        assert [each.state for each in stand.tasks] == [TaskState.READY, TaskState.WAITING]
        await close.books()
        stand = await close.cases.tasks.suspend(close.step())
        assert (stand.state, stand.work_done) == (RunState.TASKS, True)

    async def test_of_people_wait_for_no_books(self, close: Close, monkeypatch: pytest.MonkeyPatch) -> None:
        await close.books()
        await close.template(close.task("count"), close.task("bank", kind="reconciliation", after=["count"]))
        await close.frozen(template="month-end")

        async def away(*_: object) -> None:
            raise Unavailable

        monkeypatch.setattr(MemoryModules, "control", away)
        stand = await close.act(close.world.own, Act.COMPLETE_TASK, task="count")
        assert [each.state for each in stand.tasks] == [TaskState.DONE, TaskState.READY]
        with pytest.raises(Unavailable):
            await close.act(close.world.own, Act.COMPLETE_TASK, task="bank", **RECONCILED)

    async def test_may_be_waived_by_another_and_given_more_time(self, close: Close) -> None:
        await close.template(close.task("count"))
        await close.frozen(template="month-end")
        with pytest.raises(SodViolation):
            await close.act(close.world.own, Act.WAIVE_TASK, task="count", reason="not needed")
        with pytest.raises(Invalid):
            await close.act(close.world.rev, Act.WAIVE_TASK, task="count")
        for wrong in ("soon", "2020-01-01T00:00:00Z", "2099-01-01T00:00:00"):
            with pytest.raises(Invalid):
                await close.act(close.world.fin, Act.EXTEND_DEADLINE, due_at=wrong, reason=WHY)
        stand = await close.act(close.world.fin, Act.EXTEND_DEADLINE, due_at="2099-01-01T00:00:00Z", reason=WHY)
        assert [each.due_at and each.due_at.year for each in stand.tasks] == [2099]
        stand = await close.act(close.world.rev, Act.WAIVE_TASK, task="count", reason="not needed")
        assert stand.work_done

    async def test_an_act_is_done_once_and_needs_its_proof(self, close: Close) -> None:
        await close.template(close.task("count"))
        await close.frozen(template="month-end")
        world, body = close.world, {"task": "count"}
        assertion = await world.acting.sign(world.own, Act.COMPLETE_TASK.value, close.run_id, body)
        step = close.step()
        act = ClosureAct(step.tenant, step.run, Act.COMPLETE_TASK, assertion, step.name, step.at)
        assert await close.cases.tasks.apply(act) == await close.cases.tasks.apply(act)
        assert [each.cause for each in (await close.view()).timeline].count("complete_task") == 1
        forged = await world.acting.sign(world.own, Act.ABORT.value, close.run_id, {})
        with pytest.raises(AssertionForged):
            await close.cases.tasks.apply(ClosureAct(step.tenant, step.run, Act.REVALIDATE, forged, "9:x", step.at))
        refused = await world.events("closure:act:refused")
        assert refused[-1].event["resource_type"] == "period_closure"

    async def test_an_act_is_not_taken_for_another_that_has_its_number(self, close: Close) -> None:
        """A process that was lost may have counted as far as the one after it."""
        await close.template(close.task("count"), close.task("bank"))
        await close.frozen(template="month-end")
        world, step = close.world, close.step("7:complete_task")
        for task in ("count", "bank"):
            assertion = await world.acting.sign(world.own, Act.COMPLETE_TASK.value, close.run_id, {"task": task})
            act = ClosureAct(step.tenant, step.run, Act.COMPLETE_TASK, assertion, step.name, step.at)
            assert await close.cases.tasks.apply(act) == await close.cases.tasks.apply(act)
        assert await tasks(close) == {"count": "done", "bank": "done"}
        names = [each.step for each in (await close.view()).timeline if each.cause == "complete_task"]
        assert names == ["7:complete_task", "8:complete_task"]


class TestEvidence:
    @pytest.mark.req("FP60")
    async def test_is_what_its_digest_says_and_is_kept(self, close: Close) -> None:
        world = close.world
        await close.template(close.task("bank", needs_evidence=True))
        await close.frozen(template="month-end")
        with pytest.raises(EvidenceMissing):
            await close.act(world.own, Act.COMPLETE_TASK, task="bank")
        kept = await close.cases.evidence.attach(world.own, close.run_id, "bank", SCAN)
        assert await close.cases.evidence.read(world.eve, kept.id) == (kept, SCAN.content)
        with pytest.raises(EvidenceAltered):
            await close.cases.evidence.verify(world.eve, kept.id, b"another")
        with pytest.raises(EvidenceRetained):
            await close.cases.evidence.remove(world.fin, kept.id, WHY)
        with pytest.raises(NotTheirTask):
            await close.cases.evidence.attach(world.fin, close.run_id, "bank", SCAN)
        await close.act(world.own, Act.COMPLETE_TASK, task="bank")
        assert (await close.view()).tasks[0].evidence == (kept.id,)

    @pytest.mark.req("FP53")
    async def test_serves_the_next_attempt_while_the_books_are_the_same(
        self, close: Close, reconciled: list[Any]
    ) -> None:
        await close.template(*reconciled)
        await close.books()
        await close.frozen(template="month-end")
        kept = await close.cases.evidence.attach(close.world.own, close.run_id, "bank", SCAN)
        await close.act(close.world.own, Act.COMPLETE_TASK, task="bank", **RECONCILED)
        await close.act(close.world.fin, Act.ABORT, reason=WHY)
        await close.frozen(template="month-end")
        assert (await close.view()).tasks[0].evidence == (kept.id,)
        await close.act(close.world.fin, Act.ABORT, reason=WHY)
        await close.books(entries=9)
        await close.frozen(template="month-end")
        assert (await close.view()).tasks[0].evidence == ()


class TestChecks:
    @pytest.mark.req("FP47", "FP60")
    async def test_a_draft_is_in_the_way_until_it_is_posted_or_waived(self, close: Close) -> None:
        world = close.world
        await close.books(unposted=(Item("7", date(2025, 3, 31)),))
        await close.frozen()
        stand = await close.validate()
        assert (stand.state, stand.blockers) == (RunState.REMEDIATING, ("unposted",))
        assert set((await close.stands()).values()) == {"open/adjust_only@2"}
        for who, refusal, body in (
            (world.fin, SodViolation, {"check": "unposted", "reason": WHY}),
            (world.rev, Invalid, {"check": "unposted"}),
            (world.rev, Missing, {"check": "nothing", "reason": WHY}),
        ):
            with pytest.raises(refusal):
                await close.act(who, Act.WAIVE_CHECK, **body)
        stand = await close.act(world.rev, Act.WAIVE_CHECK, check="unposted", reason="known")
        assert stand.blockers == ()
        stand = await close.validate()
        assert (stand.state, stand.why) == (RunState.VALIDATING, "checks_hold")

    async def test_a_waiver_is_for_what_was_found(self, close: Close) -> None:
        await close.books(unposted=(Item("7", date(2025, 3, 31)),))
        await close.frozen()
        await close.validate()
        await close.act(close.world.rev, Act.WAIVE_CHECK, check="unposted", reason="known")
        await close.books(unposted=(Item("8", date(2025, 3, 31)),))
        assert (await close.validate()).state is RunState.REMEDIATING

    @pytest.mark.req("FP48")
    async def test_a_ledger_out_of_balance_is_never_waived(self, close: Close) -> None:
        await close.books("ledger", "GL", debit="100.01")
        await close.frozen()
        assert (await close.validate()).blockers == ("trial-balance",)
        with pytest.raises(NotWaivable):
            await close.act(close.world.rev, Act.WAIVE_CHECK, check="trial-balance", reason="never mind")
        await close.books("ledger", "GL")
        assert (await close.validate()).state is RunState.VALIDATING


class TestAborting:
    @pytest.mark.req("FP58")
    async def test_puts_everything_back_until_it_is_closed(self, close: Close) -> None:
        await close.template(close.task("count"))
        await close.frozen(template="month-end")
        with pytest.raises(Invalid):
            await close.act(close.world.fin, Act.ABORT)
        stand = await close.act(close.world.fin, Act.ABORT, reason="another day")
        assert (stand.state, [each.state for each in stand.tasks]) == (RunState.ABORTED, [TaskState.CANCELLED])
        assert set((await close.stands()).values()) == {"open/all@3"}
        with pytest.raises(RunOver):
            await close.act(close.world.fin, Act.ABORT, reason="again")
        await close.closed()
        with pytest.raises(RunOver):
            await close.act(close.world.fin, Act.ABORT, reason="too late")

    async def test_what_is_voted_on_does_not_change(self, close: Close) -> None:
        await close.template(close.task("count"))
        await close.frozen(template="month-end")
        await close.act(close.world.own, Act.COMPLETE_TASK, task="count")
        await close.validate()
        await close.cases.validating.ask(close.step())
        with pytest.raises(WrongRunState):
            await close.act(close.world.rev, Act.WAIVE_TASK, task="count", reason=WHY)


async def _standing(close: Close, approval: Any) -> str:
    async with close.transaction() as tx:
        return str((await tx.approvals.get(approval)).standing.value)
