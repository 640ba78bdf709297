"""Rules, contexts and outcomes that are written down hold wherever flags are evaluated."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from changegate.openfeature import ChangegateProvider
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode, OpenFeatureError
from openfeature.provider import AbstractProvider

from domain.environments import Environment
from domain.flags import Bucketing
from tests.api.flagging import Protocol, served  # noqa: F401 -- fixtures are found by their names
from tests.vectors import Vectors, vectors

OWN = {"flagSetId", "scope", "version", "bucketing"}
"""What a flag set says of itself in metadata."""


@pytest.fixture
def bring(protocol: Protocol, ask: Any, eventually: Any) -> Callable[[Vectors, Bucketing], Any]:
    """As people bring them in, into a set of that bucketing."""

    async def bring(vectors: Vectors, bucketing: Bucketing) -> None:
        if bucketing is not Bucketing.V3:  # as every set begins
            other = {"bucketing": bucketing.value, "reason": "because of the test"}
            put = await ask("ada", "PUT", "/flag-bucketing?environment=dev", json=other, headers={"If-Match": '"v0"'})
            assert put.status_code == 200, put.text
        wish = {"environment": "dev", "format": "flagd", "document": vectors.document, "reason": "because of the test"}
        answer = await ask("ada", "POST", "/flag-documents", json=wish)
        assert answer.status_code == 200, answer.text
        shelf = await protocol.world.services.flag_sets.shelf(protocol.house.id, Environment.DEV)
        await eventually(lambda: shelf.flags.keys >= vectors.flags.keys())

    return bring


@pytest.fixture
def begin() -> Iterator[Callable[[AbstractProvider], Any]]:
    begun: list[AbstractProvider] = []

    async def begin(provider: AbstractProvider) -> None:
        begun.append(provider)
        await asyncio.to_thread(provider.initialize, EvaluationContext())

    yield begin
    for each in begun:
        each.shutdown()


def found_by(provider: AbstractProvider, key: str, kind: str, case: dict[str, Any]) -> dict[str, Any]:
    """What it finds, in the form of what is written."""
    about = dict(case["context"])
    context = EvaluationContext(about.pop("targetingKey", None), about)
    try:
        found = getattr(provider, f"resolve_{kind}_details")(key, None, context)
    except OpenFeatureError as error:
        return {"context": case["context"], "reason": "ERROR" if error.error_code is ErrorCode.GENERAL else error}
    said = {"value": found.value, "variant": found.variant} if found.variant else {}
    return in_form({"context": case["context"], "reason": str(found.reason), **said}, found.flag_metadata, case)


def in_form(said: dict[str, Any], metadata: Any, case: dict[str, Any]) -> dict[str, Any]:
    about = {name: value for name, value in sorted(metadata.items()) if name not in OWN}
    return {**said, **({"metadata": about} if "metadata" in case else {})}


@pytest.mark.req("FR-SM-014", "FD-06", "OF-01", "OF-05")
class TestVectors:
    @pytest.mark.parametrize("bucketing", list(Bucketing))
    async def test_they_hold_wherever_flags_are_evaluated(
        self, bucketing: Bucketing, protocol: Protocol, bring: Any, begin: Any, address: str
    ) -> None:
        written = vectors(bucketing)
        await bring(written, bucketing)
        await self.over_ofrep(protocol, written)
        slug = protocol.house.tenant.slug
        own = ChangegateProvider(address, protocol.token(), environment="dev", tenant=slug, patience=60.0)
        await begin(own)
        for key, case in written.cases:
            assert repr(found_by(own, key, written.types[key], case)) == repr(case), key
        if bucketing is Bucketing.V3:  # the provider knows no other
            flagds = FlagdProvider(
                resolver_type=ResolverType.IN_PROCESS, host=protocol.door.host, port=protocol.door.port,
                selector=protocol.selector, provider_id=protocol.token(), deadline_ms=30_000,
            )  # fmt: skip
            await begin(flagds)
            for key, case in written.cases:
                with suppress(ZeroDivisionError):  # which is a listed difference
                    assert found_by(flagds, key, written.types[key], case) == case, key

    async def over_ofrep(self, protocol: Protocol, written: Vectors) -> None:
        async with protocol.world.client(protocol.house, "shop") as client:
            for key, case in written.cases:
                answer = await client.post(
                    f"/ofrep/v1/evaluate/flags/{key}", json={"context": case["context"]},
                    headers={"Changegate-Environment": "dev"},
                )  # fmt: skip
                found = answer.json()
                if case["reason"] == "ERROR":
                    assert (answer.status_code, found["errorCode"]) == (400, "GENERAL"), (key, case)
                    continue
                said = {name: found[name] for name in ("value", "variant") if "value" in found}
                said = in_form({"context": case["context"], "reason": found["reason"], **said}, found["metadata"], case)
                assert repr(said) == repr(case), key
