"""Keys are rotated under an API that goes on: nobody who reads or writes secrets notices."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from adapters.crypto import EnvelopeSealer
from adapters.crypto.files import FileKeyRing
from adapters.postgres.store import PostgresStore
from application.settings.reading import Question
from application.settings.rotation import Rotation
from application.settings.sealing import Sealing
from domain.environments import Environment
from domain.settings import Scope

AT = "/settings/pay.token{}?environment=dev"
WHY = {"reason": "because of the test"}


@pytest.fixture
def ring(world: Any, data_folder: Path) -> FileKeyRing:
    """The one of the running API."""
    return FileKeyRing(data_folder / "ring")


@pytest.fixture
async def put(ask: Any, define: Any) -> Any:
    await define(key="pay.token", type="secret", scopes=["tenant", "company"])

    async def sent(value: str, version: int) -> None:
        answer = await ask(
            "ada", "PUT", AT.format(""), json={"value": value, **WHY}, headers={"If-Match": f'"v{version}"'}
        )
        assert answer.status_code == 200, answer.text

    return sent


@pytest.mark.req("ST80")
class TestRotation:
    async def test_goes_on_beside_readers_and_writers(
        self, ask: Any, put: Any, store: PostgresStore, ring: FileKeyRing, house: Any
    ) -> None:
        await put("number 0", 0)
        over = asyncio.Event()
        seen: list[str] = []

        async def read() -> None:
            while not over.is_set():
                answer = await ask("shop", "POST", AT.format("/reveal"))
                assert answer.status_code == 200, answer.text
                seen.append(answer.json()["value"])

        reading = asyncio.create_task(read())
        for version in range(1, 5):
            await ring.grow()
            _, done = await asyncio.gather(
                put(f"number {version}", version), Rotation(store, ring, batch=1).rotate("because")
            )
            assert done.primary == await ring.primary()
        over.set()
        await reading
        assert sorted(seen) == seen
        back = await ask(
            "ada", "POST", AT.format("/rollback"), json={"to_version": 1, **WHY}, headers={"If-Match": '"v5"'}
        )
        assert back.status_code == 200, back.text
        assert (await ask("shop", "POST", AT.format("/reveal"))).json()["value"] == "number 0"

    async def test_a_process_with_the_old_primary_and_one_with_the_new_read_each_other(
        self, ask: Any, put: Any, store: PostgresStore, ring: FileKeyRing, house: Any, data_folder: Path
    ) -> None:
        before = await ring.primary()
        behind = Sealing(store, EnvelopeSealer(FileKeyRing(data_folder / "ring", before)))
        question = Question(Environment.DEV, Scope(""))
        made = await ring.grow()
        await put("from the new one", 0)
        assert (await behind.reveal(house.shop, question, "pay.token")).reveal() == "from the new one"
        await Rotation(store, FileKeyRing(data_folder / "ring", before)).rotate("the old one rotates as well")
        assert (await ask("shop", "POST", AT.format("/reveal"))).json()["value"] == "from the new one"
        await Rotation(store, ring).rotate("because")
        found = {each.kek for each in await store.sealed_keys() if each.tenant == house.id}
        assert (found, (await behind.reveal(house.shop, question, "pay.token")).reveal()) == (
            {made},
            "from the new one",
        )
