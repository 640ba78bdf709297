import asyncio
from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from adapters.memory.links import MemoryLinkSeals
from adapters.memory.notify import MemoryNotifier
from adapters.memory.store import MemoryStore
from application.bypassing import Emergency
from application.couriers import MOST_CALLS, MOST_EACH, Courier
from application.delivering import Delivery, Outlets
from application.emergencies import Emergencies
from application.faring import Fared, Sent
from application.ports.links import Link
from application.ports.outward import Errand, ErrandKind
from application.ports.records import WaitingKind
from tests.world import World

HOOK = "https://hooks.example.test/x"
TENANT = UUID(int=1)


def courier(world: World, notifier: MemoryNotifier, webhook: str | None = HOOK) -> Courier:
    delivery = Delivery(
        world.store, notifier, Outlets("https://gate.example.test/", webhook), links=MemoryLinkSeals(world.clock)
    )
    assert isinstance(world.store, MemoryStore)
    return Courier(world.store, {ErrandKind.NOTICE: delivery.deliver}, pause=0)


async def rounds(made: Courier, count: int = 3) -> None:
    for _ in range(count):
        await made.round()
        await made.settled()


async def waits(world: World) -> bool:
    return WaitingKind.NOTICE in {row.kind for row in await world.store.waiting()}


class TestDelivery:
    @pytest.mark.req("S77")
    async def test_a_dead_mail_server_loses_no_message_and_doubles_none(self, world: World) -> None:
        await world.submit()
        notifier = MemoryNotifier(down=True)
        made = courier(world, notifier)
        for _ in range(3):
            await rounds(made)
            world.clock += timedelta(minutes=10)
        assert notifier.delivered == []
        assert await waits(world)
        notifier.down = False
        await rounds(made, 5)
        assert sorted(message.recipient.name for message in notifier.delivered) == ["", "abe", "bob", "cyd", "dee"]
        assert not await waits(world)

    @pytest.mark.req("S10")
    async def test_a_reminder_that_is_written_twice_goes_out_once(self, world: World) -> None:
        submitted = await world.submit()
        notifier = MemoryNotifier()
        for _ in range(2):
            await world.balloting.remind(world.tenant.id, submitted.approval.id, "24h")
        await rounds(courier(world, notifier), 5)
        reminded = [each.recipient.name for each in notifier.delivered if each.template == "approval_reminder"]
        assert sorted(reminded) == ["", "abe", "bob", "cyd", "dee"]

    async def test_whoever_is_asked_gets_a_link_of_their_own(self, world: World) -> None:
        await world.submit()
        notifier = MemoryNotifier()
        await rounds(courier(world, notifier))
        links = {message.recipient.name: message.link for message in notifier.delivered}
        shared = links.pop("")
        assert shared.startswith("https://gate.example.test/approvals/")
        assert len(set(links.values())) == len(links) == 4
        assert {link.startswith("https://gate.example.test/a/") for link in links.values()} == {True}

    async def test_what_is_asked_for_is_said_from_the_database(self, world: World) -> None:
        await world.submit()
        notifier = MemoryNotifier()
        await rounds(courier(world, notifier))
        titles = [section.title for section in notifier.delivered[0].sections]
        assert titles == [
            "What changes", "How far it reaches", "How it goes out", "How it is judged", "How it is taken back",
        ]  # fmt: skip
        assert notifier.delivered[0].sections[0].lines == ('~ /defaultVariant: "off" -> "on"',)
        assert "defaultVariant" not in str(notifier.delivered[0].facts)

    async def test_why_somebody_went_past_an_approval_is_read_when_it_is_told(self, world: World) -> None:
        if await world.flag() is None:
            await world.put()
        down = Emergency("INC-7", "the shop is down and nobody answers")
        emergencies = Emergencies(world.store, world.processes, world.submission)
        await emergencies.break_glass(world.olu, (await world.propose()).id, down)
        assert isinstance(world.store, MemoryStore)
        rows = world.store._rows[world.tenant.id].notices.values()
        assert not any("nobody answers" in str(row.notice.facts) for row in rows)
        notifier = MemoryNotifier()
        await rounds(courier(world, notifier))
        told = [each for each in notifier.delivered if each.template == "breakglass_used"]
        assert {each.facts["reason"] for each in told} == {down.reason}
        assert told[0].sections[0].lines == ('~ /defaultVariant: "off" -> "on"',)

    async def test_what_leaves_is_counted_by_how_it_fared(self, world: World) -> None:
        await world.submit()
        notifier = MemoryNotifier(down=True)
        made = courier(world, notifier)
        await rounds(made, 1)
        assert made.sent == {Sent("mail", Fared.RETRIED): 4, Sent("webhook", Fared.RETRIED): 1}
        notifier.down = False
        world.clock += timedelta(minutes=10)
        await rounds(made)
        assert made.sent[Sent("mail", Fared.DELIVERED)] == 4
        assert made.sent[Sent("webhook", Fared.DELIVERED)] == 1

    async def test_what_is_given_up_is_counted_once(self, world: World) -> None:
        await world.submit()
        made = courier(world, MemoryNotifier(down=True), webhook=None)
        for _ in range(25):
            await rounds(made, 1)
            world.clock += timedelta(minutes=10)
        assert made.sent == {Sent("mail", Fared.RETRIED): 4 * 19, Sent("mail", Fared.GIVEN_UP): 4}

    async def test_what_cannot_be_written_is_tried_once_a_minute(self, world: World) -> None:
        class Torn(MemoryLinkSeals):
            tried = 0

            def issue(self, link: Link) -> str:
                self.tried += 1
                raise ZeroDivisionError

        await world.submit()
        assert isinstance(world.store, MemoryStore)
        seals, notifier = Torn(world.clock), MemoryNotifier()
        delivery = Delivery(world.store, notifier, Outlets("https://gate.example.test", HOOK), links=seals)
        made = Courier(world.store, {ErrandKind.NOTICE: delivery.deliver}, pause=0)
        await rounds(made)
        assert seals.tried == 4
        assert [message.recipient.address for message in notifier.delivered] == [HOOK]
        world.clock += timedelta(minutes=2)
        await rounds(made)
        assert seals.tried == 8

    async def test_where_there_is_no_webhook_nobody_is_told(self, world: World) -> None:
        await world.submit()
        notifier = MemoryNotifier()
        await rounds(courier(world, notifier, webhook=None))
        assert len(notifier.delivered) == 4
        assert not await waits(world)

    async def test_runs_through_an_outage_of_the_database(self, world: World) -> None:
        await world.submit()
        assert isinstance(world.store, MemoryStore)
        notifier = MemoryNotifier()
        world.store.down = True
        running = asyncio.create_task(courier(world, notifier).run())
        await asyncio.sleep(0.01)
        assert notifier.delivered == []
        world.store.down = False
        await asyncio.sleep(0.05)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        assert len(notifier.delivered) == 5


class Piles:
    """Errands of two lanes; those of `stuck` never end."""

    def __init__(self, stuck: int, prompt: int) -> None:
        self.due = [Errand(ErrandKind.NOTICE, TENANT, uuid4(), "stuck") for _ in range(stuck)]
        self.due += [Errand(ErrandKind.NOTICE, TENANT, uuid4(), "prompt") for _ in range(prompt)]
        self.begun: list[UUID] = []
        self.done: list[UUID] = []
        self.all_done = asyncio.Event()

    async def errands(self) -> list[Errand]:
        return [each for each in self.due if each.id not in self.done]

    async def attend(self, _tenant: UUID, errand: UUID) -> None:
        self.begun.append(errand)
        if next(each for each in self.due if each.id == errand).lane == "stuck":
            await asyncio.Event().wait()
        self.done.append(errand)
        if {each.id for each in self.due if each.lane == "prompt"} <= set(self.done):
            self.all_done.set()


class TestLanes:
    @pytest.mark.req("S77")
    async def test_a_receiver_that_hangs_delays_nobody_else(self) -> None:
        piles = Piles(stuck=100, prompt=20)
        made = Courier(piles, {ErrandKind.NOTICE: piles.attend}, pause=0)
        running = asyncio.create_task(made.run())
        await asyncio.wait_for(piles.all_done.wait(), 60)
        assert len(piles.begun) == 20 + MOST_EACH < MOST_CALLS
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    async def test_a_defect_in_one_stops_no_other(self) -> None:
        piles = Piles(stuck=0, prompt=3)

        async def attend(tenant: UUID, errand: UUID) -> None:
            if errand == piles.due[0].id:
                raise ZeroDivisionError
            await piles.attend(tenant, errand)

        await rounds(Courier(piles, {ErrandKind.NOTICE: attend}))
        assert len(piles.done) == 2
