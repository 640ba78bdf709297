"""Whoever waits for a command hears of its end over real HTTP and the real Temporal, however long they were away."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from adapters.crypto import EnvelopeSealer
from adapters.crypto.files import FileKeyRing
from adapters.egress.client import EgressClient
from adapters.embedded.stack import Stack
from adapters.notify.events import SignedPosts
from adapters.postgres.store import PostgresStore
from adapters.temporal.client import ClientSource, always
from adapters.temporal.signals import TemporalSignals
from application.commands.executing import Executing
from application.commands.handling import Handlers
from application.commands.replies import Replies
from application.destinations import Destinations, DestinationWish
from application.ports.outward import DestinationKind
from domain.commands import CommandRecord, CommandState, ReplyTo
from tests.conftest import House
from tests.receiving import Receiver, receiving
from tests.works import SCHEMA, Site

S = CommandState
SECRET = "whsec_" + "c2VjcmV0" * 4
OVER = {"command": "works/1", "type": "works.write", "state": "completed", "epoch": 1, "result": {"wrote": "1"}}


@dataclass
class Post:
    """A module whose commands end, and what the product itself executes after that."""

    site: Site
    house: House
    places: Destinations
    sealer: EnvelopeSealer
    posts: SignedPosts
    client: Client

    def replies(self, reach: ClientSource) -> Replies:
        return Replies(self.site.store, self.sealer, self.posts, TemporalSignals(reach))

    async def ended(self, wanted: ReplyTo) -> None:
        await self.site.send("1", reply_to=wanted)
        assert await self.site.execute() == {"completed": 1}

    async def carry(self, reach: ClientSource | None = None) -> dict[str, int]:
        lease = uuid4()
        async with self.site.store.transaction(self.site.tenant) as tx:
            await tx.commands.lease("changegate", 9, tx.now + timedelta(minutes=1), lease)
        executing = Executing(self.site.store, Handlers(self.replies(reach or always(self.client))))
        return await executing.execute(self.site.tenant, lease)

    async def reply(self) -> CommandRecord:
        async with self.site.store.transaction(self.site.tenant) as tx:
            found = await tx.commands.get(("changegate", "reply:works:1"))
        assert found is not None
        return found


@pytest_asyncio.fixture
async def post(
    house: House, store: PostgresStore, client: Client, stack: Stack, tmp_path: Path
) -> AsyncIterator[Post]:  # fmt: skip
    owner = await asyncpg.connect(stack.endpoints.database_superuser_url)
    await owner.execute(SCHEMA)
    sealer = EnvelopeSealer(FileKeyRing(tmp_path / "ring"))
    async with EgressClient(allow_loopback=True, total_seconds=5) as egress:
        yield Post(
            Site(house.id, store, owner), house, Destinations(store, sealer), sealer, SignedPosts(egress), client
        )
    await owner.close()


@pytest_asyncio.fixture
async def crm(post: Post) -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        wish = DestinationWish(DestinationKind.WEBHOOK, receiver.url, SECRET)
        await post.places.put(post.house.ada, "crm", wish, expected=0, reason="because of the test")
        yield receiver


@pytest_asyncio.fixture
async def waiting(post: Post, client: Client) -> AsyncIterator[WorkflowHandle[object, object]]:
    """One that nobody carries on: what it is told stands in its history."""
    id_ = f"reply/{post.site.tenant}/{uuid4()}"
    handle = await client.start_workflow("Waiting", id=id_, task_queue=id_)
    yield handle
    try:
        await handle.terminate()
    except RPCError:
        return


async def signals(handle: WorkflowHandle[object, object]) -> list[tuple[str, object]]:
    """Names, and what was given with them."""
    events = (await handle.fetch_history()).to_json_dict()["events"]
    given = [each.get("workflowExecutionSignaledEventAttributes") for each in events]
    return [
        (each["signalName"], json.loads(base64.b64decode(each["input"]["payloads"][0]["data"])))
        for each in given
        if each
    ]


class TestWebhook:
    async def test_is_told_with_a_signature(self, post: Post, crm: Receiver) -> None:
        await post.ended(ReplyTo.by_webhook("crm"))
        assert crm.taken == []
        assert await post.carry() == {"completed": 1}
        assert crm.events(SECRET) == [OVER]
        assert await post.carry() == {}

    @pytest.mark.req("CB-27")
    async def test_that_was_away_is_told_afterwards_under_the_same_id(self, post: Post, crm: Receiver) -> None:
        await post.ended(ReplyTo.by_webhook("crm"))
        crm.status = 503
        assert await post.carry() == {"retry-wait": 1}
        await post.site.let_pass(timedelta(minutes=1))
        crm.status = 204
        assert await post.carry() == {"completed": 1}
        assert len(crm.ids) == 2
        assert len(set(crm.ids)) == 1

    async def test_that_is_gone_or_was_removed_is_left_to_a_person(self, post: Post, crm: Receiver) -> None:
        await post.ended(ReplyTo.by_webhook("crm"))
        await post.places.remove(post.house.ada, "crm", expected=1, reason="because of the test")
        assert await post.carry() == {"parked": 1}
        error = (await post.reply()).error
        assert error is not None
        assert (error.code, crm.taken) == ("no-destination", [])


class TestWorkflow:
    async def test_is_told_which_and_not_what(self, post: Post, waiting: WorkflowHandle[object, object]) -> None:
        await post.ended(ReplyTo.by_signal(waiting.id, "command_over"))
        assert await post.carry() == {"completed": 1}
        told = {"command": "works/1", "state": "completed", "epoch": 1}
        assert await signals(waiting) == [("command_over", told)]

    @pytest.mark.req("CB-27")
    async def test_is_told_when_temporal_is_back(self, post: Post, waiting: WorkflowHandle[object, object]) -> None:
        async def away() -> Client:
            raise OSError("nobody listens there")

        await post.ended(ReplyTo.by_signal(waiting.id, "command_over"))
        assert await post.carry(away) == {"retry-wait": 1}
        await post.site.let_pass(timedelta(minutes=1))
        assert await post.carry() == {"completed": 1}
        assert len(await signals(waiting)) == 1

    async def test_that_is_over_is_left_to_a_person(self, post: Post, waiting: WorkflowHandle[object, object]) -> None:
        await post.ended(ReplyTo.by_signal(waiting.id, "command_over"))
        await waiting.terminate()
        assert await post.carry() == {"parked": 1}

    async def test_of_another_tenant_is_never_told(self, post: Post, client: Client) -> None:
        other = f"reply/{UUID(int=7)}/{uuid4()}"
        handle = await client.start_workflow("Waiting", id=other, task_queue=other)
        await post.ended(ReplyTo.by_signal(other, "command_over"))
        assert await post.carry() == {"parked": 1}
        assert await signals(handle) == []
        await handle.terminate()
