"""Webhooks over the whole way: subscribed through the API, called on loopback, repaired by whoever owns them."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from standardwebhooks.webhooks import WebhookVerificationError

from adapters.egress.client import EgressClient
from tests.api.desk import WHY, Desk, hand
from tests.receiving import Receiver, receiving

V1 = {"If-Match": '"v1"'}


class TestSubscription:
    async def test_shows_its_secret_once(self, ask: Any, engine: AsyncEngine, house: Any) -> None:
        wish = {"url": "https://receiver.example/x", **WHY}
        key = {"Idempotency-Key": uuid4().hex}
        first = await ask("ada", "POST", "/webhooks", json=wish, headers=key)
        again = await ask("ada", "POST", "/webhooks", json=wish, headers=key)
        secret = first.json()["secret"]
        assert secret.startswith("whsec_")
        assert again.json() == {**first.json(), "secret": None}
        listed = await ask("ada", "GET", "/webhooks")
        assert [each["id"] for each in listed.json()["items"]] == [first.json()["id"]]
        assert secret not in listed.text
        async with engine.begin() as connection:
            await connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(house.id)})
            for kept in (
                "SELECT w::text FROM webhook AS w",
                "SELECT k::text FROM idempotency_key AS k",
                "SELECT a::text FROM audit_event AS a",
            ):
                rows = (await connection.execute(text(kept))).scalars().all()
                assert rows
                assert not any(secret.removeprefix("whsec_") in row or secret.encode().hex() in row for row in rows)

    async def test_is_replaced_and_removed_at_the_version_that_was_read(self, ask: Any, desk: Desk) -> None:
        await desk.subscribe("https://receiver.example/x")
        other = {"url": "https://other.example/y", "types": ["SettingChanged"], "environments": ["dev"], **WHY}
        assert (await ask("ada", "PUT", f"/webhooks/{desk.id}", json=other, headers=V1)).json()["version"] == 2
        assert (await ask("ada", "PUT", f"/webhooks/{desk.id}", json=other, headers=V1)).status_code == 412
        gone = await ask("ada", "DELETE", f"/webhooks/{desk.id}", params=WHY, headers={"If-Match": '"v2"'})
        assert (gone.status_code, gone.content) == (204, b"")
        assert (await ask("ada", "GET", f"/webhooks/{desk.id}")).status_code == 404
        trail = (await ask("aud", "GET", f"/audit-logs?resource={desk.id}")).json()["items"]
        assert [each["action"].split(":")[2] for each in trail] == ["removed", "changed", "created"]
        assert "receiver.example/x" not in str(trail)

    @pytest.mark.parametrize(
        "url", ["ftp://x.example", "https://u:p@x.example/", "https://x.example/#part", "nothing", "https://ä.example"]
    )
    async def test_of_an_address_that_no_webhook_has_is_refused(self, ask: Any, url: str) -> None:
        answer = await ask("ada", "POST", "/webhooks", json={"url": url, **WHY})
        assert answer.status_code == 422
        assert [fault["path"] for fault in answer.json()["faults"]] == ["/url"]


class TestDelivery:
    async def test_carries_the_event_under_a_signature_and_no_value(
        self, desk: Desk, receiver: Receiver, ask: Any
    ) -> None:
        await desk.define("limit")
        await desk.round()
        await desk.subscribe(receiver.url, types=["SettingChanged"])
        body = {"environment": "dev", "items": [{"key": "limit", "value": 424242}], **WHY}
        assert (await ask("ada", "POST", "/settings/bulk", json=body)).status_code == 200
        await desk.round()
        (event,) = receiver.events(desk.secret)
        assert (event["type"], event["environment"], event["subject"]["key"]) == ("SettingChanged", "dev", "limit")
        assert receiver.ids == [event["id"]]
        assert b"424242" not in receiver.taken[0][1]
        (delivery,) = await desk.deliveries()
        assert (delivery["state"], delivery["attempts"], delivery["event"]) == ("delivered", 1, event["id"])

    async def test_follows_what_was_asked_for(self, desk: Desk, receiver: Receiver) -> None:
        await desk.subscribe(receiver.url, prefix="billing.", types=["SettingDefined"], environments=["qa"])
        for key in ("billing.currency", "mail.sender"):
            await desk.define(key)
        await desk.round()
        assert [each["subject"]["key"] for each in receiver.events(desk.secret)] == ["billing.currency"]

    async def test_is_made_by_one_of_two_workers(self, desk: Desk, receiver: Receiver) -> None:
        await desk.subscribe(receiver.url)
        for number in range(12):
            await desk.define(f"key{number}")
        for _ in range(12):
            await desk.round()
        assert len(receiver.ids) == len(set(receiver.ids)) == 12

    async def test_that_is_underway_is_left_alone(
        self, desk: Desk, receiver: Receiver, eventually: Callable[..., Any]
    ) -> None:
        receiver.held.clear()
        await desk.subscribe(receiver.url)
        await desk.define("limit")
        await desk.relay.publisher.publish(desk.house.id)
        working = asyncio.create_task(desk.hands[0].work(desk.house.id))
        await eventually(lambda: receiver.taken)
        assert not await desk.hands[1].work(desk.house.id)
        receiver.held.set()
        assert await working == {"completed": 1}
        assert len(receiver.taken) == 1

    async def test_to_one_that_hangs_holds_no_other_up(
        self, desk: Desk, receiver: Receiver, ask: Any, eventually: Callable[..., Any]
    ) -> None:
        receiver.held.clear()
        async with receiving() as prompt:
            for url in (receiver.url, prompt.url):
                assert (await ask("ada", "POST", "/webhooks", json={"url": url, **WHY})).status_code == 201
            for number in range(6):
                await desk.define(f"key{number}")
            await desk.relay.publisher.publish(desk.house.id)
            working = [asyncio.create_task(desk.hands[0].work(desk.house.id))]

            async def all_told() -> bool:
                working.append(asyncio.create_task(desk.hands[1].work(desk.house.id)))
                return len(prompt.ids) == 6

            await eventually(all_told)
        receiver.held.set()
        assert sum(map(Counter.total, await asyncio.gather(*working))) == 12

    async def test_is_tried_again_with_the_same_id(self, desk: Desk, receiver: Receiver) -> None:
        receiver.status = 503
        await desk.subscribe(receiver.url)
        await desk.define("limit")
        await desk.round()
        (failed,) = await desk.deliveries(state="due")
        assert (failed["attempts"], failed["last_error"]) == (1, "status-503")
        assert (await desk.webhook())["failing_since"] is not None
        receiver.status = 200
        await desk.fail(1)
        assert receiver.ids == [failed["event"]] * 2
        assert (await desk.webhook())["failing_since"] is None

    async def test_never_leaves_for_an_address_inside(self, desk: Desk, store: Any, data_folder: Any) -> None:
        await desk.subscribe("https://127.0.0.1/hook")
        await desk.define("limit")
        async with EgressClient() as guarded:
            desk.hands[:] = [hand(store, data_folder, guarded)]
            await desk.round()
        (delivery,) = await desk.deliveries()
        assert delivery["last_error"] == "address-not-public"


class TestSecret:
    async def test_a_new_one_signs_what_comes_from_now_on(self, desk: Desk, receiver: Receiver) -> None:
        await desk.subscribe(receiver.url)
        new = await desk.ask("ada", "POST", f"/webhooks/{desk.id}/secret", json=WHY)
        assert new.status_code == 200
        await desk.define("limit")
        await desk.round()
        assert len(receiver.events(new.json()["secret"])) == 1
        with pytest.raises(WebhookVerificationError):
            receiver.events(desk.secret)


class TestTest:
    async def test_goes_to_the_webhook_that_is_tested_and_to_nobody_else(
        self, desk: Desk, receiver: Receiver, ask: Any
    ) -> None:
        async with receiving() as other:
            await ask("ada", "POST", "/webhooks", json={"url": other.url, **WHY})
            await desk.subscribe(receiver.url, types=["FeatureFlagDisabled"], environments=["qa"])
            sent = await ask("ada", "POST", f"/webhooks/{desk.id}/test", json=WHY)
            assert sent.status_code == 202
            await desk.round()
            assert [each["type"] for each in receiver.events(desk.secret)] == ["WebhookTested"]
            assert other.taken == []

    async def test_reaches_one_that_is_switched_off(self, desk: Desk, receiver: Receiver, ask: Any) -> None:
        await desk.subscribe(receiver.url, enabled=False)
        await ask("ada", "POST", f"/webhooks/{desk.id}/test", json=WHY)
        await desk.define("limit")
        await desk.round()
        assert [each["type"] for each in receiver.events(desk.secret)] == ["WebhookTested"]

    async def test_of_a_request_that_is_repeated_is_sent_once(self, desk: Desk, receiver: Receiver, ask: Any) -> None:
        await desk.subscribe(receiver.url)
        key = {"Idempotency-Key": uuid4().hex}
        answers = [await ask("ada", "POST", f"/webhooks/{desk.id}/test", json=WHY, headers=key) for _ in range(2)]
        assert answers[0].json() == answers[1].json()
        await desk.round()
        assert len(receiver.taken) == 1
