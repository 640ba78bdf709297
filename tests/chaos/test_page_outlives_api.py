"""A page keeps its flags while the API is killed under it, and has what changed meanwhile once it is back."""

from pathlib import Path

import pytest

from adapters.identity.issuer import EmbeddedIssuer
from adapters.postgres.store import PostgresStore
from application.flags import Flags
from domain.environments import Environment
from tests.chaos.conftest import eventually
from tests.chaos.test_client_outlives_api import Api, api
from tests.conftest import House
from tests.keeping import pages
from tests.node import node_home

__all__ = ["api", "node_home"]  # fixtures are found by their name

FLAG = {"state": "ENABLED", "variants": {"a": "green", "b": "blue"}, "defaultVariant": "a"}
PLACE = (Environment.DEV, "text")
WHY = "because of the test"


@pytest.mark.req("OF-01", "OF-03")
async def test_what_changed_while_the_api_was_dead_is_kept_once_it_is_back(
    api: Api,
    node_home: Path,
    neighbourhood: House,
    issuer: EmbeddedIssuer,
    store: PostgresStore,
) -> None:
    flags = Flags(store)
    await flags.create(neighbourhood.ada, PLACE, FLAG, WHY)
    async with pages(node_home) as browse:
        async with api.started():
            kept = await browse(api.url, issuer.mint("eve"), neighbourhood.tenant.slug, "dev")
            assert (await kept.tells("begun"))["value"] == "green"
            await flags.update(neighbourhood.ada, PLACE, {**FLAG, "defaultVariant": "b"}, expected=1, reason=WHY)
            await kept.tells("PROVIDER_CONFIGURATION_CHANGED", "blue")
            await api.kill()
            assert (await kept.tells("PROVIDER_STALE"))["value"] == "blue"
        await flags.update(neighbourhood.ada, PLACE, FLAG, expected=2, reason=WHY)

        async def green() -> bool:
            return bool(await kept.look() == "green")

        async with api.started():
            await eventually(green)  # after a while it begins anew without telling of what changed
