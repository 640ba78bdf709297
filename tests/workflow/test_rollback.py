"""Going back needs nobody's leave: not the operator's, not the mail server's, and no cancel stops it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from temporalio.client import WorkflowFailureError

from adapters.memory.metrics import Traffic, constant
from adapters.memory.secrets import MemorySealer
from adapters.temporal.client import TemporalUnavailable, always
from adapters.temporal.processes import TemporalProcesses
from application.commands.handling import Handlers
from application.commands.telling import Telling
from application.delivering import Delivery, Outlets
from application.killing import KillSwitch
from application.notice_commands import DELIVER_NOTICE
from application.ports.notify import DeliveryFailed, Message
from application.progression import Progression, Step
from domain.approvals import ApprovalClosed, Standing
from domain.audit import Action
from domain.rollouts import StaleGeneration, State, Verb
from tests.own import Hand
from tests.workflow.theatre import CLASSIC, DIRECT, EXPRESS, PRODUCTION, Theatre, now, plan, seen
from tests.workflow.trouble import TroubledStore


async def kill(stage: Theatre, switch: KillSwitch | None = None) -> UUID | None:
    used = switch or stage.kill_switch
    killed = await used.kill(stage.house.root, PRODUCTION, "checkout", variant=None, reason="the till is on fire")
    return killed.stopped_rollout


class Deaf(TemporalProcesses):
    """Temporal did not hear of the kill switch."""

    async def killed(self, rollout: UUID) -> None:
        raise TemporalUnavailable


@pytest.fixture
def deaf(stage: Theatre) -> KillSwitch:
    return KillSwitch(stage.store, Deaf(always(stage.client), stage.queue))


class TestKillSwitch:
    @pytest.mark.req("I7", "FR-SM-013")
    async def test_it_stops_a_running_rollout_and_opens_a_review(self, stage: Theatre) -> None:
        change = await stage.launch()
        assert await kill(stage) == change
        assert await stage.end(change) is State.SUPERSEDED
        assert await stage.served() == CLASSIC
        async with stage.store.transaction(stage.house.id) as tx:
            (review,) = await tx.reviews.all()
        assert (review.key, review.closed_at) == ("checkout", None)
        assert (await stage.percents(change))[-1] == 0

    async def test_next_write_is_fenced_off_when_nobody_told_the_rollout(
        self, stage: Theatre, deaf: KillSwitch
    ) -> None:
        change = await stage.launch()
        await kill(stage, deaf)
        assert (await stage.rollout(change)).state is State.RUNNING
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.SUPERSEDED
        assert await stage.served() == CLASSIC

    async def test_what_is_no_longer_served_does_not_succeed(self, stage: Theatre, deaf: KillSwitch) -> None:
        await stage.policy()
        change = await stage.submit(plan={**DIRECT, "bake_seconds": 600})
        await stage.until(change, State.BAKING)
        await kill(stage, deaf)
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.SUPERSEDED
        assert (await stage.served())["defaultVariant"] == "classic"

    async def test_what_awaits_approval_is_asked_no_more(self, stage: Theatre) -> None:
        change = await stage.submit()
        reason = "only the new one works"
        await stage.kill_switch.kill(stage.house.root, PRODUCTION, "checkout", variant="express", reason=reason)
        with pytest.raises(ApprovalClosed):
            await stage.approve(change, stage.house.bob)
        assert await stage.end(change) is State.INVALIDATED


class TestFence:
    @pytest.mark.req("S76", "I3")
    async def test_zombie_of_an_older_step_writes_nothing(self, stage: Theatre) -> None:
        change = await stage.launch(10, 50, 100)
        await stage.skip(change, minutes=5)
        progression = Progression(stage.store)
        assert (await stage.rollout(change)).percent == 50
        for late in (0, 1):
            with pytest.raises(StaleGeneration):
                await progression.expose(Step(change, stage.house.id, f"zombie:{late}", now()), late)
        (done, *_) = [line for line in await stage.timeline(change) if line.cause == "stage_begins"]
        assert await progression.expose(Step(change, stage.house.id, done.step, now()), 0) == 3
        await stage.skip(change, minutes=20)
        assert await stage.end(change) is State.SUCCEEDED
        with pytest.raises(StaleGeneration):
            await progression.expose(Step(change, stage.house.id, "zombie:3", now()), 2)
        assert await stage.served() == EXPRESS

    @pytest.mark.req("S72")
    async def test_what_somebody_else_wrote_is_not_overwritten(self, stage: Theatre) -> None:
        change = await stage.launch()
        await stage.overwrite(variants={"classic": "c", "express": "theirs"})
        theirs = await stage.served()
        await stage.act(stage.house.olu, change, Verb.ABORT)
        await stage.until(change, State.ROLLBACK_INCOMPLETE)
        assert await stage.served() == theirs
        await stage.act(stage.house.olu, change, Verb.ACCEPT, "theirs is what we want")
        assert await stage.end(change) is State.ROLLED_BACK
        assert await stage.served() == theirs


class Unreachable:
    """A mail server that does not answer, until it does."""

    def __init__(self) -> None:
        self.answers = False
        self.sent: list[Message] = []

    async def deliver(self, message: Message) -> None:
        if not self.answers:
            raise DeliveryFailed(reason="unreachable")
        self.sent.append(message)


class TestMail:
    @pytest.mark.req("S77")
    async def test_dead_mail_server_blocks_nothing_and_what_waited_is_sent_once(self, stage: Theatre) -> None:
        post = Unreachable()
        delivery = Delivery(stage.store, post, Outlets("http://localhost"), MemorySealer())
        hand = Hand(stage.store, Handlers(Telling(stage.store, delivery, Counter())), DELIVER_NOTICE)
        change = await stage.submit(plan=DIRECT)
        await hand.work(stage.house.id)
        await stage.approve(change, stage.house.bob, stage.house.cyd)
        assert await stage.end(change) is State.SUCCEEDED
        post.answers = True

        async def all_sent() -> bool:
            await hand.work(stage.house.id)
            return "rollout_finished" in {message.template for message in post.sent} and len(post.sent) >= 5

        await seen(all_sent)
        assert len({message.id for message in post.sent}) == len(post.sent)


async def cancelled(stage: Theatre, change: UUID) -> State:
    """How it stands once the workflow says that it was cancelled."""
    with pytest.raises(WorkflowFailureError):
        await stage.handle(change).result()
    return (await stage.rollout(change)).state


class TestCancelFromOutside:
    @pytest.mark.req("S75")
    async def test_before_exposure_it_ends_and_frees_the_target(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.approve(change, stage.house.bob)
        await stage.handle(change).cancel()
        assert await cancelled(stage, change) is State.CANCELLED
        assert await stage.standing(change) is Standing.WITHDRAWN
        assert not await stage.open(change, "approval")
        await stage.submit()

    @pytest.mark.req("S75")
    async def test_during_exposure_it_goes_back(self, stage: Theatre) -> None:
        change = await stage.launch()
        await stage.handle(change).cancel()
        assert await cancelled(stage, change) is State.ROLLED_BACK
        assert await stage.served() == CLASSIC

    @pytest.mark.req("S75")
    async def test_while_a_stage_is_applied_it_goes_back(self, stage: Theatre) -> None:
        change = await stage.launch()
        async with stage.store.transaction(stage.house.id) as tx:
            await tx.flags.get(PRODUCTION, "checkout", lock=True)
            skipping = asyncio.create_task(stage.skip(change, minutes=10))
            await seen(lambda: stage.doing(change, "rollout.expose"))
            await stage.handle(change).cancel()
            await asyncio.sleep(0.3)
        assert await cancelled(stage, change) is State.ROLLED_BACK
        await skipping
        assert await stage.served() == CLASSIC

    @pytest.mark.req("S75")
    async def test_while_it_is_admitted_it_goes_back_or_ends(self, stage: Theatre) -> None:
        await stage.policy()
        async with stage.store.transaction(stage.house.id) as tx:
            await tx.flags.get(PRODUCTION, "checkout", lock=True)
            change = await stage.submit()
            await seen(lambda: stage.doing(change, "rollout.admit"))
            await stage.handle(change).cancel()
            await asyncio.sleep(0.3)
        assert await cancelled(stage, change) in {State.ROLLED_BACK, State.CANCELLED}
        assert await stage.served() == CLASSIC

    @pytest.mark.req("S75")
    async def test_while_it_goes_back_it_still_goes_back(self, stage: Theatre) -> None:
        change = await stage.launch()
        async with stage.store.transaction(stage.house.id) as tx:
            await tx.flags.get(PRODUCTION, "checkout", lock=True)
            await stage.act(stage.house.olu, change, Verb.ABORT)
            await seen(lambda: stage.doing(change, "rollout.restore"))
            await stage.handle(change).cancel()
            await asyncio.sleep(0.3)
        await seen(lambda: closed(stage, change))
        assert (await stage.rollout(change)).state is State.ROLLED_BACK
        assert await stage.served() == CLASSIC

    async def test_approval_that_somebody_terminated_ends_the_rollout(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.approve(change, stage.house.bob)
        await stage.handle(change, "approval").terminate("by hand")
        assert await stage.end(change) is State.CANCELLED
        assert (await stage.rollout(change)).cause == "approval_ended_abnormally"
        assert await stage.standing(change) is Standing.WITHDRAWN


async def closed(stage: Theatre, change: UUID) -> bool:
    return not await stage.open(change)


@pytest.fixture
def trouble(unmanned: Theatre) -> TroubledStore:
    """The worker's store, which the story can take away."""
    troubled = TroubledStore(unmanned.store)
    unmanned.activity_store = troubled
    return troubled


@pytest.fixture
async def troubled(unmanned: Theatre, trouble: TroubledStore) -> AsyncIterator[Theatre]:
    async with unmanned.worker():
        yield unmanned


class TestDatabaseAway:
    @pytest.mark.req("S73")
    async def test_minutes_without_it_delay_the_way_back(self, troubled: Theatre, trouble: TroubledStore) -> None:
        change = await troubled.launch()
        trouble.fails = {"rollout.restore"}
        await troubled.act(troubled.house.olu, change, Verb.ABORT)
        await troubled.skip(change, minutes=2)
        assert (await troubled.rollout(change)).state is State.ROLLING_BACK
        trouble.fails = set()
        await troubled.skip(change, minutes=2)
        assert await troubled.end(change) is State.ROLLED_BACK

    @pytest.mark.req("S73")
    async def test_longer_calls_an_operator_who_can_ask_for_it_again(
        self, troubled: Theatre, trouble: TroubledStore
    ) -> None:
        change = await troubled.launch()
        troubled.metrics.drive("express", Traffic(constant(10), constant(0.9)))
        trouble.fails = {"rollout.restore"}
        await troubled.skip(change, minutes=30)
        incomplete = await troubled.rollout(change)
        assert (incomplete.state, incomplete.percent) == (State.ROLLBACK_INCOMPLETE, 10)
        await troubled.skip(change, hours=2)
        assert (await troubled.rollout(change)).state is State.ROLLBACK_INCOMPLETE
        trouble.fails = set()
        await troubled.act(troubled.house.olu, change, Verb.ROLLBACK, "the database is back")
        assert await troubled.end(change) is State.ROLLED_BACK
        assert await troubled.served() == CLASSIC

    async def test_everything_waits_for_it(self, troubled: Theatre, trouble: TroubledStore) -> None:
        await troubled.policy()
        trouble.fails = {"rollout.admit", "approval.state", "rollout.expose", "rollout.move"}
        change = await troubled.submit(plan=plan(100, soak=0))
        await troubled.skip_approval(change, minutes=3)
        assert (await troubled.rollout(change)).state is State.AWAITING_APPROVAL
        trouble.fails = set()
        await troubled.skip_approval(change, minutes=3)
        await seen(lambda: closed(troubled, change), 30)
        assert await troubled.end(change) is State.SUCCEEDED
        assert len(await troubled.audited(Action.FLAG_EXPOSED, change)) == 1
