"""What an operator may ask of a rollout: each verb is an Update, and a Signal of the same name."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.rollouts import State, Verb
    from workflows.messages import Proof
    from workflows.refusals import clean, proof_in

KILLED = "killed"
"""The signal that says that the kill switch has written the target."""
TURN = "turn"
"""The signal that says that what waits may have its turn."""
URGENT = "urgent"
"""The signal that says that what waits has become an emergency."""
SUPERSEDED = "superseded"
"""The signal that says that a newer rollout takes the target over."""


class Operated(ABC):
    """The handlers; what they do is the rollout's own."""

    @abstractmethod
    async def act(self, verb: Verb, assertion: str) -> State: ...

    @abstractmethod
    def killed(self) -> None: ...

    @abstractmethod
    def turn(self) -> None: ...

    @abstractmethod
    def urgent(self) -> None: ...

    @abstractmethod
    def superseded(self) -> None: ...

    @abstractmethod
    def check(self, verb: Verb) -> None: ...

    @workflow.update(name="pause")
    async def pause(self, proof: Proof) -> State:
        return await self.act(Verb.PAUSE, clean(proof.assertion))

    @pause.validator
    def check_pause(self, proof: Proof) -> None:  # noqa: ARG002 -- a validator has its update's arguments
        self.check(Verb.PAUSE)

    @workflow.update(name="resume")
    async def resume(self, proof: Proof) -> State:
        return await self.act(Verb.RESUME, clean(proof.assertion))

    @resume.validator
    def check_resume(self, proof: Proof) -> None:  # noqa: ARG002 -- a validator has its update's arguments
        self.check(Verb.RESUME)

    @workflow.update(name="promote")
    async def promote(self, proof: Proof) -> State:
        return await self.act(Verb.PROMOTE, clean(proof.assertion))

    @promote.validator
    def check_promote(self, proof: Proof) -> None:  # noqa: ARG002 -- a validator has its update's arguments
        self.check(Verb.PROMOTE)

    @workflow.update(name="abort")
    async def abort(self, proof: Proof) -> State:
        return await self.act(Verb.ABORT, clean(proof.assertion))

    @abort.validator
    def check_abort(self, proof: Proof) -> None:  # noqa: ARG002 -- a validator has its update's arguments
        self.check(Verb.ABORT)

    @workflow.update(name="rollback")
    async def rollback(self, proof: Proof) -> State:
        return await self.act(Verb.ROLLBACK, clean(proof.assertion))

    @rollback.validator
    def check_rollback(self, proof: Proof) -> None:  # noqa: ARG002 -- a validator has its update's arguments
        self.check(Verb.ROLLBACK)

    @workflow.update(name="withdraw")
    async def withdraw(self, proof: Proof) -> State:
        return await self.act(Verb.WITHDRAW, clean(proof.assertion))

    @withdraw.validator
    def check_withdraw(self, proof: Proof) -> None:  # noqa: ARG002 -- a validator has its update's arguments
        self.check(Verb.WITHDRAW)

    @workflow.update(name="retry")
    async def retry(self, proof: Proof) -> State:
        return await self.act(Verb.RETRY, clean(proof.assertion))

    @retry.validator
    def check_retry(self, proof: Proof) -> None:  # noqa: ARG002 -- a validator has its update's arguments
        self.check(Verb.RETRY)

    @workflow.update(name="accept")
    async def accept(self, proof: Proof) -> State:
        return await self.act(Verb.ACCEPT, clean(proof.assertion))

    @accept.validator
    def check_accept(self, proof: Proof) -> None:  # noqa: ARG002 -- a validator has its update's arguments
        self.check(Verb.ACCEPT)

    @workflow.update(name="force")
    async def force(self, proof: Proof) -> State:
        return await self.act(Verb.FORCE, clean(proof.assertion))

    @force.validator
    def check_force(self, proof: Proof) -> None:  # noqa: ARG002 -- a validator has its update's arguments
        self.check(Verb.FORCE)

    @workflow.update(name="start")
    async def start(self, proof: Proof) -> State:
        return await self.act(Verb.START, clean(proof.assertion))

    @start.validator
    def check_start(self, proof: Proof) -> None:  # noqa: ARG002 -- a validator has its update's arguments
        self.check(Verb.START)

    @workflow.signal(dynamic=True)
    async def heard(self, name: str, given: Sequence[RawValue]) -> None:
        """A signal may have any name and hold anything; what it proves decides, and it has no answer."""
        told = {KILLED: self.killed, TURN: self.turn, URGENT: self.urgent, SUPERSEDED: self.superseded}.get(name)
        if told is not None:
            return told()
        if name not in set(Verb):
            return workflow.logger.warning("an unknown signal was ignored")
        try:
            await self.act(Verb(name), proof_in(given))
        except ApplicationError as refusal:
            workflow.logger.warning("a signalled act was refused", extra={"refusal": refusal.type})
