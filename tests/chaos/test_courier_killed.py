"""A worker that is killed while it calls outside loses nothing, and what it sends again has the id that it had."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client

from adapters.embedded.stack import Stack
from adapters.identity.assertions import SignedActs
from adapters.identity.keys import kept_key
from adapters.memory.metrics import ScriptedSource
from adapters.postgres.store import PostgresStore
from adapters.settings import Settings
from adapters.temporal.client import TASK_QUEUE
from application.acting import Acting
from application.approvals import Approvals
from application.destinations import Destinations, DestinationWish
from application.external.systems import ApprovalSystems, SystemWish
from application.notices import tell
from application.ports.outward import DestinationKind, Ticket, TicketState
from bootstrap import Parts
from domain.approvals import Level
from domain.audit import Action
from domain.rollouts import State
from tests.chaos.conftest import eventually, running
from tests.conftest import House
from tests.outside import Front, Jira, ServiceNow, standing
from tests.receiving import Receiver, receiving
from tests.workflow.theatre import DIRECT, Clock, Theatre, now

WHY = "because of the test"
SECRET = "whsec_" + "c2VjcmV0" * 4
AUTHORIZATION = "Basic c25vdzpwYXNz"
MAPPINGS = {ServiceNow: ServiceNow.MAPPING, Jira: Jira.MAPPING}


@dataclass
class Street:
    """A house whose worker calls systems and receivers outside, and dies at it as it was ordered to."""

    theatre: Theatre
    made: Parts
    owner: asyncpg.Connection
    env: dict[str, str]
    log: Path
    open_now: AsyncExitStack
    orders: dict[str, str] = field(default_factory=dict)

    async def asked(self, name: str, desk: ServiceNow | Jira) -> tuple[UUID, Front]:
        """A change that waits for the answer of this desk alone."""
        house = self.theatre.house
        front = await self.open_now.enter_async_context(standing(desk))
        wish = SystemWish(front.url, MAPPINGS[type(desk)], SECRET, AUTHORIZATION)
        await ApprovalSystems(self.made.store, self.made.sealer).put(house.root, name, wish, expected=0, reason=WHY)
        await self.theatre.policy(Level((), (), 1, external=name))
        await self.theatre.flag(name)
        return await self.theatre.submit(name, plan=DIRECT, gates=None), front

    async def receiver(self, name: str) -> Receiver:
        """A webhook that is told how rollouts end, and nothing else."""
        receiver = await self.open_now.enter_async_context(receiving())
        wish = DestinationWish(DestinationKind.WEBHOOK, receiver.url, SECRET, events=("rollout_finished",))
        destinations = Destinations(self.made.store, self.made.sealer)
        await destinations.put(self.theatre.house.root, name, wish, expected=0, reason=WHY)
        return receiver

    async def ticket(self, change: UUID) -> Ticket:
        async with self.made.store.transaction(self.theatre.house.id) as tx:
            (found,) = await tx.outward.tickets_of(change)
        return found

    def worker(self) -> Any:
        return running("-m", "worker", env=self.env, log=self.log)

    def doomed(self) -> Any:
        return running("-m", "tests.chaos.doomed_courier", json.dumps(self.orders), env=self.env, log=self.log)

    async def death(self, process: asyncio.subprocess.Process) -> None:
        assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL, self.log.read_text()

    async def leased(self) -> int:
        """How many tickets nobody touches, because whoever has them may still be alive."""
        query = """SELECT count(*) FROM approval_ticket
                    WHERE tenant_id = $1 AND state IN ('due', 'open') AND not_before > now()"""
        return int(await self.owner.fetchval(query, self.theatre.house.id))

    async def later(self) -> None:
        """The time of every lease, and of every pause, is over."""
        statement = "UPDATE approval_ticket SET not_before = now() WHERE tenant_id = $1"
        await self.owner.execute(statement, self.theatre.house.id)

    async def carried(self) -> dict[str, str]:
        """Where each message of this house stands, by its receiver."""
        query = "SELECT payload ->> 'receiver' AS receiver, state FROM command WHERE tenant_id = $1"
        return {row["receiver"]: row["state"] for row in await self.owner.fetch(query, self.theatre.house.id)}


@pytest_asyncio.fixture
async def street(
    house: House, store: PostgresStore, client: Client, stack: Stack, surroundings: dict[str, str], tmp_path: Path
) -> AsyncIterator[Street]:
    acts = kept_key(Path(surroundings["CHANGEGATE_KEYS"]) / "acts.pem")
    theatre = Theatre(house, store, client, TASK_QUEUE, ScriptedSource(now()), Clock(client), store)
    theatre.assertions = SignedActs(acts, theatre.time)
    theatre.acting = Acting(store, theatre.assertions, theatre.time)
    theatre.approvals = Approvals(store, theatre.processes, theatre.acting)
    found = {"database_url": surroundings["CHANGEGATE_DATABASE_URL"], "keys": surroundings["CHANGEGATE_KEYS"]}
    made = Parts(Settings.model_validate(found))
    owner = await asyncpg.connect(stack.endpoints.database_superuser_url)
    async with AsyncExitStack() as open_now:
        yield Street(theatre, made, owner, surroundings, tmp_path / "worker.log", open_now)
    await owner.close()
    await made.close()


def carried(front: Front, method: str, name: str) -> list[str]:
    """What this header said, in the calls that came with this method."""
    return [headers[name] for verb, _, headers, _ in front.taken if verb == method]


@pytest.mark.req("S71", "S77")
class TestTicket:
    async def test_is_asked_once_where_the_system_can_be_searched_and_otherwise_under_one_id(
        self, street: Street
    ) -> None:
        found, blind, unmade = ServiceNow(), Jira(), ServiceNow()
        asked = [
            await street.asked("found", found),
            await street.asked("blind", blind),
            await street.asked("unmade", unmade),
        ]
        changes, fronts = zip(*asked, strict=True)
        sides = ("after", "after", "before")
        street.orders = {f"{front.url}/": side for front, side in zip(fronts, sides, strict=True)}
        async with street.doomed() as process:
            await street.death(process)
        left = [await street.ticket(change) for change in changes]
        assert [(each.state, each.key, each.attempts) for each in left] == [(TicketState.DUE, None, 1)] * 3
        assert [len(desk.tickets) for desk in (found, blind, unmade)] == [1, 1, 0]
        assert await street.leased() == 3
        await street.later()
        async with street.worker():

            async def opened() -> bool:
                return all([(await street.ticket(change)).state is TicketState.OPEN for change in changes])

            await eventually(opened)
        assert [len(desk.tickets) for desk in (found, blind, unmade)] == [1, 2, 1]
        for front, ticket, often in zip(fronts, left, (1, 2, 1), strict=True):
            for name in ("idempotency-key", "webhook-id"):
                assert carried(front, "POST", name) == [str(ticket.id)] * often
        for change in changes:
            assert len(await street.theatre.audited(Action.TICKET_OPENED, change)) == 1

    async def test_says_what_its_system_answered_although_who_counted_that_did_not_write_it_down(
        self, street: Street
    ) -> None:
        desk = Jira()
        change, _ = await street.asked("jira", desk)
        street.orders = {str(change): "voted"}

        async def opened() -> bool:
            return (await street.ticket(change)).state is TicketState.OPEN

        async with street.doomed() as process:
            await eventually(opened)
            desk.tickets["OPS-1"]["fields"]["status"]["name"] = "Approved"
            await street.later()
            await street.death(process)
        assert (await street.ticket(change)).answer is None
        await street.later()
        async with street.worker():

            async def ended() -> bool:
                return (await street.ticket(change)).state.ended

            await eventually(ended)
            assert await street.theatre.end(change) is State.SUCCEEDED
        assert (await street.ticket(change)).state is TicketState.ANSWERED
        assert len(await street.theatre.ballots(change)) == 1
        for action in (Action.VOTE_CAST, Action.TICKET_ANSWERED):
            assert len(await street.theatre.audited(action, change)) == 1


@pytest.mark.req("S77", "CB-21")
class TestNotice:
    async def test_comes_again_with_its_id_where_it_had_arrived_and_once_where_it_had_not(self, street: Street) -> None:
        house = street.theatre.house
        arrived, unsent = await street.receiver("arrived"), await street.receiver("unsent")
        street.orders = {arrived.url: "after", unsent.url: "before"}
        facts = {"title": "flag checkout", "environment": "production", "outcome": "succeeded"}
        async with street.made.store.transaction(house.id) as tx:
            await tell(tx, "rollout_finished", [None], facts, link=f"/rollouts/{uuid4()}", seed=uuid4())
        async with street.doomed() as process:
            await street.death(process)
        assert (len(arrived.taken), len(unsent.taken)) == (1, 0)
        left = await street.carried()
        assert (left["to.arrived"], left["to.unsent"]) == ("running", "running")
        async with street.worker():

            async def told() -> bool:
                return set((await street.carried()).values()) == {"completed"}

            await eventually(told)
        assert (len(arrived.taken), len(unsent.taken)) == (2, 1)
        assert len(set(arrived.ids)) == 1
        assert set(arrived.ids).isdisjoint(unsent.ids)
        first, second = arrived.events(SECRET)
        assert first == second
