"""Rules, contexts and outcomes that are written down hold wherever flags are evaluated."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from changegate.openfeature import ChangegateProvider
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError
from openfeature.provider import AbstractProvider

from domain.environments import Environment
from tests.api.flagging import Protocol, served  # noqa: F401 -- fixtures are found by their names

VECTORS = json.loads((Path(__file__).parents[1] / "contract" / "flag_vectors.json").read_text(encoding="utf-8"))
CASES = [(key, each["type"], case) for key, each in VECTORS["flags"].items() for case in each["cases"]]
DOCUMENT = {
    "$evaluators": VECTORS["evaluators"],
    "flags": {key: each["definition"] for key, each in VECTORS["flags"].items()},
}


@pytest_asyncio.fixture(autouse=True)
async def written(protocol: Protocol, ask: Any, eventually: Any) -> None:
    """As people bring them in."""
    wish = {"environment": "dev", "format": "flagd", "document": DOCUMENT, "reason": "because of the test"}
    answer = await ask("ada", "POST", "/flag-documents", json=wish)
    assert answer.status_code == 200, answer.text
    shelf = await protocol.world.services.flag_sets.shelf(protocol.house.id, Environment.DEV)
    await eventually(lambda: shelf.flags.keys >= DOCUMENT["flags"].keys())


@pytest.fixture
def begin() -> Iterator[Callable[[AbstractProvider], Any]]:
    begun: list[AbstractProvider] = []

    async def begin(provider: AbstractProvider) -> None:
        begun.append(provider)
        await asyncio.to_thread(provider.initialize, EvaluationContext())

    yield begin
    for each in begun:
        each.shutdown()


def found_by(provider: AbstractProvider, key: str, kind: str, asked: dict[str, Any]) -> dict[str, Any]:
    about = dict(asked)
    context = EvaluationContext(about.pop("targetingKey", None), about)
    try:
        found = getattr(provider, f"resolve_{kind}_details")(key, None, context)
    except OpenFeatureError:
        return {"context": asked, "reason": "ERROR"}
    said = {"value": found.value, "variant": found.variant} if found.variant else {}
    return {"context": asked, "reason": str(found.reason), **said}


@pytest.mark.req("FR-SM-014", "OF-01", "OF-05")
class TestVectors:
    async def test_over_ofrep(self, protocol: Protocol) -> None:
        async with protocol.world.client(protocol.house, "shop") as client:
            for key, _, case in CASES:
                answer = await client.post(
                    f"/ofrep/v1/evaluate/flags/{key}", json={"context": case["context"]},
                    headers={"Changegate-Environment": "dev"},
                )  # fmt: skip
                found = answer.json()
                if case["reason"] == "ERROR":
                    assert (answer.status_code, found["errorCode"]) == (400, "GENERAL"), (key, case)
                    continue
                said = {name: found[name] for name in ("value", "variant") if "value" in found}
                assert repr({"context": case["context"], "reason": found["reason"], **said}) == repr(case), key

    async def test_by_the_provider_of_flagd(self, protocol: Protocol, begin: Any) -> None:
        provider = FlagdProvider(
            resolver_type=ResolverType.IN_PROCESS, host=protocol.door.host, port=protocol.door.port,
            selector=protocol.selector, provider_id=protocol.token(), deadline_ms=30_000,
        )  # fmt: skip
        await begin(provider)
        for key, kind, case in CASES:
            assert found_by(provider, key, kind, case["context"]) == case, key

    async def test_by_our_own(self, protocol: Protocol, begin: Any, address: str) -> None:
        slug = protocol.house.tenant.slug
        provider = ChangegateProvider(address, protocol.token(), environment="dev", tenant=slug, patience=60.0)
        await begin(provider)
        for key, kind, case in CASES:
            assert repr(found_by(provider, key, kind, case["context"])) == repr(case), key
