"""A close from its beginning to its certificate, and the ways in which it does not come about."""

from decimal import Decimal

import pytest

from application.closures.closing import NotApproved
from application.ports.modules import YearClosed
from domain.approvals import Answer, SelfApproval
from domain.changes import Kind
from domain.closures import Act, Mode, RunState, check_chain
from domain.errors import Missing
from domain.events import EventType
from domain.people import Role
from domain.periods import PeriodClosed
from tests.closes import ENTITY, MARCH, Close


async def told(close: Close) -> list[EventType]:
    async with close.transaction() as tx:
        return [each.type for each in await tx.events.number(10_000)]


class TestClosing:
    async def test_goes_step_by_step_and_leaves_a_proof(self, close: Close) -> None:
        await close.books()
        await close.books("ledger", "GL", entries=5)
        stand = await close.closed()
        assert stand.over
        assert await close.timeline() == [
            "INITIATED: asked", "PRECHECK: looked_at", "FREEZING: gates_frozen", "TASKS: frozen",
            "VALIDATING: validating", "VALIDATING: checks_hold", "AWAITING_APPROVAL: approval_asked",
            "CLOSING: approved", "NOTIFYING: gates_closed", "CLOSED: told",
        ]  # fmt: skip
        assert await close.stands() == {"AP": "closed/none@3", "GL": "closed/none@3"}
        found = await close.cases.looking.certificate(close.world.eve, close.run_id)
        assert (found.number, found.epochs, found.previous, found.delta) == (1, {"AP": 3, "GL": 3}, None, None)
        assert {each.module: each.entries for each in found.controls} == {"payables": 2, "ledger": 5}
        assert [(each.level, each.who) for each in found.approvals] == [
            (1, close.world.bob.id), (2, close.world.cyd.id),
        ]  # fmt: skip
        assert await close.world.told("closure_ended") == {"fin", None}

    @pytest.mark.req("FP56")
    async def test_twice_is_once(self, close: Close) -> None:
        await close.approved()
        step = close.step()
        first = await close.cases.closing.close(step)
        assert await close.cases.closing.close(step) == first
        assert await close.cases.closing.close(close.step()) == first
        await close.cases.closing.notify(close.step())
        await close.cases.closing.notify(close.step())
        assert (await told(close)).count(EventType.FISCAL_PERIOD_CLOSED) == 2  # a gate each
        chain = await close.cases.looking.certificates(close.world.eve, ENTITY, MARCH)
        assert len(chain) == 1
        assert len(await close.world.events("closure:certificate:issued")) == 1

    @pytest.mark.req("FP57")
    async def test_what_moved_since_it_was_approved_is_not_closed(self, close: Close) -> None:
        await close.books()
        stand = await close.approved()
        assert stand.asked is not None
        await close.books(entries=3)
        stand = await close.cases.closing.close(close.step())
        assert (stand.state, stand.why) == (RunState.VALIDATING, "snapshot_moved")
        assert await close.world.told("votes_invalidated") == {"fin", "bob", "cyd", None}
        assert set((await close.stands()).values()) == {"open/adjust_only@2"}
        assert EventType.FISCAL_PERIOD_CLOSED not in await told(close)
        await close.validate()
        again = await close.cases.validating.ask(close.step())
        assert again.asked is not None
        await close.vote(again)
        assert (await close.cases.closing.close(close.step())).state is RunState.NOTIFYING

    async def test_is_not_done_before_everybody_said_yes(self, close: Close) -> None:
        stand = await close.asked()
        with pytest.raises(NotApproved):
            await close.cases.closing.close(close.step())
        await close.vote(stand, Answer.APPROVE, "bob")
        with pytest.raises(NotApproved):
            await close.cases.closing.close(close.step())

    async def test_nobody_is_asked_about_what_was_not_validated(self, close: Close) -> None:
        await close.books()
        await close.frozen()
        await close.validate()
        await close.books(entries=3)
        stand = await close.cases.validating.ask(close.step())
        assert (stand.state, stand.asked) == (RunState.VALIDATING, None)

    async def test_softly_it_leaves_room_for_adjustments(self, close: Close) -> None:
        await close.closed(mode=Mode.SOFT)
        assert set((await close.stands()).values()) == {"open/adjust_only@2"}
        found = await close.cases.looking.certificate(close.world.eve, close.run_id)
        assert (found.mode, found.epochs) == (Mode.SOFT, {"AP": 2, "GL": 2})

    async def test_certificates_are_a_chain(self, close: Close) -> None:
        await close.books()
        await close.closed(mode=Mode.SOFT)
        soft = close.run_id
        await close.books(entries=4)
        await close.closed()
        chain = await close.cases.looking.certificates(close.world.eve, ENTITY, MARCH)
        check_chain(chain)
        assert [each.number for each in chain] == [1, 2]
        assert chain[1].delta[0]["entries"] == 2
        assert (await close.view()).run.supersedes == soft

    @pytest.mark.req("FP61")
    async def test_a_year_posts_its_closing_entries_first(self, close: Close) -> None:
        months = [f"2025-{number:02}" for number in range(4, 13)]
        await close.open(*months)
        await close.gates("closed", MARCH, *months[:-1])
        place = (ENTITY, (await close.place("2025-12")).id)
        await close.books("ledger", "GL")
        async with close.transaction() as tx:
            row = tx.modules._rows["ledger"]
            earned = YearClosed(("c-1",), {"EUR": Decimal("12.50")})
            row.closings[place] = earned
        await close.closed(period="2025-12", mode=Mode.YEAR_END)
        found = await close.cases.looking.certificate(close.world.eve, close.run_id)
        assert found.retained_earnings == {"EUR": "12.5"}
        async with close.transaction() as tx:
            assert place in tx.modules._rows["ledger"].closed


class TestApproval:
    @pytest.mark.req("FP51")
    async def test_nobody_approves_what_they_asked_for_or_did(self, close: Close) -> None:
        world = close.world
        for handle in ("bob", "cyd"):
            async with close.transaction() as tx:
                roles = frozenset({Role.FINANCE_CONTROLLER, Role.APPROVER})
                await tx.people.set_roles(world.people[handle].id, roles)
                world.people[handle] = await tx.people.actor(world.people[handle].id)
        await close.template(close.task("count", owner=str(world.cyd.id)))
        await close.frozen(actor=world.bob, template="month-end")
        await close.act(world.cyd, Act.COMPLETE_TASK, task="count")
        await close.validate()
        stand = await close.cases.validating.ask(close.step())
        for handle in ("bob", "cyd"):
            with pytest.raises(SelfApproval):
                await close.vote(stand, Answer.APPROVE, handle)
        await close.vote(stand, Answer.APPROVE, "dee")

    async def test_shows_what_is_to_be_certified(self, close: Close) -> None:
        await close.books()
        stand = await close.asked()
        assert stand.asked is not None
        brief = await close.world.approvals.brief(close.world.bob, stand.asked.approval)
        assert brief.title == f"period-close {ENTITY}/{MARCH}"
        assert "opened again" in brief.way_back
        assert brief.lines > 0
        with pytest.raises(Missing):
            await close.world.submission.submit(close.world.ada, stand.asked.approval)
        view = await close.world.approvals.get(close.world.bob, stand.asked.approval)
        assert view.change.target.kind is Kind.PERIOD_CLOSE


class TestCompensation:
    @pytest.mark.req("FP53")
    @pytest.mark.parametrize("state", [RunState.REJECTED, RunState.TIMED_OUT, RunState.FAILED_OPERATOR])
    async def test_puts_gates_back_at_a_new_epoch(self, close: Close, state: RunState) -> None:
        await close.gates("soft_closed", MARCH, scopes=("AP",))
        stand = await close.asked()
        if state is RunState.REJECTED:
            await close.vote(stand, Answer.REJECT, "bob")
        ended = await close.cases.compensating.end(close.step(), state, "rejected")
        assert ended.state is state
        assert await close.stands() == {"AP": "open/adjust_only@2", "GL": "open/all@3"}
        assert EventType.FISCAL_PERIOD_CLOSE_ABORTED in await told(close)
        again = await close.cases.compensating.end(close.step(), RunState.ABORTED, "aborted")
        assert again == ended
        assert (await close.ask()).attempt == 2

    async def test_what_is_closed_stays_closed(self, close: Close) -> None:
        await close.approved()
        await close.cases.closing.close(close.step())
        stand = await close.cases.compensating.end(close.step(), RunState.FAILED_OPERATOR, "step_failed")
        assert stand.state is RunState.NOTIFYING
        assert set((await close.stands()).values()) == {"closed/none@3"}

    async def test_a_freeze_needs_open_gates(self, close: Close) -> None:
        await close.ask()
        await close.cases.prechecking.precheck(close.step())
        await close.gates("closed", MARCH)
        with pytest.raises(PeriodClosed):
            await close.cases.freezing.freeze(close.step())

    async def test_what_a_person_froze_stays_frozen(self, close: Close) -> None:
        await close.gates("frozen", MARCH, scopes=("GL",))
        await close.frozen()
        assert await close.stands() == {"AP": "open/adjust_only@2", "GL": "open/none@2"}
