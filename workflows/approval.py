"""Wait for people, level by level, at most as long as the policy says, and end as the database says it ended."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.approvals import ApprovalActivities, OfApproval
    from application.balloting import Cast, Counted
    from domain.approvals import Answer, ApprovalClosed, ApprovalPolicy, Standing, Tally, Timetable
    from workflows import search
    from workflows.presets import LASTING, RECORD, REMIND
    from workflows.refusals import clean, proof_in, said, typed

CLOSED = "closed"
"""The signal that says that the database may have ended the request: look."""


@dataclass(frozen=True)
class ApprovalRequest:
    """`opened_at` is None the first time; a request that is opened again keeps its first deadline."""

    tenant: UUID
    approval: UUID
    digest: str
    authors: tuple[UUID, ...]
    policy: ApprovalPolicy
    title: str
    opened_at: datetime | None = None


@dataclass(frozen=True)
class VoteProof:
    """The signed assertion decides; `voter` and `digest` only let a hopeless vote be refused before it is tried."""

    assertion: str
    voter: UUID | None = None
    digest: str | None = None


@dataclass(frozen=True)
class ApprovalResult:
    standing: Standing


@workflow.defn(name="ApprovalWorkflow")
class ApprovalWorkflow:
    @workflow.init
    def __init__(self, request: ApprovalRequest) -> None:
        self._request = request
        self._tally = Tally(request.digest, request.authors, request.policy.levels)
        self._standing = Standing.PENDING
        self._level_opened_at = workflow.now()
        self._one_at_a_time = asyncio.Lock()

    @workflow.run
    async def run(self, request: ApprovalRequest) -> ApprovalResult:
        opened_at = request.opened_at or workflow.now()
        await self._look()
        try:
            while self._standing is Standing.PENDING:
                await self._wait(self._times(opened_at))
        except asyncio.CancelledError:
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        return ApprovalResult(self._standing)

    def _times(self, opened_at: datetime) -> Timetable:
        level = None if self._tally.level in self._tally.escalated else self._tally.level
        policy, opened = self._request.policy, self._level_opened_at
        return Timetable.of(policy, requested_at=opened_at, level_opened_at=opened, level=level)

    async def _wait(self, times: Timetable) -> None:
        """Until the level or the standing changes, a reminder is due, others are to be asked, or time is up."""
        level = self._tally.level
        now = workflow.now()
        try:
            await workflow.wait_condition(
                lambda: self._standing is not Standing.PENDING or self._tally.level != level,
                timeout=times.wait(now),
                timeout_summary=f"level {level + 1} until {times.next_after(now).isoformat(timespec='minutes')}",
            )
        except TimeoutError:
            if workflow.now() >= times.deadline:
                await self._expire()
            elif times.escalates is not None and workflow.now() >= times.escalates:
                await self._escalate(level)
            else:
                await self._remind()

    async def _expire(self) -> None:
        async with self._one_at_a_time:
            if self._standing is Standing.PENDING:
                expire = ApprovalActivities.expire
                self._adopt(
                    await workflow.execute_activity_method(expire, self._here(), summary="time is up", **LASTING)
                )

    async def _escalate(self, level: int) -> None:
        async with self._one_at_a_time:
            if self._standing is Standing.PENDING and self._tally.level == level:
                wish, escalate = replace(self._here(), level=level), ApprovalActivities.escalate
                self._adopt(await workflow.execute_activity_method(escalate, wish, summary="ask others", **LASTING))

    async def _remind(self) -> None:
        wish = replace(self._here(), occasion=workflow.now().isoformat())
        try:
            await workflow.execute_activity_method(ApprovalActivities.remind, wish, summary="remind", **REMIND)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning("a reminder could not be written")
        await self._look()

    @workflow.update(name="approve")
    async def approve(self, proof: VoteProof) -> Counted:
        return await self._cast(Answer.APPROVE, proof, "update")

    @approve.validator
    def check_approve(self, proof: VoteProof) -> None:
        self._check(Answer.APPROVE, proof)

    @workflow.update(name="reject")
    async def reject(self, proof: VoteProof) -> Counted:
        return await self._cast(Answer.REJECT, proof, "update")

    @reject.validator
    def check_reject(self, proof: VoteProof) -> None:
        self._check(Answer.REJECT, proof)

    @workflow.update(name="withdraw_vote")
    async def withdraw_vote(self, proof: VoteProof) -> Counted:
        async with self._one_at_a_time:
            wish = replace(self._here(), assertion=clean(proof.assertion))
            with said():
                take_back = ApprovalActivities.withdraw_vote
                return self._adopt(await workflow.execute_activity_method(take_back, wish, **RECORD))

    @workflow.signal(dynamic=True)
    async def heard(self, name: str, given: Sequence[RawValue]) -> None:
        """A signal may have any name and hold anything; what it proves decides, and it has no answer.

        The refusal of a signalled vote stands in the audit trail and in this history.
        """
        if name == CLOSED:
            return await self._look()
        if name not in set(Answer):
            return workflow.logger.warning("an unknown signal was ignored")
        try:
            await self._cast(Answer(name), VoteProof(proof_in(given)), "signal")
        except ApplicationError as refusal:
            workflow.logger.warning("a signalled vote was refused", extra={"refusal": refusal.type})

    @withdraw_vote.validator
    def check_withdraw_vote(self, proof: VoteProof) -> None:  # noqa: ARG002 -- a validator has its update's arguments
        with typed():
            if self._standing is not Standing.PENDING:
                raise ApprovalClosed(standing=self._standing.value)

    @workflow.query(name="status")
    def status(self) -> Counted:
        return Counted(self._standing, self._tally.ballots, self._tally.level, self._tally.escalated)

    def _check(self, answer: Answer, proof: VoteProof) -> None:
        if proof.voter is None or proof.digest is None or self._tally.repeats(proof.voter, answer, proof.digest):
            return
        with typed():
            if self._standing is not Standing.PENDING:
                raise ApprovalClosed(standing=self._standing.value)
            self._tally.check(proof.voter, proof.digest)

    async def _look(self) -> None:
        """What the database holds; it may have ended the request on its own."""
        async with self._one_at_a_time:
            self._adopt(await workflow.execute_activity_method(ApprovalActivities.state, self._here(), **LASTING))

    async def _cast(self, answer: Answer, proof: VoteProof, via: str) -> Counted:
        vote = Cast(self._request.tenant, self._request.approval, answer, clean(proof.assertion), via)
        async with self._one_at_a_time:
            cast = ApprovalActivities.cast
            with said():
                counted = await workflow.execute_activity_method(cast, vote, summary=f"count: {answer.value}", **RECORD)
            return self._adopt(counted)

    def _adopt(self, counted: Counted) -> Counted:
        """The database has counted; this workflow only follows."""
        if counted.level != self._tally.level:
            self._level_opened_at = workflow.now()
        self._standing = counted.standing
        self._tally = replace(self._tally, ballots=counted.ballots, escalated=counted.escalated)
        levels = f"{counted.level} of {len(self._request.policy.levels)} levels complete"
        words = f"**{self._request.title}**: {self._standing.value}, {levels}"
        search.show(self._standing.value, None, words)
        return counted

    def _here(self) -> OfApproval:
        return OfApproval(self._request.tenant, self._request.approval, workflow.now())
