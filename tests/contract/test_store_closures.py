"""Attempts at closing periods, their tasks, and what was found and certified."""

from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest

from application.ports.closures import RunLine
from domain.closures import (
    Certificate,
    ChainBroken,
    CheckResult,
    ClosureRun,
    ClosureTask,
    Control,
    NotWaivable,
    RunOver,
    RunState,
    Seen,
    Severity,
    SodViolation,
    TaskState,
    Total,
)
from domain.errors import AlreadyExists
from tests.contract.closing import LATER, MARCH, added, attempt, periods, plan
from tests.contract.homes import LONG_AGO, Home


def certificate(run: ClosureRun, number: int = 1, previous: str | None = None) -> Certificate:
    control = Control("ledger", "GL", 3, "9", (Total("EUR", Decimal("10.10"), Decimal("10.10")),), "abc")
    check = CheckResult("unposted", Severity.ERROR, ok=True, measured={})
    return Certificate(
        number, run.id, run.entity, run.period_code, run.scopes, run.mode, LATER, {"AP": 2, "GL": 5}, (control,),
        (check,), previous=previous,
    )  # fmt: skip


class TestRuns:
    async def test_are_kept_as_they_were_asked_for(self, home: Home) -> None:
        run = await added(home)
        async with home.transaction() as tx:
            assert await tx.closures.get(run.id, lock=True) == run
            assert await tx.closures.get(uuid4()) is None
            assert await tx.closures.last("de", run.period) == run
            assert await tx.closures.last("at", run.period) is None

    @pytest.mark.req("FP45")
    async def test_one_of_a_period_goes_on_at_a_time(self, home: Home) -> None:
        run = await added(home)
        for again in (attempt(home, run.period, attempt=2), attempt(home, run.period)):
            with pytest.raises(AlreadyExists):
                async with home.transaction() as tx:
                    await tx.closures.add(again)
        async with home.transaction() as tx:
            await tx.closures.save(replace(run, state=RunState.ABORTED))
            await tx.closures.add(attempt(home, run.period, attempt=2))
            last = await tx.closures.last("de", run.period)
            assert (last.attempt, await tx.closures.running()) == (2, [last])

    async def test_go_on_and_stay_as_they_ended(self, home: Home) -> None:
        run = await added(home)
        going = replace(run, state=RunState.FREEZING, prior=(), snapshot="sha256:1", due_at=None)
        async with home.transaction() as tx:
            await tx.closures.save(going)
            assert await tx.closures.get(run.id) == going
            await tx.closures.save(replace(going, state=RunState.REJECTED))
        with pytest.raises(RunOver):
            async with home.transaction() as tx:
                await tx.closures.save(going)

    async def test_are_listed_newest_first(self, home: Home) -> None:
        march, april = (await periods(home))[MARCH : MARCH + 2]
        old, new = attempt(home, march), attempt(home, april, period_code="2025-04", opened_at=LATER)
        async with home.transaction() as tx:
            await tx.closures.add(old)
            await tx.closures.add(new)
            assert await tx.closures.page(None, None, 9) == [new, old]
            assert await tx.closures.page("de", (new.opened_at, new.id), 9) == [old]
            assert await tx.closures.page("de", None, 1) == [new]
            assert await tx.closures.page("at", None, 9) == []

    async def test_wait_until_they_were_started(self, home: Home) -> None:
        run = await added(home)
        assert run.id in {each.id for each in await home.store.waiting()}
        async with home.transaction() as tx:
            await tx.closures.mark_started(run.id)
        assert run.id not in {each.id for each in await home.store.waiting()}


class TestTimelines:
    async def test_have_each_step_once(self, home: Home) -> None:
        run = await added(home)
        first = RunLine(run.id, 1, "asked", None, RunState.INITIATED, "asked", LONG_AGO, home.ada.id, "month end")
        second = RunLine(run.id, 2, "2:look", RunState.INITIATED, RunState.PRECHECK, "looked_at", LATER)
        async with home.transaction() as tx:
            await tx.closures.append(first)
            await tx.closures.append(second)
            assert await tx.closures.timeline(run.id) == [first, second]
            assert await tx.closures.step(run.id, "2:look") == second
            assert await tx.closures.step(run.id, "3:none") is None
        for taken in (replace(second, step="other"), replace(second, seq=3)):
            with pytest.raises(AlreadyExists):
                async with home.transaction() as tx:
                    await tx.closures.append(taken)


class TestTasks:
    async def test_are_kept_with_everything_that_was_signed(self, home: Home) -> None:
        run = await added(home)
        bank = ClosureTask(uuid4(), run.id, plan(home, "bank", check=None), TaskState.READY, LATER, ready_at=LONG_AGO)
        sign = ClosureTask(uuid4(), run.id, plan(home, "sign", reviewer=None, after=("bank",)))
        seen = Seen("sha256:1", Decimal("100.10"), Decimal("100.10"))
        async with home.transaction() as tx:
            await tx.closures.put_tasks([bank, sign])
            assert await tx.closures.tasks(run.id) == [bank, sign]
        done = bank.complete(home.ada.id, LATER, seen)
        async with home.transaction() as tx:
            await tx.closures.put_tasks([done])
            assert await tx.closures.tasks(run.id) == [done, sign]
            assert [await tx.closures.task(run.id, key) for key in ("bank", "sign", "x")] == [done, sign, None]
        rested = done.approve(home.bob.id, LATER, seen).suspend("sha256:2", LATER)
        again = replace(rested.complete(home.ada.id, LATER, seen), evidence=(uuid4(),), due_at=None)
        waived = sign.waive(home.bob.id, LATER, "not needed", home.ada.id)
        async with home.transaction() as tx:
            await tx.closures.put_tasks([waived, again])
            found = await tx.closures.tasks(run.id)
        assert found == [again, waived]
        assert [each.live for each in found[0].signoffs] == [False, False, True]

    async def test_those_that_changed_since_are_told(self, home: Home) -> None:
        run, seen = await added(home), Seen("sha256:1", Decimal(1), Decimal(1))
        bank = ClosureTask(uuid4(), run.id, plan(home, "bank"), TaskState.READY)
        sign = ClosureTask(uuid4(), run.id, plan(home, "sign", after=("bank",)))
        async with home.transaction() as tx:
            assert await tx.closures.changed(run.id, 0) == ([], 0)
            await tx.closures.put_tasks([bank, sign])
            found, first = await tx.closures.changed(run.id, 0)
            assert found == [bank, sign]
            assert await tx.closures.changed(run.id, first) == ([], first)
        done = bank.complete(home.ada.id, LATER, seen)
        async with home.transaction() as tx:
            await tx.closures.put_tasks([done])
            assert await tx.closures.changed(run.id, first) == ([done], first + 1)
            await tx.closures.put_tasks([sign])
            assert await tx.closures.changed(run.id, first) == ([done, sign], first + 2)
            assert await tx.closures.changed(run.id, first + 1) == ([sign], first + 2)


class TestResults:
    async def test_of_the_newest_round_are_told(self, home: Home) -> None:
        run = await added(home)
        first = CheckResult("unposted", Severity.ERROR, ok=False, measured={"ledger": {"count": 1}})
        other = CheckResult("chronology", Severity.CRITICAL, ok=True, measured={})
        async with home.transaction() as tx:
            assert await tx.closures.results(run.id) == []
            await tx.closures.put_results(run.id, [first])
            await tx.closures.put_results(run.id, [first, other])
            assert await tx.closures.results(run.id) == [other, first]
            waived = first.waived(home.bob.id, "known", ())
            await tx.closures.decide(run.id, waived)
            assert await tx.closures.results(run.id) == [other, waived]

    async def test_are_waived_by_others_and_never_where_they_are_critical(self, home: Home) -> None:
        run = await added(home)
        critical = CheckResult("trial-balance", Severity.CRITICAL, ok=False, measured={})
        error = CheckResult("unposted", Severity.ERROR, ok=False, measured={})
        async with home.transaction() as tx:
            await tx.closures.put_results(run.id, [critical, error])
        for refusal, by, result in ((NotWaivable, home.bob, critical), (SodViolation, home.ada, error)):
            with pytest.raises(refusal):
                async with home.transaction() as tx:
                    await tx.closures.decide(run.id, replace(result, waived_by=by.id, waiver_reason="known"))


class TestCertificates:
    async def test_are_a_chain(self, home: Home) -> None:
        run = await added(home)
        first = certificate(run)
        async with home.transaction() as tx:
            await tx.closures.certify(run, first)
            assert (await tx.closures.get(run.id)).certificate == first
            assert (await tx.closures.page(None, None, 9))[0].certificate == first
            await tx.closures.save(replace(run, state=RunState.NOTIFYING, closed_at=LATER))
            await tx.closures.save(replace(run, state=RunState.CLOSED, closed_at=LATER))
            await tx.closures.add(attempt(home, run.period, attempt=2, supersedes=run.id))
            second = await tx.closures.last("de", run.period)
        for broken in (
            certificate(second, 2, "sha256:0"),
            certificate(second, 3, first.digest),
            certificate(second, 2),
        ):
            with pytest.raises(ChainBroken):
                async with home.transaction() as tx:
                    await tx.closures.certify(second, broken)
        async with home.transaction() as tx:
            await tx.closures.certify(second, certificate(second, 2, first.digest))
            assert await tx.closures.certificates("de", run.period) == [first, certificate(second, 2, first.digest)]
            assert await tx.closures.certificates("at", run.period) == []

    async def test_a_run_has_one(self, home: Home) -> None:
        run = await added(home)
        async with home.transaction() as tx:
            await tx.closures.certify(run, certificate(run))
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.closures.certify(run, certificate(run, 2, certificate(run).digest))
