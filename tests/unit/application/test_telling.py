"""Messages are commands: they are delivered after what caused them, and a dead receiver costs no message."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.memory.links import MemoryLinkSeals
from adapters.memory.notify import MemoryNotifier
from adapters.memory.secrets import MemorySealer
from application.bypassing import Emergency
from application.commands.cases import CommandCases
from application.commands.handling import Handlers
from application.commands.leases import taken_back
from application.commands.moves import moved
from application.commands.telling import PATIENT, Telling
from application.delivering import Delivery, Outlets
from application.destinations import Destinations, DestinationWish
from application.emergencies import Emergencies
from application.faring import Fared, Sent
from application.notice_commands import DELIVER_NOTICE
from application.notices import tell
from application.ports.commands import CommandFilter
from application.ports.links import Link
from application.ports.notify import DeliveryRefused, Message
from application.ports.outward import DestinationKind
from application.ports.records import Notice, NoticeState
from domain.commands import MOST_CRASHES, CommandRecord, CommandState, ParkedKind
from domain.commands.operations import Act, Decision
from tests.own import Hand
from tests.world import World

HOOK = "https://hooks.example.test/x"
WHY = "because of the test"
S = CommandState
FACTS = {"title": "flag checkout", "environment": "production", "outcome": "succeeded"}


class Post:
    """What carries the messages of one world."""

    def __init__(self, world: World, notifier: Any = None, webhook: str | None = HOOK, links: Any = None) -> None:
        self.world, self.notifier = world, notifier or MemoryNotifier()
        self.sealer, self.fared = MemorySealer(), Counter[Sent]()
        outlets = Outlets("https://gate.example.test/", webhook)
        seals = links or MemoryLinkSeals(world.clock)
        self.delivery = Delivery(world.store, self.notifier, outlets, self.sealer, links=seals)
        self.telling = Telling(world.store, self.delivery, self.fared)
        self.hand = Hand(world.store, Handlers(self.telling), DELIVER_NOTICE)

    async def works(self) -> Counter[str]:
        return await self.hand.work(self.world.tenant.id)

    async def works_on(self, rounds: int) -> None:
        for _ in range(rounds):
            await self.works()
            self.world.clock += timedelta(minutes=11)

    async def commands(self) -> list[CommandRecord]:
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            return await tx.commands.page(CommandFilter(type=DELIVER_NOTICE), None, 999)

    async def stands(self) -> set[tuple[str, str | None]]:
        return {(each.state.value, each.parked and each.parked.value) for each in await self.commands()}

    async def place(self, name: str, **wish: Any) -> None:
        made = Destinations(self.world.store, self.sealer)
        await made.put(self.world.root, name, DestinationWish(**wish), expected=0, reason=WHY)

    async def tell(self, **facts: str) -> None:
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            link = f"/rollouts/{uuid4()}"
            await tell(tx, "rollout_finished", [None], {**FACTS, **facts}, link=link, seed=self.world.tenant.id)

    async def rows(self) -> list[Notice]:
        sent = await self.commands()
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            found = [await tx.notices.get(UUID(each.command.id)) for each in sent]
        return [each for each in found if each is not None]

    async def canceled(self) -> None:
        (waits,) = await self.commands()
        canceling = CommandCases.over(self.world.store).canceling
        await canceling.cancel(self.world.root, waits.key, waits.version, uuid4(), WHY)

    async def lost(self) -> None:
        """By one worker after the other, as often as that may be."""
        tenant = self.world.tenant.id
        for _ in range(MOST_CRASHES):
            lease = await self.hand.lease(tenant)
            assert lease is not None
            async with self.world.store.transaction(tenant) as tx:
                await moved(tx, [each.started() for each in await tx.commands.leased(lease)])
            await taken_back(self.world.store, tenant, lease)

    async def decide(self, act: Act) -> None:
        """About the one that is parked."""
        cases = CommandCases.over(self.world.store)
        (parked,) = [each for each in await self.commands() if each.state is S.PARKED]
        await cases.acts.decide(self.world.root, parked.key, parked.version, uuid4(), Decision(act, WHY))


def to(notifier: MemoryNotifier, template: str) -> list[str]:
    return sorted(each.recipient.name for each in notifier.delivered if each.template == template)


class TestTelling:
    @pytest.mark.req("CB-01", "CB-02")
    async def test_what_is_undone_tells_nobody(self, world: World) -> None:
        post = Post(world)
        with suppress(ZeroDivisionError):
            async with world.store.transaction(world.tenant.id) as tx:
                await tell(tx, "rollout_finished", [None], FACTS, link="/", seed=uuid4())
                raise ZeroDivisionError
        assert await post.commands() == []

    @pytest.mark.req("CB-03", "CB-57")
    async def test_told_twice_is_one_command_that_holds_names_alone(self, world: World) -> None:
        post = Post(world)
        await post.place("ops", kind=DestinationKind.SLACK, url="https://hooks.example.test/s")
        await post.place("dev", kind=DestinationKind.SLACK, url="https://hooks.example.test/d", events=("kill_switch",))
        for _ in range(2):
            await post.tell()
        sent = await post.commands()
        assert {(each.command.id, each.command.payload["notice"]) for each in sent} == {
            (str(each.id), str(each.id)) for each in await post.rows()
        }
        assert sorted(each.command.payload["receiver"] for each in sent) == ["to.ops", "webhook"]
        assert {each.command.options.correlation for each in sent} == {world.tenant.id}
        assert {each.command.options.change for each in sent} == {None}
        assert await post.works() == {"completed": 2}
        assert [each.state for each in await post.rows()] == [NoticeState.DELIVERED] * 2

    @pytest.mark.req("S10")
    async def test_a_reminder_that_is_written_twice_goes_out_once(self, world: World) -> None:
        submitted, post = await world.submit(), Post(world)
        for _ in range(2):
            await world.balloting.remind(world.tenant.id, submitted.approval.id, "24h")
            await post.works()
        assert to(post.notifier, "approval_reminder") == ["", "abe", "bob", "cyd", "dee"]

    async def test_whoever_is_asked_gets_a_link_of_their_own(self, world: World) -> None:
        await world.submit()
        post = Post(world)
        await post.works()
        links = {message.recipient.name: message.link for message in post.notifier.delivered}
        shared = links.pop("")
        assert shared.startswith("https://gate.example.test/approvals/")
        assert len(set(links.values())) == len(links) == 4
        assert {link.startswith("https://gate.example.test/a/") for link in links.values()} == {True}

    async def test_what_is_asked_for_is_said_from_the_database(self, world: World) -> None:
        await world.submit()
        post = Post(world)
        await post.works()
        titles = [section.title for section in post.notifier.delivered[0].sections]
        assert titles == [
            "What changes", "How far it reaches", "How it goes out", "How it is judged", "How it is taken back",
        ]  # fmt: skip
        assert post.notifier.delivered[0].sections[0].lines == ('~ /defaultVariant: "off" -> "on"',)
        assert "defaultVariant" not in str(post.notifier.delivered[0].facts)

    async def test_why_somebody_went_past_an_approval_is_read_when_it_is_told(self, world: World) -> None:
        await world.put()
        down = Emergency("INC-7", "the shop is down and nobody answers")
        emergencies, post = Emergencies(world.store, world.processes, world.submission), Post(world)
        await emergencies.break_glass(world.olu, (await world.propose()).id, down)
        assert not any("nobody answers" in str(each.facts) for each in await post.rows())
        await post.works()
        told = [each for each in post.notifier.delivered if each.template == "breakglass_used"]
        assert {each.facts["reason"] for each in told} == {down.reason}
        assert told[0].sections[0].lines == ('~ /defaultVariant: "off" -> "on"',)

    async def test_where_nobody_is_there_to_be_told_that_is_the_result(self, world: World) -> None:
        post = Post(world, webhook=None)
        await post.place("ops", kind=DestinationKind.SLACK, url="https://hooks.example.test/s")
        await post.tell()
        async with world.store.transaction(world.tenant.id) as tx:
            await tell(tx, "rollout_finished", [world.people["shop"].id], FACTS, link="/", seed=uuid4())
            await tx.outward.remove_destination("ops")
        assert await post.works() == {"completed": 3}
        assert [each.result for each in await post.commands()] == [{"told": "nobody"}] * 3
        assert post.notifier.delivered == []

    @pytest.mark.req("CB-09")
    async def test_a_list_becomes_a_message_for_each_address_without_any_of_them(self, world: World) -> None:
        post = Post(world, webhook=None)
        addresses = ("a@board.example", "b@board.example", "a@board.example")
        await post.place("board", kind=DestinationKind.EMAIL_LIST, addresses=addresses)
        await post.tell()
        assert await post.works() == {"completed": 4}
        assert sorted(each.recipient.address for each in post.notifier.delivered) == sorted(set(addresses))
        assert "board.example" not in str(await post.commands()) + str(await post.rows())
        by_receiver = {each.command.payload["receiver"]: each for each in await post.commands()}
        assert by_receiver["to.board"].result == {"told": 2}
        caused = [each for each in await post.commands() if each.command.payload["receiver"] == "mail"]
        assert {each.command.options.causation for each in caused} == {
            f"changegate/{by_receiver['to.board'].command.id}"
        }
        assert {each.command.options.correlation for each in caused} == {world.tenant.id}


class TestDeadReceiver:
    @pytest.mark.req("S77", "CB-38")
    async def test_costs_no_message_and_doubles_none_and_is_counted(self, world: World) -> None:
        await world.submit()
        post = Post(world, MemoryNotifier(down=True))
        await post.works()
        assert post.fared == {Sent("mail", Fared.RETRIED): 4, Sent("webhook", Fared.RETRIED): 1}
        await post.works_on(3)
        assert await post.stands() == {("retry-wait", None)}
        assert {each.state for each in await post.rows()} == {NoticeState.DUE}
        assert all(each.attempts for each in await post.rows())
        post.notifier.down = False
        await post.works_on(2)
        assert sorted(message.recipient.name for message in post.notifier.delivered) == ["", "abe", "bob", "cyd", "dee"]
        assert (post.fared[Sent("mail", Fared.DELIVERED)], post.fared[Sent("webhook", Fared.DELIVERED)]) == (4, 1)
        assert {each.state for each in await post.rows()} == {NoticeState.DELIVERED}
        assert {str(each.result) for each in await post.commands()} == {"{'told': 'mail'}", "{'told': 'webhook'}"}

    @pytest.mark.req("CB-13", "CB-40")
    async def test_after_the_last_attempt_it_waits_for_a_person_and_is_tried_really_when_they_say_so(
        self, world: World
    ) -> None:
        post = Post(world, MemoryNotifier(down=True))
        await post.tell()
        await post.works_on(PATIENT.max_attempts + 4)
        assert await post.stands() == {("parked", ParkedKind.EXHAUSTED.value)}
        assert post.fared == {Sent("webhook", Fared.RETRIED): 19, Sent("webhook", Fared.GIVEN_UP): 1}
        (given_up,) = await post.rows()
        assert (given_up.state, given_up.attempts) == (NoticeState.FAILED, 20)
        await post.decide(Act.RETRY)
        post.notifier.down = False
        await post.works()
        assert [(each.id, each.recipient.address) for each in post.notifier.delivered] == [(given_up.id, HOOK)]
        (told,) = await post.rows()
        assert told.state is NoticeState.DELIVERED

    @pytest.mark.req("CB-15")
    async def test_a_no_is_parked_at_once_and_may_be_canceled(self, world: World) -> None:
        class No(MemoryNotifier):
            async def deliver(self, message: Message) -> None:
                raise DeliveryRefused(reason="recipient", code=550)

        post = Post(world, No())
        await post.tell()
        await post.works()
        (parked,) = await post.commands()
        assert (parked.parked, parked.attempt, parked.error and parked.error.code) == (
            ParkedKind.PERMANENT,
            1,
            "recipient",
        )
        assert (await post.rows())[0].state is NoticeState.FAILED
        await post.decide(Act.CANCEL)
        assert await post.works() == {}
        assert await post.stands() == {("canceled", None)}

    @pytest.mark.req("CB-24", "CB-40", "CB-60")
    @pytest.mark.parametrize("end", ["canceled", "lost"])
    async def test_stands_as_its_command_does_however_that_ends(self, world: World, end: str) -> None:
        post = Post(world)
        await post.tell()
        await (post.canceled() if end == "canceled" else post.lost())
        assert await post.stands() == {("canceled", None) if end == "canceled" else ("parked", "poison")}
        assert [each.state for each in await post.rows()] == [NoticeState.FAILED]
        assert post.notifier.delivered == []
        if end == "lost":
            await post.decide(Act.RETRY)
            assert [(each.state, each.attempts) for each in await post.rows()] == [(NoticeState.DUE, 0)]
            await post.works()
            assert [each.state for each in await post.rows()] == [NoticeState.DELIVERED]

    @pytest.mark.req("CB-21", "CB-60")
    async def test_what_was_told_by_workers_that_died_stays_told(self, world: World) -> None:
        post = Post(world)
        await post.tell()
        (row,) = await post.rows()
        async with world.store.transaction(world.tenant.id) as tx:
            await tx.notices.delivered(row.id)
        await post.lost()
        assert [each.state for each in await post.rows()] == [NoticeState.DELIVERED]
        await post.decide(Act.RETRY)
        await post.works()
        assert (post.notifier.delivered, [each.result for each in await post.commands()]) == ([], [{"told": "before"}])

    async def test_what_cannot_be_written_holds_up_no_other(self, world: World) -> None:
        class Torn(MemoryLinkSeals):
            def issue(self, link: Link) -> str:
                raise ZeroDivisionError

        await world.submit()
        post = Post(world, links=Torn(world.clock))
        assert await post.works() == {"retry-wait": 4, "completed": 1}
        assert [message.recipient.address for message in post.notifier.delivered] == [HOOK]
        assert {each.error.code for each in await post.commands() if each.error} == {"ZeroDivisionError"}
        assert sorted(each.attempts for each in await post.rows()) == [0, 1, 1, 1, 1]
