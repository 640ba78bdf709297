"""Whatever is done in whatever order: what is closed was approved as it stood, and what is not is as it was."""

import asyncio
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory.store import MemoryStore
from domain.approvals import Answer
from domain.closures import COMMITTED, UNDONE, Act, RunState
from domain.errors import Refusal
from tests.closes import WHY, Close
from tests.world import Clock, world_in

DEEDS = [
    "precheck", "freeze", "frozen", "complete", "sign_off", "suspend", "validate", "ask", "yes", "no", "close",
    "notify", "post", "abort", "reject", "again",
]  # fmt: skip
STRAIGHT = ["precheck", "freeze", "frozen", "complete", "sign_off", "validate", "ask", "yes", "yes", "close", "notify"]
courses = st.lists(st.sampled_from(DEEDS), max_size=8).flatmap(
    lambda some: st.lists(st.integers(0, len(STRAIGHT)), min_size=len(some), max_size=len(some)).map(
        lambda places: _woven(some, places)
    )
)
"""The straight way, with anything in between."""


def _woven(some: list[str], places: list[int]) -> list[str]:
    course = list(STRAIGHT)
    for deed, place in zip(some, places, strict=True):
        course.insert(place, deed)
    return course


class Course:
    """One close; `entries` is what the books hold."""

    def __init__(self, close: Close) -> None:
        self.close, self.entries, self.last = close, 1, ""

    async def begin(self) -> None:
        bank = self.close.task("bank", kind="reconciliation", reviewer=str(self.close.world.rev.id))
        await self.close.template(bank)
        await self.close.books(entries=1)
        await self.close.ask(template="month-end")

    async def do(self, deed: str) -> None:
        """What is refused changes nothing."""
        deed = self.last if deed == "again" else deed
        self.last = deed
        with suppress(Refusal):
            await self._do(deed)

    async def _do(self, deed: str) -> None:
        close, cases, world = self.close, self.close.cases, self.close.world
        balances = {"statement_balance": "1", "book_balance": "1"}
        steps: dict[str, Any] = {
            "precheck": cases.prechecking.precheck, "freeze": cases.freezing.freeze, "frozen": cases.freezing.frozen,
            "suspend": cases.tasks.suspend, "validate": cases.validating.validate, "ask": cases.validating.ask,
            "close": cases.closing.close, "notify": cases.closing.notify,
        }  # fmt: skip
        if deed in steps:
            await steps[deed](close.step())
        elif deed == "complete":
            await close.act(world.own, Act.COMPLETE_TASK, task="bank", **balances)
        elif deed == "sign_off":
            await close.act(world.rev, Act.SIGN_OFF, task="bank")
        elif deed in {"yes", "no"}:
            await self._vote(Answer.APPROVE if deed == "yes" else Answer.REJECT)
        elif deed == "post" and not await self.committed():
            self.entries += 1
            await close.books(entries=self.entries)
        elif deed == "abort":
            await close.act(world.fin, Act.ABORT, reason=WHY)
        elif deed == "reject":
            await cases.compensating.end(close.step(), RunState.REJECTED, "rejected")

    async def _vote(self, answer: Answer) -> None:
        stand = await self.close.cases.looking.stand(self.close.step())
        for handle in ("bob", "cyd") if stand.asked else ():
            with suppress(Refusal):
                await self.close.vote(stand, answer, handle)
                break

    async def committed(self) -> bool:
        return await self.close.state() in COMMITTED

    async def check(self) -> None:
        run, gates = (await self.close.view()).run, await self.close.stands()
        standing = {each.partition("@")[0] for each in gates.values()}
        assert (run.certificate is not None) == (run.state in COMMITTED) == (standing == {"closed/none"})
        if run.state in UNDONE:
            assert standing == {"open/all"}
        if run.certificate is not None:
            assert [each.entries for each in run.certificate.controls] == [self.entries]
            assert len({each.digest for each in run.certificate.approvals}) == 1
            async with self.close.transaction() as tx:
                change = await tx.changes.get(run.approval)
            assert change.target.content["controls"]["payables"]["entries"] == self.entries
            assert change.digest == run.certificate.approvals[0].digest
            (bank,) = (await self.close.view()).tasks
            assert {each.role.value for each in bank.live} == {"preparer", "reviewer"}


async def _followed(course: list[str]) -> RunState:
    close = Course(await Close(await world_in(MemoryStore(clock := Clock()), clock)).settle())
    await close.begin()
    for deed in course:
        await close.do(deed)
        await close.check()
    return await close.close.state()


class TestCloses:
    @settings(max_examples=60, deadline=None)
    @given(courses)
    def test_close_what_was_approved_or_nothing(self, course: list[str]) -> None:
        asyncio.run(_followed(course))

    def test_end_when_nothing_is_in_their_way(self) -> None:
        assert asyncio.run(_followed(STRAIGHT)) is RunState.CLOSED
