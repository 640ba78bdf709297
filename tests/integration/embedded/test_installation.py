"""API and worker of an installation meet its own servers, whatever the shell says of others."""

import pytest
from pydantic import SecretStr

from adapters.embedded.places import Places
from adapters.embedded.stack import Stack
from adapters.settings import Settings


class TestEnvironment:
    async def test_the_shells_temporal_is_not_ours(self, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CHANGEGATE_TEMPORAL_ADDRESS", "elsewhere:7233")
        monkeypatch.setenv("CHANGEGATE_TEMPORAL_API_KEY", "of-elsewhere")
        monkeypatch.setenv("CHANGEGATE_TEMPORAL_TLS", "true")
        for name, value in Places.of(stack, 8080, "of-the-service", None).environment.items():
            monkeypatch.setenv(name, value)
        settings = Settings()  # type: ignore[call-arg]  # the environment gives what has no default
        assert settings.temporal_address == stack.endpoints.temporal_address
        assert settings.temporal_api_key is None
        assert settings.temporal_tls is False

    async def test_the_login_is_the_services_and_its_password_stays_hidden(self, stack: Stack) -> None:
        url = SecretStr(Places.of(stack, 8080, "p/w@d", None).environment["CHANGEGATE_DATABASE_URL"])
        assert url.get_secret_value().startswith("postgresql://changegate_service:p%2Fw%40d@127.0.0.1:")
        assert "p%2Fw" not in repr(url)
