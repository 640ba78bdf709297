"""The README of the Python client does what it says."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from changegate import AsyncClient, AsyncSettings, Client, Settings
from changegate.openfeature import ChangegateProvider
from changegate.telemetry import Telemetry
from openfeature import api as features
from openfeature.transaction_context import clear_transaction_context_propagator

from application.flags import Flags
from domain.environments import Environment
from tests.api.clients import WHY, defined, her, minted, put  # noqa: F401 -- fixtures are found by their names

README = Path(__file__).parents[2] / "clients" / "python" / "README.md"
_PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
CHECKOUT: dict[str, Any] = {
    "state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off",
    "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "on"]},
}  # fmt: skip


@pytest.fixture
async def met(world: Any, house: Any) -> AsyncIterator[Callable[[], Awaitable[list[str]]]]:
    """There is a flag; which of its variants the program said that it met."""
    store = world.services.store
    await Flags(store).create(house.ada, (Environment.DEV, "new-checkout"), CHECKOUT, WHY["reason"])

    async def variants() -> list[str]:
        async with store.transaction(house.id) as tx:
            given = await tx.flag_usage.given(Environment.DEV, ["new-checkout"])
        return [each.variant for each in given["new-checkout"]]

    yield variants
    await asyncio.to_thread(features.clear_providers)
    clear_transaction_context_propagator()


@pytest.mark.usefixtures("in_one_tenant")
async def test_the_readme_does_what_it_says(
    address: str, ada: AsyncClient, token: Any, met: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With tokens that are good in one tenant only, as an application has them."""
    await put(ada, "billing.password", "hush")
    for name, value in {
        "CHANGEGATE_API_URL": address, "CHANGEGATE_TOKEN": token("shop"),
        "ADAS_TOKEN": token("ada"), "BOBS_TOKEN": token("bob"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    blocks = _PYTHON.findall(README.read_text(encoding="utf-8"))
    program = compile("\n".join(blocks), str(README), "exec")
    here: dict[str, Any] = {"__name__": "readme"}
    await asyncio.to_thread(exec, program, here)
    assert (here["gateway"], here["limit"], here["password"]) == ("stripe", 100, "hush")
    assert here["outcome"].entries[0].value == 250
    assert here["submitted"] is not None
    assert here["new_checkout"] is True
    assert await met() == ["on"]


@pytest.fixture
def in_one_tenant(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The people of these tests belong to many tenants, and say which; those of the README belong to one."""
    for kind in (Settings, AsyncSettings, Client, ChangegateProvider, Telemetry):
        first: Callable[..., Any] = kind.__init__

        def init(self: Any, *given: Any, first: Callable[..., Any] = first, **more: Any) -> None:
            first(self, *given, **{"tenant": house.tenant.slug, **more})

        monkeypatch.setattr(kind, "__init__", init)
