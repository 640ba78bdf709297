"""Settings become the line that Temporal's client is given, and nothing secret is shown on the way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from pydantic import ValidationError
from temporalio.service import TLSConfig

from adapters.settings import Settings
from adapters.temporal.client import connect, when_asked
from adapters.temporal.line import Line
from tests.authority import Authority

API_KEY = "an-api-key-that-nobody-sees"

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
    authority = Authority(tmp_path, "authority")
    client = authority.identity("changegate")
    return {"client_cert": client.certificate, "client_key": client.key, "server_ca": authority.certificate}


def keys(right: Path) -> dict[str, str]:
    """Files that a person may take for the `right` one."""
    another = Authority(right.parent, "another").identity("another").key.read_text()
    key = serialization.load_pem_private_key(right.read_bytes(), password=None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"a word"),
    )
    return {"empty": "", "another's": another, "encrypted": encrypted.decode()}


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
        ca = pems["server_ca"]
        assert Line.of(given(server_ca=ca)).tls == TLSConfig(server_root_ca_cert=ca.read_bytes())

    def test_files_become_mutual_tls(self, given: Given, pems: dict[str, Path]) -> None:
        assert Line.of(given(**pems)).tls == TLSConfig(
            server_root_ca_cert=pems["server_ca"].read_bytes(),
            client_cert=pems["client_cert"].read_bytes(),
            client_private_key=pems["client_key"].read_bytes(),
        )

    @pytest.mark.parametrize("alone", ["client_cert", "client_key"])
    def test_a_certificate_and_its_key_go_together(self, given: Given, pems: dict[str, Path], alone: str) -> None:
        with pytest.raises(ValidationError, match="go together") as refused:
            given(**{alone: pems[alone], "api_key": API_KEY})
        assert API_KEY not in str(refused.value)

    def test_shows_no_secret(self, given: Given, pems: dict[str, Path]) -> None:
        settings = given(api_key=API_KEY, **pems)
        shown = f"{settings!r} {settings} {Line.of(settings)!r} {Line.of(settings)}"
        assert "api_key=SecretStr" in shown
        assert API_KEY not in shown
        assert pems["client_key"].read_text().splitlines()[1] not in shown


class TestFile:
    @pytest.mark.parametrize("name", ["server_ca", "client_cert", "client_key"])
    @pytest.mark.parametrize(("exists", "reason"), [(False, "No such file or directory"), (True, "Is a directory")])
    def test_one_that_cannot_be_read_is_named_with_its_setting(
        self,
        given: Given,
        pems: dict[str, Path],
        name: str,
        exists: bool,  # noqa: FBT001 - a case
        reason: str,
    ) -> None:
        pems[name].unlink()
        if exists:
            pems[name].mkdir()
        with pytest.raises(SystemExit) as ended:
            Line.of(given(**pems))
        setting = f"CHANGEGATE_TEMPORAL_{name.upper()}"
        assert ended.value.code == f"{setting} names {pems[name]}, which cannot be read: {reason}."

    @pytest.mark.parametrize("text", ["", "no PEM at all", "the client's key"])
    def test_an_authority_that_is_no_certificate_is_named(self, given: Given, pems: dict[str, Path], text: str) -> None:
        """Temporal's client would trust nobody, and not say why."""
        pems["server_ca"].write_text(pems["client_key"].read_text() if "key" in text else text)
        with pytest.raises(SystemExit) as ended:
            Line.of(given(**pems))
        assert ended.value.code == (
            f"CHANGEGATE_TEMPORAL_SERVER_CA names {pems['server_ca']}, which is no file of certificates in PEM."
        )

    @pytest.mark.parametrize("wrong", ["empty", "another's", "encrypted"])
    def test_a_key_that_is_not_the_certificates_own_is_named_and_not_shown(
        self, given: Given, pems: dict[str, Path], wrong: str
    ) -> None:
        pems["client_key"].write_text(keys(pems["client_key"])[wrong])
        with pytest.raises(SystemExit, match="which are not a certificate and its own private key") as ended:
            Line.of(given(**pems))
        sentence = str(ended.value.code)
        assert f"CHANGEGATE_TEMPORAL_CLIENT_KEY names {pems['client_key']}" in sentence
        assert "BEGIN" not in sentence


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
