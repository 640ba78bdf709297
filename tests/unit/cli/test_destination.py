"""A token goes only where it is meant to go, and whoever leaves something open is told what to give."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from adapters.embedded.ports import Ports
from cli import destination as places
from cli.app import build
from cli.destination import Asked, Frontend, NotSent, destination, frontend
from terminal import EmbeddedInstallation

TOKEN = "e30.made-up_by~somebody.else=="
REMOTE = "https://gates.example.com"


@pytest.fixture
def installation(tmp_path: Path) -> EmbeddedInstallation:
    """One that has been started before: its ports are remembered."""
    ports = Ports(tmp_path)
    ports.take("api")
    ports.take("temporal")
    return EmbeddedInstallation(tmp_path)


def asked(handle: str | None = None, api: str | None = None, tenant: str | None = None, **environment: str) -> Asked:
    said = {f"CHANGEGATE_{name.upper()}": value for name, value in environment.items()}
    return Asked(said, handle, api, tenant)


class TestEmbedded:
    def test_a_handle_alone_goes_to_the_api_of_the_data_folder(self, installation: EmbeddedInstallation) -> None:
        there = destination(asked("bob"), installation)
        assert (there.api, there.tenant, there.embedded) == (installation.api_url, None, True)
        assert there.token.count(".") == 2

    def test_its_token_goes_to_another_api_of_this_machine(self, installation: EmbeddedInstallation) -> None:
        there = destination(asked("bob", "http://127.0.0.1:8080/", "acme"), installation)
        assert (there.api, there.tenant, there.embedded) == ("http://127.0.0.1:8080", "acme", False)

    def test_its_token_never_leaves_this_machine(self, installation: EmbeddedInstallation) -> None:
        with pytest.raises(places.IssuerUnknownThere, match=r"for gates\.example\.com set CHANGEGATE_TOKEN"):
            destination(asked("bob", REMOTE), installation)
        assert not (installation.folder / "keys").exists()

    def test_its_temporal_is_that_of_the_data_folder_whatever_the_shell_says(
        self, installation: EmbeddedInstallation
    ) -> None:
        here = frontend(asked("bob", temporal_address="elsewhere:7233", temporal_namespace="other"), installation)
        assert here == Frontend(installation.temporal_address)


class TestOutside:
    def test_a_token_goes_to_the_api_that_is_named(self, installation: EmbeddedInstallation) -> None:
        there = destination(asked(api=f"{REMOTE}/gates/", tenant="acme", token=TOKEN), installation)
        assert (there.api, there.token, there.tenant) == (f"{REMOTE}/gates", TOKEN, "acme")
        assert not there.embedded

    def test_a_file_holds_it_as_well(self, installation: EmbeddedInstallation, tmp_path: Path) -> None:
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        there = destination(asked(api=REMOTE, token_file=str(tmp_path / "token")), installation)
        assert there.token == TOKEN

    def test_an_empty_variable_is_not_set(self, installation: EmbeddedInstallation) -> None:
        there = destination(asked("bob", api="", tenant="", token="", token_file=""), installation)
        assert (there.embedded, there.tenant) == (True, None)

    def test_is_never_shown(self, installation: EmbeddedInstallation) -> None:
        assert TOKEN not in repr(destination(asked(api=REMOTE, token=TOKEN), installation))

    @pytest.mark.parametrize(
        "api", ["http://127.0.0.1:8080", "http://127.9.9.9", "http://[::1]:80", "http://localhost"]
    )
    def test_goes_over_plain_http_within_this_machine(self, installation: EmbeddedInstallation, api: str) -> None:
        assert destination(asked(api=api, token=TOKEN), installation).token == TOKEN

    @pytest.mark.parametrize(
        "api",
        [
            "http://gates.example.com", "HTTP://gates.example.com", "http://10.0.0.1:8080", "http://127.1",
            "http://localhost.example.com", "http://127.0.0.1.example.com", "http://0.0.0.0:8080",
        ],
    )  # fmt: skip
    def test_goes_over_plain_http_to_nobody_else(self, installation: EmbeddedInstallation, api: str) -> None:
        with pytest.raises(places.Overheard, match="is not sent over plain http"):
            destination(asked(api=api, token=TOKEN), installation)

    @pytest.mark.parametrize(
        "api",
        [
            "gates.example.com", "127.0.0.1:8080", "ftp://gates.example.com", "https://", "https:///api",
            "https://me:secret@gates.example.com", "http://127.0.0.1\\@gates.example.com", "https://gates.example.com?a",
            "https://gates.example.com#a", "https://gates.example.com:99999", "https://gates\n.example.com",
        ],
    )  # fmt: skip
    def test_needs_a_plain_address(self, installation: EmbeddedInstallation, api: str) -> None:
        with pytest.raises(places.AddressMalformed) as refused:
            destination(asked(api=api, token=TOKEN), installation)
        assert "secret" not in str(refused.value)

    def test_temporal_is_the_one_that_the_settings_name(self, installation: EmbeddedInstallation) -> None:
        outside = asked(api=REMOTE, token=TOKEN, temporal_address="temporal:7233", temporal_namespace="gates")
        assert frontend(outside, installation) == Frontend("temporal:7233", "gates")
        assert frontend(asked(api=REMOTE, temporal_address="temporal:7233"), installation).namespace is None

    def test_temporal_is_not_guessed(self, installation: EmbeddedInstallation) -> None:
        with pytest.raises(places.TemporalUnknown, match="CHANGEGATE_TEMPORAL_ADDRESS"):
            frontend(asked(api=REMOTE, token=TOKEN), installation)


class TestRefused:
    @pytest.mark.parametrize(
        ("given", "refusal"),
        [
            (asked(), places.NobodyNamed),
            (asked(api=REMOTE), places.NobodyNamed),
            (asked("bob", REMOTE, token=TOKEN), places.NamedTwice),
            (asked("bob", token_file="/dev/zero-not-there"), places.TokenUnreadable),
            (asked(api=REMOTE, token=TOKEN, token_file="token"), places.TokenGivenTwice),
            (asked(token=TOKEN), places.AddressMissing),
            (asked(api=REMOTE, token=f"Bearer {TOKEN}"), places.TokenMalformed),
            (asked(api=REMOTE, token=f"{TOKEN}\r\nX-More: 1"), places.TokenMalformed),
            (asked(api=REMOTE, token_file="/dev/null"), places.TokenMalformed),
            (asked(api=REMOTE, token=TOKEN, tenant="acme\r\nX-More: 1"), places.TenantMalformed),
        ],
    )
    def test_what_is_open_or_said_twice(
        self, installation: EmbeddedInstallation, given: Asked, refusal: type[NotSent]
    ) -> None:
        with pytest.raises(refusal) as refused:
            destination(given, installation)
        assert TOKEN not in str(refused.value)

    def test_a_file_that_is_no_text(self, installation: EmbeddedInstallation, tmp_path: Path) -> None:
        (tmp_path / "token").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(places.TokenMalformed, match="CHANGEGATE_TOKEN_FILE holds no access token"):
            destination(asked(api=REMOTE, token_file=str(tmp_path / "token")), installation)


Say = Callable[..., tuple[int, str]]


@pytest.fixture
def say(installation: EmbeddedInstallation, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Runs a command, and gives its exit code and its words."""
    app: typer.Typer = build(installation)
    for variable in ("API_URL", "TENANT", "TOKEN", "TOKEN_FILE", "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"):
        monkeypatch.delenv(f"CHANGEGATE_{variable}", raising=False)

    def said(*words: str, **environment: str) -> tuple[int, str]:
        variables = {f"CHANGEGATE_{name.upper()}": value for name, value in environment.items()}
        outcome = CliRunner().invoke(app, list(words), env=variables)
        return outcome.exit_code, outcome.output

    return said


@pytest.mark.parametrize("words", [("pending",), ("vote", "some-change", "approve"), ("rollout", "some-change")])
class TestCommands:
    def test_say_in_one_sentence_what_is_missing(self, say: Say, words: tuple[str, ...]) -> None:
        code, told = say(*words)
        assert (code, told) == (1, f"{places.NobodyNamed()}\n")

    def test_read_address_and_token_from_the_environment(self, say: Say, words: tuple[str, ...]) -> None:
        code, told = say(*words, api_url="http://gates.example.com", token=TOKEN)
        assert (code, told) == (1, f"{places.Overheard(host='gates.example.com')}\n")

    def test_prefer_the_address_on_the_command_line(self, say: Say, words: tuple[str, ...]) -> None:
        code, told = say(*words, "--api", "http://10.0.0.9", api_url="http://gates.example.com", token=TOKEN)
        assert (code, told) == (1, f"{places.Overheard(host='10.0.0.9')}\n")

    def test_take_no_token_as_an_option(self, say: Say, words: tuple[str, ...]) -> None:
        assert say(*words, "--token", TOKEN)[0] == 2

    def test_refuse_a_person_besides_a_token(self, say: Say, words: tuple[str, ...]) -> None:
        code, told = say(*words, "--as", "bob", api_url=REMOTE, token=TOKEN)
        assert (code, told) == (1, f"{places.NamedTwice(variable='CHANGEGATE_TOKEN')}\n")

    def test_say_where_nothing_answers(
        self, say: Say, words: tuple[str, ...], installation: EmbeddedInstallation
    ) -> None:
        code, told = say(*words, "--as", "bob")
        assert code == 1
        assert told.startswith(f"{installation.api_url} does not answer: ")
        assert told.endswith(" Start Changegate with `make up`.\n")


def test_a_signal_is_not_proven_before_it_is_known_where_to_send_it(say: Say) -> None:
    code, told = say("vote", "some-change", "approve", "--emit-signal", api_url="http://127.0.0.1:1", token=TOKEN)
    assert (code, told) == (1, f"{places.TemporalUnknown()}\n")
