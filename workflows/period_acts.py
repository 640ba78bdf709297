"""What a person may do in the close of a period: each act is an Update, and a Signal of the same name."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.closures.states import Act, RunState
    from workflows.period_messages import (
        BALANCE_CHANGED,
        FENCE_ACKNOWLEDGED,
        RECONCILIATION_SIGNED_OFF,
        ClosureProof,
    )
    from workflows.refusals import clean, count_in, proof_in

SAID = {act.value: act for act in Act if act is not Act.ATTACH_EVIDENCE}
"""What a signal may ask; evidence is bytes, and none of them come here."""


class Attended(ABC):
    """The handlers; what they do is the close's own."""

    @abstractmethod
    async def act(self, act: Act, assertion: str) -> RunState: ...

    @abstractmethod
    async def balance_changed(self) -> None: ...

    @abstractmethod
    async def reconciled(self) -> None: ...

    @abstractmethod
    async def acknowledged(self, missing: int) -> None: ...

    @abstractmethod
    def check(self, act: Act, proof: ClosureProof) -> None: ...

    @workflow.update(name="complete_task")
    async def complete_task(self, proof: ClosureProof) -> RunState:
        return await self.act(Act.COMPLETE_TASK, clean(proof.assertion))

    @complete_task.validator
    def check_complete_task(self, proof: ClosureProof) -> None:
        self.check(Act.COMPLETE_TASK, proof)

    @workflow.update(name="sign_off")
    async def sign_off(self, proof: ClosureProof) -> RunState:
        return await self.act(Act.SIGN_OFF, clean(proof.assertion))

    @sign_off.validator
    def check_sign_off(self, proof: ClosureProof) -> None:
        self.check(Act.SIGN_OFF, proof)

    @workflow.update(name="reject_task")
    async def reject_task(self, proof: ClosureProof) -> RunState:
        return await self.act(Act.REJECT_TASK, clean(proof.assertion))

    @reject_task.validator
    def check_reject_task(self, proof: ClosureProof) -> None:
        self.check(Act.REJECT_TASK, proof)

    @workflow.update(name="waive_task")
    async def waive_task(self, proof: ClosureProof) -> RunState:
        return await self.act(Act.WAIVE_TASK, clean(proof.assertion))

    @waive_task.validator
    def check_waive_task(self, proof: ClosureProof) -> None:
        self.check(Act.WAIVE_TASK, proof)

    @workflow.update(name="waive_check")
    async def waive_check(self, proof: ClosureProof) -> RunState:
        return await self.act(Act.WAIVE_CHECK, clean(proof.assertion))

    @waive_check.validator
    def check_waive_check(self, proof: ClosureProof) -> None:
        self.check(Act.WAIVE_CHECK, proof)

    @workflow.update(name="acknowledge_check")
    async def acknowledge_check(self, proof: ClosureProof) -> RunState:
        return await self.act(Act.ACKNOWLEDGE_CHECK, clean(proof.assertion))

    @acknowledge_check.validator
    def check_acknowledge_check(self, proof: ClosureProof) -> None:
        self.check(Act.ACKNOWLEDGE_CHECK, proof)

    @workflow.update(name="revalidate")
    async def revalidate(self, proof: ClosureProof) -> RunState:
        return await self.act(Act.REVALIDATE, clean(proof.assertion))

    @revalidate.validator
    def check_revalidate(self, proof: ClosureProof) -> None:
        self.check(Act.REVALIDATE, proof)

    @workflow.update(name="extend_deadline")
    async def extend_deadline(self, proof: ClosureProof) -> RunState:
        return await self.act(Act.EXTEND_DEADLINE, clean(proof.assertion))

    @extend_deadline.validator
    def check_extend_deadline(self, proof: ClosureProof) -> None:
        self.check(Act.EXTEND_DEADLINE, proof)

    @workflow.update(name="abort")
    async def abort(self, proof: ClosureProof) -> RunState:
        return await self.act(Act.ABORT, clean(proof.assertion))

    @abort.validator
    def check_abort(self, proof: ClosureProof) -> None:
        self.check(Act.ABORT, proof)

    @workflow.signal(dynamic=True)
    async def heard(self, name: str, given: Sequence[RawValue]) -> None:
        """A signal may have any name and hold anything; what it proves decides, and it has no answer."""
        if name == FENCE_ACKNOWLEDGED:
            return await self.acknowledged(count_in(given))
        told = {BALANCE_CHANGED: self.balance_changed, RECONCILIATION_SIGNED_OFF: self.reconciled}.get(name)
        if told is not None:
            return await told()
        if name not in SAID:
            return workflow.logger.warning("an unknown signal was ignored")
        try:
            await self.act(SAID[name], proof_in(given))
        except ApplicationError as refusal:
            workflow.logger.warning("a signalled act was refused", extra={"refusal": refusal.type})
