"""The unmodified OpenFeature provider of flagd evaluates in its own process what this server streams."""

import asyncio
import ipaddress
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # grpcio brings no types along
import pytest
from cryptography import x509
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import FlagNotFoundError

from api.flagd.door import SyncDoor
from tests.api.flagging import CHECKOUT, IN, Protocol, haste, served  # noqa: F401 -- fixtures are found by their names
from tests.authority import Authority

ON = {**CHECKOUT, "defaultVariant": "on"}


@pytest.fixture
def providing(protocol: Protocol) -> Callable[..., Any]:
    """A provider that has begun; by TLS and a token of its own where there is an authority."""

    @asynccontextmanager
    async def begun(authority: Authority | None = None, **more: Any) -> Any:
        given: dict[str, Any] = {"provider_id": protocol.token(), **more}
        if authority is not None:
            trust = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
            token = grpc.access_token_call_credentials(protocol.token())
            given = {"channel_credentials": grpc.composite_channel_credentials(trust, token), **more}
        provider = FlagdProvider(
            resolver_type=ResolverType.IN_PROCESS, host=protocol.door.host, port=protocol.door.port,
            selector=protocol.selector, deadline_ms=30_000, retry_backoff_ms=100, retry_backoff_max_ms=200, **given,
        )  # fmt: skip
        try:
            await asyncio.to_thread(provider.initialize, EvaluationContext())
            yield provider
        finally:
            await asyncio.to_thread(provider.shutdown)

    return begun


def value(provider: FlagdProvider, key: str = "checkout") -> bool:
    return provider.resolve_boolean_details(key, False).value


@pytest.mark.req("FR-SM-041", "FR-SM-012", "FD-01")
class TestPythonProvider:
    async def test_over_tls_it_has_values_and_reasons_and_hears_of_changes(
        self, protocol: Protocol, providing: Any, tmp_path: Path, eventually: Any
    ) -> None:
        authority = Authority(tmp_path, "ca")
        own = authority.identity("flagd.example.test", x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        await protocol.close()
        protocol.door = SyncDoor(0, cert=own.certificate, key=own.key)
        await protocol.open()
        async with providing(authority, provider_id="shop-1") as provider:
            told = provider.resolve_boolean_details("checkout", True)
            assert (told.value, told.variant, str(told.reason)) == (False, "off", "STATIC")
            assert told.flag_metadata["flagSetId"] == protocol.selector.removeprefix("flagSetId=")
            with pytest.raises(FlagNotFoundError):
                provider.resolve_boolean_details("nothing", False)
            await protocol.put(ON)
            await eventually(lambda: value(provider))

    async def test_it_goes_on_without_the_server_and_follows_it_again(
        self, protocol: Protocol, providing: Any, eventually: Any
    ) -> None:
        async with providing() as provider:
            await protocol.close()
            await protocol.put(ON)
            assert value(provider) is False
            await protocol.open()
            await eventually(lambda: value(provider))

    @pytest.mark.usefixtures("hasty")
    async def test_it_hears_nothing_more_once_its_token_is_revoked(
        self, protocol: Protocol, providing: Any, eventually: Any
    ) -> None:
        async with AsyncExitStack() as stack:
            refused = await stack.enter_async_context(providing(fatal_status_codes=["PERMISSION_DENIED"]))
            good = await stack.enter_async_context(providing(provider_id=protocol.token("eve")))
            await protocol.revoke()
            await eventually(lambda: refused.resolver.connector._is_fatal)
            await protocol.put(ON)
            await eventually(lambda: value(good))
            assert value(refused) is False
