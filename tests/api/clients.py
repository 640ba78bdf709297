"""People who use the Python client, and settings for them."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from changegate import AsyncClient, Item

WHY: dict[str, Any] = {"environment": "dev", "reason": "because of the test"}
SCOPES = ["tenant", "company"]


@pytest_asyncio.fixture(name="billing")
async def defined(define: Any) -> None:
    await define(key="billing.gateway", type="string", scopes=SCOPES, default="stripe")
    await define(key="billing.limit", type="integer", scopes=SCOPES, default=100)
    await define(key="billing.password", type="secret", scopes=SCOPES)


@pytest.fixture(name="token")
def minted(world: Any, house: Any) -> Callable[[str], str]:
    def of(handle: str) -> str:
        words: str = world.headers(house, handle)["Authorization"]
        return words.removeprefix("Bearer ")

    return of


@pytest_asyncio.fixture(name="ada")
async def her(address: str, token: Any, house: Any, billing: None) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(address, token("ada"), tenant=house.tenant.slug) as made:
        yield made


async def put(client: AsyncClient, key: str, value: Any, **more: Any) -> Any:
    stored = await client.settings.stored(key, environment="dev")
    return await client.settings.set(Item(key, value, **more), over=stored.version, **WHY)
