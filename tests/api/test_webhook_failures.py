"""A webhook that fails is visible, repaired by whoever owns it, and in the end switched off."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events import DELIVER_EVENT
from tests.api.desk import WHY, Desk
from tests.receiving import Receiver


class TestDeadLetter:
    async def test_is_visible_and_delivered_again_under_the_same_id(self, desk: Desk, receiver: Receiver) -> None:
        receiver.status = 500
        await desk.subscribe(receiver.url)
        await desk.define("limit")
        await desk.round()
        await desk.fail(14)
        (dead,) = await desk.deliveries(state="dead")
        assert (dead["attempts"], dead["last_error"]) == (15, "status-500")
        carries = (await desk.ask("aud", "GET", f"/commands/changegate/{dead['command']}")).json()
        assert (carries["type"], carries["parked"], carries["dependency"]) == (
            DELIVER_EVENT, "exhausted", f"webhook:{desk.id}",
        )  # fmt: skip
        await desk.fail(1)
        assert len(receiver.taken) == 15
        receiver.status = 200
        again = await desk.ask("ada", "POST", f"/webhooks/{desk.id}/deliveries/{dead['id']}/redeliver", json=WHY)
        assert (again.status_code, again.json()["state"]) == (202, "due")
        twice = await desk.ask("ada", "POST", f"/webhooks/{desk.id}/deliveries/{dead['id']}/redeliver", json=WHY)
        assert (twice.status_code, twice.json()["type"]) == (409, "/problems/still-underway")
        await desk.fail(1)
        assert set(receiver.ids) == {dead["event"]}
        (delivered,) = await desk.deliveries()
        assert (delivered["state"], delivered["command"]) == ("delivered", dead["command"])
        carried = (await desk.ask("aud", "GET", f"/commands/changegate/{dead['command']}")).json()
        assert (carried["state"], carried["epoch"]) == ("completed", 2)

    async def test_pages_go_on_where_they_ended(self, desk: Desk, receiver: Receiver) -> None:
        await desk.subscribe(receiver.url)
        for number in range(3):
            await desk.define(f"key{number}")
        await desk.round()
        path = f"/webhooks/{desk.id}/deliveries"
        first = (await desk.ask("ada", "GET", path, params={"limit": 2})).json()
        rest = (await desk.ask("ada", "GET", path, params={"limit": 2, "cursor": first["next_cursor"]})).json()
        assert rest["next_cursor"] is None
        assert len({each["id"] for each in first["items"] + rest["items"]}) == 3


class TestSwitchingOff:
    async def _failing(self, desk: Desk, receiver: Receiver, status: int) -> None:
        receiver.status = status
        await desk.subscribe(receiver.url)
        await desk.define("limit")
        await desk.round()

    async def test_comes_after_days_of_failure_and_its_owner_is_told(
        self, desk: Desk, receiver: Receiver, engine: AsyncEngine, house: Any
    ) -> None:
        await self._failing(desk, receiver, 500)
        assert (await desk.webhook())["enabled"]
        await desk.in_time("UPDATE webhook SET failing_since = now() - interval '4 days'")
        await desk.fail(1)
        off = await desk.webhook()
        assert (off["enabled"], off["disabled_because"]) == (False, "status-500")
        await desk.define("other")
        await desk.fail(1)
        assert len(receiver.taken) == 2
        async with engine.begin() as connection:
            await connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(house.id)})
            told = text("SELECT recipient FROM notice WHERE template = 'webhook_disabled'")
            assert set((await connection.execute(told)).scalars()) == {house.ada.id, None}

    async def test_comes_at_once_when_the_receiver_says_that_it_is_gone(self, desk: Desk, receiver: Receiver) -> None:
        await self._failing(desk, receiver, 410)
        assert not (await desk.webhook())["enabled"]
        assert [each["state"] for each in await desk.deliveries()] == ["dead"]

    async def test_ends_when_it_is_enabled_again(self, desk: Desk, receiver: Receiver) -> None:
        await self._failing(desk, receiver, 500)
        await desk.in_time("UPDATE webhook SET failing_since = now() - interval '4 days'")
        await desk.fail(1)
        receiver.status = 200
        wish = {"url": receiver.url, **WHY}
        on = await desk.ask("ada", "PUT", f"/webhooks/{desk.id}", json=wish, headers={"If-Match": '"v2"'})
        assert (on.status_code, on.json()["failing_since"], on.json()["disabled_because"]) == (200, None, None)
        await desk.fail(1)
        assert [each["state"] for each in await desk.deliveries()] == ["delivered"]
