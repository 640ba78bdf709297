import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.memory.events import MemoryEvents
from adapters.memory.webhooks import MemoryWebhooks
from application.ports.events import Line, WorkKind
from domain.events import (
    Delivery,
    DeliveryState,
    Event,
    EventType,
    Progress,
    Subject,
    Subscription,
    Wants,
    new_event_id,
)
from tests.contract.homes import DEV, LONG_AGO, PRODUCTION, Home
from tests.contract.settings import KEY, ROOT, day, entry, put, stored

TWINS = MemoryEvents, MemoryWebhooks
KEEP = timedelta(days=7)
NOW = timedelta()


def told(home: Home, key: str | None = KEY, **given: Any) -> Event:
    facts: dict[str, Any] = {
        "type": EventType.SETTING_CHANGED, "environment": PRODUCTION, "subject": Subject(key, ROOT, 1),
        "at": LONG_AGO, "actor": home.ada.id, "change": uuid4(),
    }  # fmt: skip
    return Event(new_event_id(LONG_AGO), tenant=home.tenant.id, **{**facts, **given})


def subscribed(home: Home, **given: Any) -> Subscription:
    wants = Wants("https://receiver.example/x", (EventType.SETTING_CHANGED,), (DEV,), "a.", description="mine")
    return replace(Subscription(uuid4(), 1, wants, "sealed", home.ada.id, LONG_AGO), **given)


def on_its_way(webhook: UUID, **given: Any) -> Delivery:
    body = {"id": "x", "epoch": 3, "subject": {"key": None}}
    made = Delivery(uuid4(), webhook, uuid4(), EventType.SETTING_CHANGED, body, LONG_AGO, command="c")
    return replace(made, **given)


async def one_on_its_way(home: Home) -> Delivery:
    webhook = subscribed(home)
    delivery = on_its_way(webhook.id)
    async with home.transaction() as tx:
        await tx.webhooks.add(webhook)
        await tx.webhooks.hand_out(delivery)
    return delivery


async def kinds(home: Home, keep: timedelta = KEEP) -> list[WorkKind]:
    return [each.kind for each in await home.store.event_work(keep) if each.tenant == home.tenant.id]


class TestNumbering:
    async def test_comes_back_as_it_was_written_with_its_place(self, home: Home) -> None:
        event = told(home)
        async with home.transaction() as tx:
            await tx.events.add(event)
            assert await tx.events.after(0, 9) == []
        async with home.transaction() as tx:
            numbered = await tx.events.number(9)
        assert numbered == [replace(event, position=1, epoch=0)]
        async with home.transaction() as tx:
            assert await tx.events.after(0, 9) == numbered
            assert await tx.events.line() == Line(1, 0)

    async def test_goes_on_in_the_order_of_writing(self, home: Home) -> None:
        for key in "abc":
            async with home.transaction() as tx:
                await tx.events.add(told(home, key))
        found = []
        for _ in range(3):
            async with home.transaction() as tx:
                found += await tx.events.number(2)
        assert [(each.subject.key, each.position) for each in found] == [("a", 1), ("b", 2), ("c", 3)]
        async with home.transaction() as tx:
            assert [each.position for each in await tx.events.after(1, 1)] == [2]

    async def test_what_was_rolled_back_is_never_told(self, home: Home) -> None:
        with suppress(ZeroDivisionError):
            async with home.transaction() as tx:
                await tx.events.add(told(home))
                raise ZeroDivisionError
        async with home.transaction() as tx:
            assert await tx.events.number(9) == []
        assert await kinds(home) == []

    async def test_carries_how_far_its_environment_had_come(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(), expected=0)
            await tx.settings.bump(PRODUCTION)
            await tx.settings.bump(PRODUCTION)
            await tx.events.add(
                told(home), told(home, type=EventType.FEATURE_FLAG_CREATED), told(home, environment=None)
            )
            assert [each.epoch for each in await tx.events.number(9)] == [2, 1, None]

    async def test_a_plan_is_not_told_before_its_instant(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.events.add(told(home, at=day(1)))
        async with home.transaction() as tx:
            assert await tx.events.number(9) == []
        assert await kinds(home) == []

    async def test_nobody_sees_those_of_another_tenant(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.events.add(told(home))
            await tx.events.number(9)
        async with home.store.transaction(uuid4()) as tx:
            assert await tx.events.after(0, 9) == []
            assert await tx.events.line() == Line()


class TestForgetting:
    async def test_what_was_told_long_ago_is_forgotten_and_the_line_says_so(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.events.add(told(home, "a"), told(home, "b"))
            await tx.events.number(1)
        await asyncio.sleep(0.01)
        assert await kinds(home, NOW) == [WorkKind.UNTOLD, WorkKind.OLD]
        async with home.transaction() as tx:
            assert await tx.events.forget(NOW) == 1
            assert await tx.events.line() == Line(1, 1)
            assert [each.subject.key for each in await tx.events.number(9)] == ["b"]

    async def test_what_is_younger_stays(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.events.add(told(home))
            await tx.events.number(9)
            assert await tx.events.forget(KEEP) == 0
            assert len(await tx.events.after(0, 9)) == 1
        assert await kinds(home) == []


class TestWebhooks:
    async def test_come_back_as_they_were_written(self, home: Home) -> None:
        webhook = subscribed(home)
        async with home.transaction() as tx:
            assert await tx.webhooks.add(webhook)
            assert not await tx.webhooks.add(replace(webhook, sealed="other"))
        async with home.transaction() as tx:
            found = await tx.webhooks.get(webhook.id, lock=True)
            assert found is not None
            assert replace(found, created_at=LONG_AGO) == webhook
            assert await tx.webhooks.all() == [found]
            after = replace(found, version=2, failing_since=day(1), disabled_because="x", sealed="y")
            await tx.webhooks.save(after)
            assert await tx.webhooks.get(webhook.id) == after

    async def test_go_with_what_was_on_its_way(self, home: Home) -> None:
        delivery = await one_on_its_way(home)
        async with home.transaction() as tx:
            await tx.webhooks.remove(delivery.webhook)
        async with home.transaction() as tx:
            assert await tx.webhooks.get(delivery.webhook) is None
            assert await tx.webhooks.delivery(delivery.id) is None


class TestDeliveries:
    async def test_are_handed_out_once(self, home: Home) -> None:
        delivery = await one_on_its_way(home)
        async with home.transaction() as tx:
            await tx.webhooks.hand_out(replace(delivery, body={}))
            found = await tx.webhooks.delivery(delivery.id)
        assert found is not None
        assert replace(found, created_at=LONG_AGO) == delivery

    @pytest.mark.parametrize(
        ("moved", "stands", "settled"),
        [
            (Progress(UUID(int=0), "c", DeliveryState.DUE, 2, "status-500"), "c", False),
            (Progress(UUID(int=0), "c", DeliveryState.DELIVERED, 3, None), "c", True),
            (Progress(UUID(int=0), "c", DeliveryState.DEAD, 15, "status-500"), "c", True),
            (Progress(UUID(int=0), "c", DeliveryState.DUE, 1, "webhook-disabled", waits=True), None, False),
        ],
    )
    async def test_stand_where_their_command_has_brought_them(
        self, home: Home, moved: Progress, stands: str | None, *, settled: bool
    ) -> None:
        delivery = await one_on_its_way(home)
        async with home.transaction() as tx:
            await tx.webhooks.follow([replace(moved, delivery=delivery.id, command="another")])
            assert (await tx.webhooks.deliveries(delivery.webhook, None, None, 9))[0].attempts == 0
            await tx.webhooks.follow([replace(moved, delivery=delivery.id)])
            found = await tx.webhooks.delivery(delivery.id, lock=True)
            assert found is not None
            assert (found.state, found.attempts, found.last_error) == (moved.state, moved.attempts, moved.last_error)
            assert (found.command, found.settled_at is not None) == (stands, settled)
            arrived = moved.state is DeliveryState.DELIVERED
            assert await tx.webhooks.carrying(delivery.webhook) == ["c"] * (stands is not None and not arrived)
        assert await kinds(home) == ([] if stands else [WorkKind.UNCARRIED])

    async def test_that_nothing_carries_are_taken_up_once(self, home: Home) -> None:
        delivery = await one_on_its_way(home)
        assert await kinds(home) == []
        async with home.transaction() as tx:
            await tx.webhooks.revive(delivery.id)
        assert await kinds(home) == [WorkKind.UNCARRIED]
        async with home.transaction() as tx:
            (taken,) = await tx.webhooks.take_up(9)
            assert taken.command not in {None, "c"}
            assert await tx.webhooks.delivery(delivery.id) == taken
            assert await tx.webhooks.take_up(9) == []
        assert await kinds(home) == []

    async def test_that_are_dead_are_found_and_revived(self, home: Home) -> None:
        delivery = await one_on_its_way(home)
        async with home.transaction() as tx:
            await tx.webhooks.follow([Progress(delivery.id, "c", DeliveryState.DEAD, 15, "status-500")])
            (dead,) = await tx.webhooks.deliveries(delivery.webhook, DeliveryState.DEAD, None, 9)
            assert await tx.webhooks.deliveries(delivery.webhook, DeliveryState.DUE, None, 9) == []
            before = dead.created_at, dead.id
            assert await tx.webhooks.deliveries(delivery.webhook, None, before, 9) == []
            await tx.webhooks.revive(delivery.id)
            again = await tx.webhooks.delivery(delivery.id)
        assert again is not None
        assert (again.state, again.attempts, again.command) == (DeliveryState.DUE, 0, None)

    async def test_to_a_webhook_that_is_off_wait_and_tests_of_it_do_not(self, home: Home) -> None:
        delivery = await one_on_its_way(home)
        async with home.transaction() as tx:
            webhook = await tx.webhooks.get(delivery.webhook)
            assert webhook is not None
            await tx.webhooks.save(replace(webhook, wants=replace(webhook.wants, enabled=False)))
            await tx.webhooks.revive(delivery.id)
        assert await kinds(home) == []
        test = on_its_way(webhook.id, type=EventType.WEBHOOK_TESTED, command=None)
        async with home.transaction() as tx:
            await tx.webhooks.hand_out(test)
        assert await kinds(home) == [WorkKind.UNCARRIED]
        async with home.transaction() as tx:
            assert [each.id for each in await tx.webhooks.take_up(9)] == [test.id]


class TestPlans:
    async def test_of_a_value_stand_where_the_value_stands(self, home: Home) -> None:
        await put(home, stored(entry(home)))
        async with home.transaction() as tx:
            await tx.events.add(told(home, at=day(0)))
            assert await tx.events.number(9) == []
