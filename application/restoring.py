"""What a rollout wrote goes back to what was stable, with the database and nothing else."""

from dataclasses import replace

from application.closing import finished
from application.every_subject import subject_of
from application.ports.store import Store
from application.progression import Step, locked, move
from domain.rollouts import State


class Restoring:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def restore(self, step: Step) -> State:
        """Write the stable content back as a new version; SUPERSEDED when somebody else has written since.

        Needs the database and nothing else.
        """
        async with self._store.transaction(step.tenant) as tx:
            rollout = await locked(tx, step.rollout)
            if rollout.terminal or await tx.rollouts.step(step.rollout, step.name) is not None:
                return rollout.state
            subject = subject_of(rollout.kind)
            if not await subject.served(tx, rollout):
                end = await move(tx, rollout, step, State.SUPERSEDED, "target_was_written_since")
            else:
                back = replace(rollout, live_version=await subject.restore(tx, rollout))
                end = await move(tx, back, step, State.ROLLED_BACK, rollout.cause or "")
            await finished(tx, end)
            return end.state
