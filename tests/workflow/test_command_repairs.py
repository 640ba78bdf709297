"""A decision about a parked command waits for another person on the real Temporal, and outlives its process."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Replayer, Worker

from activities.approvals import ApprovalActivities
from activities.command_repairs import CommandRepairActivities
from activities.rollouts import RolloutActivities
from adapters.embedded.stack import Stack
from adapters.identity.assertions import SignedActs
from adapters.memory.metrics import ScriptedSource
from adapters.postgres.store import PostgresStore
from adapters.temporal.client import always
from adapters.temporal.processes import TemporalProcesses
from adapters.temporal.worker import WORKFLOWS, build_worker, sandbox
from application.acting import Acting
from application.admission import Admitting
from application.approvals import Approvals, VoteWish
from application.balloting import Balloting
from application.commands.acts import Acts
from application.commands.lineage import Lineages, OperationView
from application.commands.repair_recovery import CommandRepairRecovery
from application.commands.repairing import Repairing
from application.controls import Controlling
from application.gating import Gating
from application.ports.recovery import OpenRepair
from application.progression import Progression
from domain.approvals import Answer, SelfApproval
from domain.commands import CommandState
from domain.commands.operations import Act, Decision, Operation, Standing
from domain.commands.outcomes import Permanent
from domain.commands.repairs import CommandHeld, workflow_id_of
from tests.conftest import House
from tests.workflow.record import kept
from tests.workflow.theatre import Clock, known, now, seen
from tests.works import SCHEMA, Site

WHY = "the account was another one"
PATCH = [{"op": "replace", "path": "/words", "value": "mended"}]


class Own(PostgresStore):
    """Finds what this house has left open, and not what other tests have."""

    house: UUID

    async def open_command_repairs(self) -> list[OpenRepair]:
        return [each for each in await super().open_command_repairs() if each.tenant == self.house]


@dataclass
class Bench:
    """Olu edits what root looks at."""

    house: House
    store: Own
    client: Client
    site: Site
    queue: str
    asked: list[Operation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.assertions = SignedActs(Ed25519PrivateKey.generate(), now)
        self.processes = TemporalProcesses(always(self.client), self.queue)
        self.acts = Acts(self.store, self.processes)
        self.repairing = Repairing(self.store, self.processes)
        self.approvals = Approvals(self.store, self.processes, Acting(self.store, self.assertions, now))

    def worker(self) -> Worker:
        store, signed = self.store, self.assertions
        gating = Gating(store, ScriptedSource(now()))
        rollouts = RolloutActivities(Progression(store), gating, Controlling(store, signed), Admitting(store))
        more = [CommandRepairActivities(Repairing(store))]
        return build_worker(
            self.client, ApprovalActivities(Balloting(store, signed)), rollouts, self.queue, more=more
        )  # fmt: skip

    async def park(self, name: str = "1") -> None:
        self.site.works.ways[name] = [Permanent("no-account", "there is no such account")]
        await self.site.send(name, payload={"words": "wrong"})
        assert await self.site.execute() == {"parked": 1}

    async def ask(self, act: Act = Act.EDIT, name: str = "1") -> Operation:
        decision = Decision(act, WHY, patch=PATCH if act is Act.EDIT else None)
        seen_version = (await self.site.stand(name)).version
        asked = await self.acts.decide(self.house.olu, ("works", name), seen_version, uuid4(), decision)
        assert asked.standing is Standing.AWAITING_APPROVAL
        self.asked.append(asked)
        return asked

    def handle(self, operation: Operation) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(workflow_id_of(self.house.id, operation.id))

    def approval_of(self, operation: Operation) -> UUID:
        assert operation.approval is not None
        return operation.approval

    async def voted_on(self, operation: Operation, answer: Answer = Answer.APPROVE) -> None:
        approval = self.approval_of(operation)
        await seen(lambda: known(self.client.get_workflow_handle(f"approval/{approval}")))
        await self.approvals.vote(self.house.root, approval, VoteWish(answer, WHY))

    async def view(self, operation: Operation) -> OperationView:
        return await Lineages(self.store).operation(self.house.root, operation.id)

    async def until(self, operation: Operation, standing: Standing) -> Operation:
        async def there() -> Operation | None:
            found = (await self.view(operation)).operation
            return found if found.standing is standing else None

        found = await seen(there)
        assert isinstance(found, Operation)
        return found

    async def over(self, operation: Operation) -> str:
        result = await self.handle(operation).result()
        return str(result["standing"])


@pytest_asyncio.fixture
async def bench(
    house: House, engine: AsyncEngine, client: Client, stack: Stack, database_url: str
) -> AsyncIterator[Bench]:
    owner = await asyncpg.connect(stack.endpoints.database_superuser_url)
    await owner.execute(SCHEMA)
    own = Own(engine)
    own.house = house.id
    site = Site(house.id, own, owner)
    await own.put_command_types(site.handlers.types())
    made = Bench(house, own, client, site, f"q-{secrets.token_hex(4)}")
    async with made.worker():
        yield made
    await owner.close()
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=sandbox(), data_converter=client.data_converter)
    for each in made.asked:
        history = await made.handle(each).fetch_history()
        await replayer.replay_workflow(history)
        kept("repair", history)


class TestEdit:
    @pytest.mark.req("CB-44", "CB-56")
    async def test_is_executed_when_another_person_has_said_yes(self, bench: Bench) -> None:
        await bench.park()
        asked = await bench.ask()
        with pytest.raises(SelfApproval):
            await bench.approvals.vote(bench.house.olu, bench.approval_of(asked), VoteWish(Answer.APPROVE, WHY))
        with pytest.raises(CommandHeld):
            await bench.ask(Act.RETRY)
        await bench.voted_on(asked)
        made = await bench.until(asked, Standing.MADE)
        assert (made.state, made.epoch, made.actor) == (CommandState.PENDING, 2, bench.house.olu.id)
        assert await bench.over(asked) == "made"
        assert await bench.site.execute() == {"completed": 1}
        stands = await bench.site.stand("1")
        assert (stands.result, stands.command.payload) == ({"wrote": "mended"}, {"words": "wrong"})

    @pytest.mark.req("CB-44", "CB-56")
    async def test_refused_it_leaves_the_command_as_it_was(self, bench: Bench) -> None:
        await bench.park()
        asked = await bench.ask()
        await bench.voted_on(asked, Answer.REJECT)
        await bench.until(asked, Standing.REJECTED)
        stands = await bench.site.stand("1")
        assert (stands.state, stands.epoch, stands.edited) == (CommandState.PARKED, 1, None)
        assert await bench.over(asked) == "rejected"

    @pytest.mark.req("CB-44", "CB-56")
    async def test_that_nobody_answers_in_time_expires(self, bench: Bench) -> None:
        await bench.park()
        asked = await bench.ask()
        await Clock(bench.client).skip(f"approval/{bench.approval_of(asked)}", timedelta(hours=73))
        await bench.until(asked, Standing.EXPIRED)
        assert (await bench.site.stand("1")).state is CommandState.PARKED

    @pytest.mark.req("CB-44", "CB-56")
    async def test_withdrawn_by_its_author_its_process_ends(self, bench: Bench) -> None:
        await bench.park()
        asked = await bench.ask()
        await seen(lambda: known(bench.client.get_workflow_handle(f"approval/{asked.approval}")))
        ended = await bench.repairing.withdraw(bench.house.olu, asked.id, WHY)
        assert ended.standing is Standing.WITHDRAWN
        assert await bench.over(asked) == "withdrawn"

    @pytest.mark.req("CB-44", "CB-56")
    async def test_whose_process_was_cancelled_is_let_go(self, bench: Bench) -> None:
        await bench.park()
        asked = await bench.ask()
        await seen(lambda: known(bench.client.get_workflow_handle(f"approval/{asked.approval}")))
        await bench.handle(asked).cancel()
        ended = await bench.until(asked, Standing.WITHDRAWN)
        assert (ended.why, ended.state) == ("workflow_cancelled", CommandState.PARKED)


class TestLost:
    @pytest.mark.req("CB-44")
    async def test_a_process_that_was_ended_is_begun_again(self, bench: Bench) -> None:
        await bench.park()
        asked = await bench.ask()
        await seen(lambda: known(bench.client.get_workflow_handle(f"approval/{asked.approval}")))
        first = (await bench.handle(asked).describe()).run_id
        await bench.handle(asked).terminate("by hand")
        recovery = CommandRepairRecovery(bench.store, bench.processes)

        async def again() -> bool:
            await recovery.look()
            return (await bench.handle(asked).describe()).run_id != first

        await seen(again)
        await bench.voted_on(asked)
        await bench.until(asked, Standing.MADE)
        assert (await bench.site.stand("1")).payload == {"words": "mended"}
