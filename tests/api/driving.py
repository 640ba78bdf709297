"""Takes a rollout over the real database through the steps that its workflow would take."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from application.admission import Admission, Admitting
from application.ports.store import Store
from application.progression import Progression, Step
from application.restoring import Restoring
from domain.rollouts import State


@dataclass
class Drive:
    """One rollout of one tenant."""

    store: Store
    tenant: UUID
    rollout: UUID

    def step(self) -> Step:
        return Step(self.rollout, self.tenant, f"step:{uuid4()}", datetime.now(UTC))

    async def admit(self) -> Admission:
        return await Admitting(self.store).admit(self.step())

    async def expose(self, stage: int = 0) -> int:
        return await Progression(self.store).expose(self.step(), stage)

    async def succeed(self) -> State:
        await Progression(self.store).move(self.step(), State.BAKING, "all_stages_passed")
        return await Progression(self.store).move(self.step(), State.SUCCEEDED, "completed")

    async def go_back(self) -> State:
        await Progression(self.store).move(self.step(), State.ROLLING_BACK, "asked")
        state = await Restoring(self.store).restore(self.step())
        return state if state is not State.ROLLING_BACK else await Restoring(self.store).end(self.step())


async def begun(world: Any, house: Any, change: str, ask: Any) -> Drive:
    """Submitted where nobody needs to approve, and admitted."""
    answer = await ask("POST", f"/changes/{change}/submit")
    assert answer.status_code == 200, answer.text
    drive = Drive(world.services.store, house.tenant.id, UUID(change))
    admission = await drive.admit()
    assert admission.state is State.RUNNING, admission
    return drive
