"""The Python client and the API fit each other: everything it asks is answered, and read as it was meant."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import changegate
import pytest
import uvicorn
from changegate import AsyncClient, AsyncSettings, Change, Item, Settings

from api.corked import Protocol
from tests.api.clients import SCOPES, WHY, defined, her, minted, put  # noqa: F401 -- fixtures are found by their names


class Door:
    """The application behind a uvicorn that can be stopped, and started again on the same port."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._task: asyncio.Task[None] | None = None
        self._server: uvicorn.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self, eventually: Any) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._app, log_level="critical", lifespan="off", access_log=False, http=Protocol,
            timeout_graceful_shutdown=0,
        )  # fmt: skip
        self._server = server = uvicorn.Server(config)
        self._task = asyncio.create_task(server.serve(sockets=[listening]))
        await eventually(lambda: server.started)

    async def close(self) -> None:
        if self._server is not None and self._task is not None:
            self._server.should_exit = self._server.force_exit = True
            await self._task
            self._server = None


@pytest.fixture
async def door(world: Any, eventually: Any) -> AsyncIterator[Door]:
    made = Door(world.app)
    await made.open(eventually)
    yield made
    await made.close()


@pytest.fixture
def following(token: Any, house: Any, billing: None) -> Callable[..., contextlib.AbstractAsyncContextManager[Any]]:
    """Settings in a thread of their own, as a program without asyncio has them."""

    @contextlib.asynccontextmanager
    async def followed(url: str, **more: Any) -> AsyncIterator[Settings]:
        given = {"environment": "dev", "scope": "company:de", "tenant": house.tenant.slug, **more}
        settings = await asyncio.to_thread(lambda: Settings(url, token("shop"), **given))
        try:
            yield settings
        finally:
            await asyncio.to_thread(settings.close)

    return followed


class TestClient:
    async def test_writes_reads_and_goes_back(self, ada: AsyncClient) -> None:
        first = await put(ada, "billing.limit", 5)
        assert (first.entries[0].value, first.entries[0].version, first.submitted) == (5, 1, None)
        item = Item("billing.limit", 7, scope="company:de")
        assert (await ada.settings.set(item, over=0, **WHY)).entries[0].scope == "company:de"
        effective = await ada.settings.effective("billing.limit", environment="dev", scope="company:de")
        assert (effective.value, effective.winner, effective.type) == (7, "company:de", "integer")
        explained = await ada.settings.explain("billing.limit", environment="dev", scope="company:de")
        assert [line.state for line in explained.trace][-1] == "set"
        await ada.settings.unset(item, over=1, **WHY)
        await put(ada, "billing.limit", 9)
        diff = await ada.settings.diff("billing.limit", environment="dev", before=1, after=2)
        assert diff == [{"op": "changed", "path": "/value", "before": 5, "after": 9}]
        await ada.settings.rollback(Item("billing.limit"), to=1, over=2, **WHY)
        found = [each async for each in ada.settings.versions("billing.limit", environment="dev")]
        assert [(each.version, each.value) for each in found] == [(3, 5), (2, 9), (1, 5)]

    async def test_writes_many_or_none(self, ada: AsyncClient) -> None:
        items = [Item("billing.limit", 5), Item("billing.gateway", "paypal", expected_version=0)]
        planned = await ada.settings.bulk(items, dry_run=True, **WHY)
        assert [each.value for each in planned.entries] == [5, "paypal"]
        with pytest.raises(changegate.Invalid) as refused:
            await ada.settings.bulk([*items, Item("billing.limit", "x", scope="company:de")], **WHY)
        assert [fault.path for fault in refused.value.faults] == ["/items/2/value"]
        assert len((await ada.settings.bulk(items, **WHY)).entries) == 2
        every = [each.key async for each in ada.settings.all_effective(environment="dev")]
        assert every == ["billing.gateway", "billing.limit", "billing.password"]

    async def test_refusals_arrive_as_what_they_are(self, ada: AsyncClient, address: str, token: Any) -> None:
        await put(ada, "billing.limit", 5)
        with pytest.raises(changegate.Stale):
            await ada.settings.set(Item("billing.limit", 6), over=7, **WHY)
        with pytest.raises(changegate.NotFound):
            await ada.settings.effective("not.there", environment="dev")
        with pytest.raises(changegate.NotAllowed):
            await ada.settings.reveal("billing.password", environment="dev")
        async with AsyncClient(address, "not.a.token") as nobody:
            with pytest.raises(changegate.NotKnown):
                await nobody.settings.effective("billing.limit", environment="dev")

    async def test_a_change_waits_and_is_voted_on(self, ada: AsyncClient, address: str, token: Any, house: Any) -> None:
        outcome = await ada.settings.set(
            Item("billing.limit", 5), environment="production", over=0, reason="more orders"
        )
        assert outcome.submitted is not None
        change = await ada.changes.get(outcome.submitted.change.id)
        assert (change.digest, change.reason) == (outcome.submitted.change.digest, "more orders")
        async with AsyncClient(address, token("bob"), tenant=house.tenant.slug) as bob:
            (waiting,) = await bob.changes.pending()
            after = await bob.changes.vote(waiting, "approve")
        assert [each["voter_handle"] for each in after.votes] == ["bob"]

    async def test_a_bundle_goes_out_and_comes_in(self, ada: AsyncClient) -> None:
        await put(ada, "billing.limit", 5)
        bundle = await ada.bundles.export(environment="dev")
        again = await ada.bundles.import_(bundle, environment="dev", reason="the same again", dry_run=True)
        assert (again.outcome, again.equal > 0) == ("no_changes", True)


class TestSettings:
    @pytest.mark.parametrize("stream", [False, True], ids=["poll", "stream"])
    async def test_what_is_written_is_seen(
        self, address: str, ada: AsyncClient, following: Any, eventually: Any, *, stream: bool
    ) -> None:
        told: list[Change] = []
        async with following(address, stream=stream) as settings:
            assert settings.get("billing.gateway", type=str) == "stripe"
            settings.on_change(told.append)
            await put(ada, "billing.gateway", "paypal")
            await eventually(lambda: settings.get("billing.gateway") == "paypal")
            await eventually(lambda: told == [Change("billing.gateway", "stripe", "paypal")])
            await ada.settings.set(Item("billing.gateway", "adyen", scope="company:de"), over=0, **WHY)
            await eventually(lambda: settings.get("billing.gateway") == "adyen")

    async def test_a_setting_that_is_defined_later_is_there(
        self, address: str, following: Any, define: Any, eventually: Any
    ) -> None:
        async with following(address) as settings:
            await define(key="a.later.one", type="integer", scopes=SCOPES, default=5)
            await eventually(lambda: settings.get("a.later.one", default=0) == 5)

    @pytest.mark.req("ST80")
    async def test_secrets_are_asked_for_and_never_kept(
        self, address: str, ada: AsyncClient, following: Any, tmp_path: Path
    ) -> None:
        await put(ada, "billing.password", "correct horse battery staple")
        async with following(address, snapshot=tmp_path / "kept") as settings:
            with pytest.raises(changegate.SecretNotKept):
                settings.get("billing.password")
            revealed = await asyncio.to_thread(settings.reveal, "billing.password")
            assert revealed == "correct horse battery staple"
        kept = (tmp_path / "kept").read_text()
        assert ("correct horse" in kept, "$secret" in kept, "$sealed" in kept) == (False, False, False)

    async def test_the_last_known_values_outlive_the_api(
        self, door: Door, ada: AsyncClient, following: Any, eventually: Any, tmp_path: Path
    ) -> None:
        """Killed, started without it from the snapshot, and back again."""
        path = tmp_path / "kept"
        async with following(door.url, snapshot=path) as settings:
            await put(ada, "billing.gateway", "paypal")
            await eventually(lambda: settings.get("billing.gateway") == "paypal")
            await door.close()
            await eventually(lambda: settings.stale_since is not None)
            assert settings.get("billing.gateway") == "paypal"
        async with following(door.url, snapshot=path) as settings:
            assert (settings.get("billing.gateway"), settings.stale_since is None) == ("paypal", False)
            await put(ada, "billing.gateway", "adyen")
            await door.open(eventually)
            await eventually(lambda: settings.get("billing.gateway") == "adyen", patience=60)
            await eventually(lambda: settings.stale_since is None)
        assert [each for each in threading.enumerate() if each.name == "changegate-settings"] == []

    async def test_a_wrong_token_is_said_at_once(self, address: str, house: Any) -> None:
        with pytest.raises(changegate.NotKnown):
            await asyncio.to_thread(lambda: Settings(address, "not.a.token", environment="dev"))

    @pytest.mark.req("ST84")
    async def test_another_tenant_is_never_seen(
        self, address: str, ada: AsyncClient, token: Any, house: Any, eventually: Any
    ) -> None:
        """A token of this tenant that names another one is refused; its own shows its own."""
        with pytest.raises((changegate.NotAllowed, changegate.NotFound, changegate.NotKnown)):
            async with AsyncSettings(address, token("shop"), environment="dev", tenant="t-of-somebody-else"):
                pass
        async with AsyncSettings(
            address, token("shop"), environment="dev", tenant=house.tenant.slug
        ) as settings:  # fmt: skip
            assert settings.keys() == ["billing.gateway", "billing.limit", "billing.password"]


class TestInstances:
    @pytest.mark.req("S61")
    async def test_who_was_away_serves_what_it_has_and_says_what_it_holds_on_return(
        self, door: Door, ada: AsyncClient, following: Any, world: Any, ask: Any, eventually: Any
    ) -> None:
        async def holds() -> list[int | None]:
            await world.services.sightings.flush()
            found = (await ask("eve", "GET", "/targets/dev/setting/billing.limit/instances")).json()
            return [each["settings"] for each in found["items"] if each["name"] == "shop-1"]

        async with following(door.url, instance="shop-1") as settings:
            await put(ada, "billing.limit", 5)
            await eventually(lambda: settings.get("billing.limit") == 5)
            (before,) = await eventually(holds)
            await door.close()
            await put(ada, "billing.limit", 7)
            assert settings.get("billing.limit") == 5
            await door.open(eventually)
            await eventually(lambda: settings.get("billing.limit") == 7)

            async def newer() -> bool:
                return await holds() > [before]

            await eventually(newer)
