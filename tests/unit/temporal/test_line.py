"""Settings become the line that Temporal's client is given, and nothing secret is shown on the way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from temporalio.service import TLSConfig

from adapters.settings import Settings
from adapters.temporal.client import connect, when_asked
from adapters.temporal.line import Line

API_KEY = "an-api-key-that-nobody-sees"
PEMS = {
    "client_cert": b"the certificate",
    "client_key": b"the-private-key-that-nobody-sees",
    "server_ca": b"the authority",
}

Given = Callable[..., Settings]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    def settings(**chosen: Any) -> Settings:
        monkeypatch.setenv("CHANGEGATE_DATABASE_URL", "postgresql://nobody@127.0.0.1/none")
        for name, value in chosen.items():
            monkeypatch.setenv(f"CHANGEGATE_TEMPORAL_{name.upper()}", str(value))
        return Settings()  # type: ignore[call-arg]  # the environment gives what has no default

    return settings


@pytest.fixture
def pems(tmp_path: Path) -> dict[str, Path]:
    for name, text in PEMS.items():
        (tmp_path / name).write_bytes(text)
    return {name: tmp_path / name for name in PEMS}


class TestLine:
    def test_is_plain_unless_asked(self, given: Given) -> None:
        assert Line.of(given(address="temporal:7233", namespace="gates")) == Line("temporal:7233", "gates")
        assert Line("temporal:7233").tls is False

    def test_tls_alone_trusts_the_authorities_of_the_system(self, given: Given) -> None:
        assert Line.of(given(tls="true")).tls is True

    def test_an_api_key_is_never_sent_in_the_clear(self, given: Given) -> None:
        line = Line.of(given(api_key=API_KEY, tls="false"))
        assert (line.api_key, line.tls) == (API_KEY, True)

    def test_an_authority_alone_is_trusted(self, given: Given, pems: dict[str, Path]) -> None:
        assert Line.of(given(server_ca=pems["server_ca"])).tls == TLSConfig(server_root_ca_cert=PEMS["server_ca"])

    def test_files_become_mutual_tls(self, given: Given, pems: dict[str, Path]) -> None:
        assert Line.of(given(**pems)).tls == TLSConfig(
            server_root_ca_cert=PEMS["server_ca"],
            client_cert=PEMS["client_cert"],
            client_private_key=PEMS["client_key"],
        )

    @pytest.mark.parametrize("alone", ["client_cert", "client_key"])
    def test_a_certificate_and_its_key_go_together(self, given: Given, pems: dict[str, Path], alone: str) -> None:
        with pytest.raises(ValidationError, match="go together") as refused:
            given(**{alone: pems[alone], "api_key": API_KEY})
        assert API_KEY not in str(refused.value)

    def test_a_file_that_is_missing_is_named(self, given: Given, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="nowhere"):
            Line.of(given(server_ca=tmp_path / "nowhere.pem"))

    def test_shows_no_secret(self, given: Given, pems: dict[str, Path]) -> None:
        settings = given(api_key=API_KEY, **pems)
        shown = f"{settings!r} {settings} {Line.of(settings)!r} {Line.of(settings)}"
        assert "api_key=SecretStr" in shown
        assert "nobody-sees" not in shown


class TestConnect:
    async def test_gives_the_whole_line_to_the_client(self, given: Given) -> None:
        """A lazy client keeps what it was given and calls nobody."""
        client = await when_asked(Line.of(given(address="temporal:7233", namespace="gates", api_key=API_KEY)))()
        config = client.service_client.config
        assert (config.target_host, client.namespace) == ("temporal:7233", "gates")
        assert (config.tls, config.api_key) == (True, API_KEY)

    async def test_an_address_is_a_plain_line(self) -> None:
        client = await connect("temporal:7233", lazy=True)
        config = client.service_client.config
        assert (client.namespace, config.tls, config.api_key) == ("default", False, None)
