"""What the environment says is read once, and each fault in it is one sentence without the value."""

import os
from collections.abc import Callable

import pytest

from adapters.settings import Settings, Terminal

DATABASE = "postgresql://nobody@127.0.0.1/none"
Given = Callable[..., str]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Given:
    """What whoever starts a process with these is told."""
    for name in [name for name in os.environ if name.startswith("CHANGEGATE_")]:
        monkeypatch.delenv(name)

    def sentences(**chosen: str) -> str:
        for name, value in chosen.items():
            monkeypatch.setenv(f"CHANGEGATE_{name}", value)
        with pytest.raises(SystemExit) as ended:
            Settings.read()
        return str(ended.value.code)

    return sentences


class TestSettings:
    def test_what_must_be_there_and_is_not_is_named(self, said: Given) -> None:
        assert said() == "CHANGEGATE_DATABASE_URL is not set."

    def test_every_fault_has_its_sentence_and_shows_no_value(self, said: Given) -> None:
        sentences = said(
            SMTP_PORT="hidden", DOCS="hidden", SMTP_SECURITY="hidden", TRUSTED_HOSTS='["hidden"', LOG_FORM="x"
        )
        assert {line.partition(" is ")[0] for line in sentences.splitlines()} == {
            *("CHANGEGATE_DATABASE_URL", "CHANGEGATE_SMTP_PORT", "CHANGEGATE_DOCS", "CHANGEGATE_SMTP_SECURITY"),
            *("CHANGEGATE_TRUSTED_HOSTS", "CHANGEGATE_LOG_FORM"),
        }
        assert "hidden" not in sentences
        assert all(line.endswith(".") for line in sentences.splitlines())

    def test_a_certificate_and_its_key_go_together(self, said: Given) -> None:
        sentence = said(DATABASE_URL=DATABASE, TEMPORAL_CLIENT_CERT="client.crt", TEMPORAL_API_KEY="hidden")
        assert sentence == "CHANGEGATE_TEMPORAL_CLIENT_CERT and CHANGEGATE_TEMPORAL_CLIENT_KEY go together."

    @pytest.mark.parametrize(
        ("issuers", "reason"),
        [
            ("[{", "it is not JSON"),
            ("{}", "input should be a valid list"),
            ('[{"issuer": "a", "audience": "b", "algorithms": ["ES256"]}]', "at 0.jwks_url, field required"),
        ],
    )
    def test_what_is_wrong_in_a_list_is_found(self, said: Given, issuers: str, reason: str) -> None:
        assert said(DATABASE_URL=DATABASE, ISSUERS=issuers) == f"CHANGEGATE_ISSUERS is of no use: {reason}."

    @pytest.mark.parametrize(
        ("chosen", "sentence"),
        [
            ({"FLAGD_KEY": "flagd.key"}, "CHANGEGATE_FLAGD_CERT and CHANGEGATE_FLAGD_KEY go together."),
            ({"DATADOG_URL": "https://a"}, "CHANGEGATE_DATADOG_URL, _API_KEY and _APP_KEY go together."),
            (
                {"JSON_METRICS_URL": "https://hidden@a/?b"},
                "an address of metrics begins with http, and has neither name nor ? nor #.",
            ),
            (
                {"JSON_METRICS_HEADERS": '{"authorization": 7}'},
                "CHANGEGATE_JSON_METRICS_HEADERS is of no use: it is no JSON object of texts.",
            ),
            ({"JSON_METRICS_HEADERS": "hidden"}, "CHANGEGATE_JSON_METRICS_HEADERS is of no use: it is not JSON."),
        ],
    )
    def test_metrics_that_cannot_be_asked_are_found(self, said: Given, chosen: dict[str, str], sentence: str) -> None:
        assert said(DATABASE_URL=DATABASE, **chosen) == sentence

    def test_lists_are_json_and_levels_of_any_case(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CHANGEGATE_DATABASE_URL", DATABASE)
        monkeypatch.setenv("CHANGEGATE_TRUSTED_HOSTS", '["id.internal"]')
        monkeypatch.setenv("CHANGEGATE_LOG_LEVEL", "debug")
        read = Settings.read()
        assert (read.trusted_hosts, read.log_level) == (["id.internal"], "DEBUG")
        assert Terminal.read().log_level == "DEBUG"
