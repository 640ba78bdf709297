"""A server that is killed under running work delays it, and the rest of the product says so and goes on."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from adapters.embedded import postgres
from adapters.embedded.installation import RunningStack
from cli.seed import PEOPLE, TENANT
from terminal import EmbeddedInstallation
from tests.chaos.conftest import Tell, eventually, free_port
from tests.chaos.loads import AWAY, CUT, CUTS, HELD, IDLE, Load, full
from tests.chaos.place import LONGEST_ANSWER_SECONDS, UNAVAILABLE, Place, Postbox
from tests.chaos.throughput import LONG
from tests.workflow.theatre import EXPRESS
from worker import ended

pytestmark = pytest.mark.timeout(900 if LONG else 300)


@pytest_asyncio.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    postbox = Postbox(free_port())
    folder = tmp_path_factory.mktemp("installation")
    installation = EmbeddedInstallation(folder)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CHANGEGATE_SMTP_HOST", "127.0.0.1")
        environment.setenv("CHANGEGATE_SMTP_PORT", str(postbox.port))
        environment.setenv("CHANGEGATE_SMTP_SECURITY", "plain")
        environment.setenv("CHANGEGATE_HANDLERS", "tests.chaos.doomed_commands:Doomed")
        environment.setitem(postgres.SETTINGS, "max_connections", str(IDLE + 30))
        async with installation.start() as running:
            assert isinstance(running, RunningStack)
            await installation.admit(TENANT, "A shop with outages", PEOPLE)
            yield Place(folder, running, postbox)


@pytest_asyncio.fixture
async def load(place: Place, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Load]:
    worker, known = place.child("worker"), "/command-types?domain=doomed"
    restarts = worker.restarts

    async def announced() -> bool:
        return bool((await place.person("shop").see(known))["items"])

    await eventually(announced)
    yield Load(place, tmp_path, request.node.name.removeprefix("test_"))
    assert worker.restarts == restarts


class TestDatabaseKilled:
    async def test_work_waits_and_nobody_is_left_hanging(self, place: Place) -> None:
        baking = await place.changed("baking", plan={"strategy": "direct", "bake_seconds": 3})
        await place.until(baking, "BAKING", "SUCCEEDED")
        waiting = await place.propose("waiting")
        async with place.without("postgres"):
            await eventually(lambda: _down(place, "database", "listener"))
            assert (await place.person("ada").ask("GET", "/healthz")).is_success
            await place.told_unavailable("ada", "GET", f"/api/v1/rollouts/{baking}")
            await place.told_unavailable("bob", "POST", f"/api/v1/approvals/{waiting}/approve", {})
            await asyncio.sleep(3)  # until the bake is over
        await place.whole()
        await place.until(baking, "SUCCEEDED")
        await place.each_step_once(baking)
        await place.approve(waiting, "bob", "cyd")
        await place.until(waiting, "SUCCEEDED")

    async def test_flags_are_served_from_memory_and_then_anew(self, place: Place) -> None:
        await place.until(await place.changed("steady"), "SUCCEEDED")
        shop = place.person("shop")

        async def served() -> Any:
            body = {"context": {"targetingKey": "somebody"}}
            return (await shop.ask("POST", "/ofrep/v1/evaluate/flags/steady", body)).json().get("value")

        async def anew() -> bool:
            return bool(await served() == "e")

        assert await served() == "c"
        async with place.without("postgres"):
            # Longer than a token is believed without looking.
            for _ in range(14):
                assert await served() == "c"
                await asyncio.sleep(0.5)
        await place.whole()
        await place.until(await place.changed("steady", definition=EXPRESS, base_version=1), "SUCCEEDED")
        await eventually(anew)


class TestTemporalKilled:
    async def test_no_acknowledged_vote_is_lost(self, place: Place) -> None:
        changes = [await place.propose(f"voted-{number}") for number in range(8)]
        acknowledged: set[str] = set()

        async def vote(change: str) -> None:
            answer = await place.person("bob").ask("POST", f"/api/v1/approvals/{change}/approve", {})
            assert answer.status_code in {httpx2.codes.OK, UNAVAILABLE}, answer.text
            if answer.is_success:
                acknowledged.add(change)

        first, *rest = changes
        await vote(first)
        under_way = [asyncio.create_task(vote(change)) for change in rest]
        await asyncio.sleep(0.05)
        async with place.without("temporal"):
            async with asyncio.timeout(LONGEST_ANSWER_SECONDS):
                refused = place.told_unavailable("cyd", "POST", f"/api/v1/approvals/{first}/approve", {})
                await asyncio.gather(refused, *under_way)
            await eventually(lambda: _down(place, "temporal"))
            assert (await place.person("ada").see(f"/approvals/{first}"))["standing"] == "PENDING"
        await place.whole()
        assert first in acknowledged
        for change in changes:
            assert await place.votes(change) == [("bob", 1)] or change not in acknowledged
            await place.approve(change, "bob", "cyd")
            await place.until(change, "SUCCEEDED")
            assert await place.votes(change) == [("bob", 1), ("cyd", 2)]
            await place.each_step_once(change)

    async def test_what_is_submitted_meanwhile_starts_afterwards(self, place: Place) -> None:
        async with place.without("temporal"):
            async with asyncio.timeout(LONGEST_ANSWER_SECONDS):
                change = await place.propose("submitted-meanwhile")
        await place.whole()
        await place.approve(change, "bob", "cyd")
        await place.until(change, "SUCCEEDED")


async def _down(place: Place, *parts: str) -> bool:
    """These, and no others."""
    return [part for part, there in (await place.parts()).items() if not there] == [*parts]


class TestCommandsUnderLoad:
    """The worker lives through all of it: it is not brought back by whoever started it."""

    @pytest.mark.req("CB-25")
    async def test_go_on_when_the_database_was_started_again(self, load: Load, tell: Tell) -> None:
        place = load.place
        await place.whole()
        async with load.going_on():
            async with load.disturbed(), place.without("postgres"):
                await eventually(lambda: _down(place, "database", "listener"))
            await place.whole()
        await load.done(tell)

    @pytest.mark.req("CB-26")
    async def test_go_on_while_every_connection_is_cut_each_second(self, load: Load, tell: Tell) -> None:
        place, cut = load.place, 0
        async with load.going_on():
            async with load.disturbed():
                for _ in range(CUTS):
                    cut += len(await place.rows(CUT))
                    await asyncio.sleep(1)
            await place.whole()
        await load.done(tell)
        assert cut > CUTS

    @pytest.mark.req("CB-26")
    async def test_go_on_after_others_took_every_connection(self, load: Load, tell: Tell) -> None:
        place = load.place
        async with load.going_on():
            async with load.disturbed(), full(place) as many:
                assert many >= IDLE
                await eventually(lambda: _down(place, "database"))
                await asyncio.sleep(HELD)
            await place.whole()
        await load.done(tell)

    @pytest.mark.req("CB-27")
    async def test_are_sent_while_temporal_is_away_and_executed_afterwards(self, load: Load, tell: Tell) -> None:
        place = load.place
        async with load.going_on():
            async with load.disturbed(), place.without("temporal"):
                await load.some_more()
                await asyncio.sleep(AWAY)
            await place.whole()
        await load.done(tell)


@pytest.mark.req("SD1")
class TestMoment:
    async def test_over_which_everything_was_dead_is_not_missed_and_nothing_started_before_it(
        self, place: Place
    ) -> None:
        due = datetime.now(UTC) + timedelta(seconds=15)
        change = await place.changed("punctual", plan={"strategy": "direct", "apply_at": due.isoformat()})
        await place.until(change, "SCHEDULED")

        async def over() -> bool:
            return datetime.now(UTC) > due

        async with place.without("worker"), place.without("temporal"):
            await eventually(over)
        await place.whole()
        await place.until(change, "SUCCEEDED")
        await place.each_step_once(change)
        about = "FROM rollout_transition WHERE rollout_id = $1::text::uuid AND to_state = 'PREFLIGHT'"
        (begun,) = await place.rows(f"SELECT at {about}", change)
        assert begun["at"] >= due


class TestWorkerStopped:
    async def test_finishes_what_it_has_begun_and_its_successor_does_the_rest(self, place: Place) -> None:
        changes = [await place.propose(f"drained-{number}") for number in range(6)]
        voting = [asyncio.create_task(place.approve(change, "bob", "cyd")) for change in changes]
        await asyncio.sleep(0.1)
        worker = place.child("worker")
        assert worker.pid is not None
        restarts, before = worker.restarts, len(place.running.stack.deaths)
        os.kill(worker.pid, signal.SIGTERM)

        async def succeeded() -> bool:
            return worker.restarts > restarts

        await asyncio.gather(*voting, eventually(succeeded))
        for change in changes:
            await place.until(change, "SUCCEEDED")
            assert await place.votes(change) == [("bob", 1), ("cyd", 2)]
            await place.each_step_once(change)
        assert "worker.draining" in worker.log.path.read_text()
        assert [death.code for death in place.running.stack.deaths[before:] if death.name == "worker"] == [0]

    async def test_a_cancellation_that_is_lost_is_repeated(self) -> None:
        async def loses_the_first() -> None:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            await asyncio.sleep(60)

        task = asyncio.create_task(loses_the_first())
        await asyncio.sleep(0)
        async with asyncio.timeout(60):
            await ended(task)
        assert task.cancelled()


@pytest.mark.req("S77")
class TestMailServerDead:
    async def test_the_rollout_goes_on_and_mail_comes_later(self, place: Place) -> None:
        change = await place.changed("mailed")
        await place.until(change, "SUCCEEDED")
        about = "FROM notice WHERE link LIKE '%' || $1::text AND recipient IS NOT NULL"

        async def tried() -> bool:
            # Others were told of other changes, and the mail server rests since.
            await _rested(place, about, change, "pending")
            return bool((await place.rows(f"SELECT count(*) AS n {about} AND attempts > 0", change))[0]["n"] >= 2)

        await eventually(tried)
        async with place.postbox.opened():

            async def delivered() -> bool:
                # The pause between two attempts is over.
                await _rested(place, about, change, "pending", "retry-wait")
                return not await place.rows(f"SELECT 1 {about} AND state = 'due'", change)

            await eventually(delivered)
        notices = await place.rows(f"SELECT state {about}", change)
        assert {each["state"] for each in notices} == {"delivered"}
        mailed = await place.rows(
            "SELECT p.email FROM notice n JOIN principal p ON p.principal_id = n.recipient"
            " WHERE n.link LIKE '%' || $1::text AND p.email IS NOT NULL",
            change,
        )
        for address, times in Counter(each["email"] for each in mailed).items():
            assert place.postbox.recipients.count(address) >= times


async def _rested(place: Place, about: str, change: str, *states: str) -> None:
    """The mail server is asked again, and first for those of the messages about this change that stand so."""
    ids = [str(each["notice_id"]) for each in await place.rows(f"SELECT notice_id {about}", change)]
    await place.rows(
        "UPDATE command SET due_at = now(), rank = now() - interval '1 day'"
        " WHERE type = 'changegate.deliver-notice' AND command_id = ANY($1::text[]) AND state = ANY($2::text[])",
        *(ids, states),
    )
    await place.rows(
        "UPDATE command_breaker SET held_until = now()"
        " WHERE dependency LIKE 'receiver%' AND state = 'open' AND opened_by IS NULL"
    )
    await asyncio.sleep(0.5)
