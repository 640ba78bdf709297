"""What is asked, how often, under which key, and as what a refusal arrives."""

import inspect
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import changegate
import pytest
from changegate import AsyncClient, Client, Item, aio, client, wire
from standin import TOKEN, StandIn, Value, ok, problem

ENTRY = {
    "environment": "production", "key": "limit", "scope": "", "version": 4, "state": "set", "value": 5,
    "enforced": False, "constraint": None, "since": "2026-01-31T12:00:00Z", "until": None, "origin": "api",
    "change": None, "reason": "because", "written_by": "00000000-0000-0000-0000-000000000001",
    "written_at": "2026-01-31T12:00:00Z",
}  # fmt: skip
OUTCOME: dict[str, Any] = {"entries": [ENTRY], "affected": [], "epoch": 7, "submitted": None, "a_new_field": 1}
BUSY = problem(503, "database-unavailable", "The database does not answer; nothing was changed.")
WHY: dict[str, Any] = {"environment": "production", "reason": "because"}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FIRST_PAUSE", 0.001)


@pytest.fixture
def me(api: StandIn) -> Any:
    with Client(api.url, TOKEN, tenant="acme") as made:
        yield made


class TestWriting:
    def test_names_the_version_and_a_key(self, api: StandIn, me: Client) -> None:
        api.answers = [ok(OUTCOME)]
        at = datetime(2026, 7, 1, tzinfo=UTC)
        outcome = me.settings.set(Item("limit", 5, scope="company:de", effective_at=at), over=3, **WHY)
        (asked,) = api.asked
        assert (asked.method, asked.path, asked.query) == (
            "PUT",
            "/settings/limit",
            {"environment": "production", "scope": "company:de"},
        )
        assert asked.headers["if-match"] == '"v3"'
        assert str(UUID(asked.headers["idempotency-key"])) == asked.headers["idempotency-key"]
        assert asked.headers["changegate-tenant"] == "acme"
        assert asked.body == {
            "value": 5, "enforced": False, "effective_at": "2026-07-01T00:00:00+00:00", "reason": "because",
        }  # fmt: skip
        assert (outcome.entries[0].version, outcome.epoch, outcome.submitted) == (4, 7, None)
        assert outcome.entries[0].since == datetime(2026, 1, 31, 12, tzinfo=UTC)

    def test_is_tried_again_under_the_same_key(self, api: StandIn, me: Client) -> None:
        api.answers = [BUSY, problem(409, "idempotency-in-progress", "Not answered yet."), ok(OUTCOME)]
        me.settings.bulk([Item("limit", 5), Item("gone", unset=True)], **WHY)
        assert len(api.asked) == 3
        assert len({each.headers["idempotency-key"] for each in api.asked}) == 1
        assert api.asked[0].body["items"][1] == {"key": "gone", "scope": "", "unset": True}

    def test_every_call_has_a_key_of_its_own(self, api: StandIn, me: Client) -> None:
        api.answers = [ok(OUTCOME)] * 3
        me.settings.unset(Item("limit"), over=1, **WHY)
        me.settings.rollback(Item("limit"), to=1, over=2, **WHY)
        me.settings.unset(Item("limit"), over=3, idempotency_key="mine", **WHY)
        keys = [each.headers["idempotency-key"] for each in api.asked]
        assert (len(set(keys)), keys[2]) == (3, "mine")

    def test_an_answer_that_was_lost_is_asked_for_again(self, api: StandIn, me: Client) -> None:
        api.answers = [(200, {"Content-Length": "9999"}, b"{"), ok(OUTCOME)]
        with Client(api.url, TOKEN, timeout=0.5) as hasty:
            assert hasty.settings.unset(Item("limit"), over=1, **WHY).epoch == 7

    def test_an_instant_without_an_offset_is_not_guessed(self, me: Client) -> None:
        with pytest.raises(ValueError, match="offset"):
            me.settings.set(Item("limit", 5, effective_at=datetime(2026, 7, 1)), over=0, **WHY)  # noqa: DTZ001 -- the point


class TestReading:
    def test_goes_through_every_page(self, api: StandIn, me: Client) -> None:
        api.values = {f"key{number}": Value(number, "integer") for number in range(5)}
        assert [each.value for each in me.settings.all_effective(environment="dev")] == list(range(5))

    def test_is_tried_again(self, api: StandIn, me: Client) -> None:
        api.values = {"limit": Value(5)}
        api.answers = [BUSY, (502, {"Content-Type": "text/html"}, b"<html>"), problem(429, "too-many", "Slower.")]
        assert me.settings.effective("limit", environment="dev").value == 5
        assert len(api.asked) == 4

    def test_has_an_end(self, api: StandIn, me: Client) -> None:
        api.answers = [BUSY] * 9
        with pytest.raises(changegate.Unavailable):
            me.settings.effective("limit", environment="dev")
        assert len(api.asked) == wire.ATTEMPTS

    def test_a_secret_is_asked_for_once(self, api: StandIn, me: Client) -> None:
        api.answers = [BUSY]
        with pytest.raises(changegate.Unavailable):
            me.settings.reveal("token", environment="dev")
        assert len(api.asked) == 1

    def test_nobody_there_is_unreachable(self, api: StandIn, me: Client) -> None:
        api.stop()
        with pytest.raises(changegate.Unreachable):
            me.settings.effective("limit", environment="dev")

    @pytest.mark.parametrize(
        "answer",
        [
            (200, {"Content-Type": "text/html"}, b"<html>sign on</html>"),
            (200, {}, b"not json"),
            (200, {}, b"{}"),
            (302, {"Location": "http://127.0.0.1:9/"}, b""),
        ],
        ids=["page", "words", "empty", "elsewhere"],
    )
    def test_what_is_not_the_api_is_unreachable(
        self, api: StandIn, me: Client, answer: tuple[int, dict[str, str], bytes]
    ) -> None:
        api.answers = [answer] * wire.ATTEMPTS
        with pytest.raises(changegate.Unreachable, match="not this API"):
            me.settings.effective("limit", environment="dev")


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "kind", "error"),
        [
            (401, "unauthenticated", changegate.NotKnown),
            (403, "permission-missing", changegate.NotAllowed),
            (404, "missing", changegate.NotFound),
            (409, "setting-enforced", changegate.Conflict),
            (412, "stale", changegate.Stale),
            (422, "rules-violated", changegate.Invalid),
            (428, "precondition-missing", changegate.Stale),
            (418, "teapot", changegate.Refused),
        ],
    )
    def test_have_a_class_by_status(
        self, api: StandIn, me: Client, status: int, kind: str, error: type[changegate.Refused]
    ) -> None:
        faults = [{"path": "/items/0/value", "message": "expected an integer"}]
        api.answers = [problem(status, kind, "It is not so.", faults=faults, by="tenant")]
        with pytest.raises(error) as refused:
            me.settings.bulk([Item("limit", "x")], **WHY)
        found = refused.value
        assert (type(found), found.status, found.kind, found.title) == (error, status, kind, "It is not so.")
        assert found.faults == (changegate.Fault("/items/0/value", "expected an integer"),)
        assert found.facts == {"by": "tenant"}
        assert "/items/0/value: expected an integer" in found.detail
        assert len(api.asked) == 1

    def test_a_token_that_breaks_a_header_is_not_sent(self, api: StandIn) -> None:
        for token in ("", "two words", "line\nbreak", "ümlaut"):
            with Client(api.url, token) as me, pytest.raises(changegate.NotKnown):
                me.settings.effective("limit", environment="dev")
        assert api.asked == []

    @pytest.mark.parametrize("url", ["http://example.com", "ftp://example.com", "https://me:pw@example.com", "x"])
    def test_an_address_that_is_none_is_said(self, url: str) -> None:
        with pytest.raises(ValueError, match="http"):
            Client(url, TOKEN)


class TestAsyncio:
    def test_has_the_same_calls(self) -> None:
        for one, other in (
            (client.SettingCalls, aio.AsyncSettingCalls),
            (client.ChangeCalls, aio.AsyncChangeCalls),
            (client.BundleCalls, aio.AsyncBundleCalls),
        ):
            assert _calls(one) == _calls(other)

    async def test_asks_as_the_other_one_does(self, api: StandIn) -> None:
        api.values = {"limit": Value(5), "other": Value(6), "third": Value(7)}
        async with AsyncClient(api.url, TOKEN) as me:
            api.answers = [BUSY]
            assert (await me.settings.effective("limit", environment="dev")).value == 5
            assert [each.key async for each in me.settings.all_effective(environment="dev")] == sorted(api.values)
            api.answers = [problem(404, "missing", "No such thing in this tenant.")]
            with pytest.raises(changegate.NotFound):
                await me.changes.get("00000000-0000-0000-0000-000000000001")
            api.answers = [ok(OUTCOME)]
            assert (await me.settings.set(Item("limit", 5), over=3, **WHY)).epoch == 7


def test_proxies_of_the_environment_do_not_read_the_token(api: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    api.values = {"limit": Value(5)}
    with Client(api.url, TOKEN) as me:
        assert me.settings.effective("limit", environment="dev").value == 5


def _calls(kind: type) -> dict[str, list[str]]:
    return {
        name: list(inspect.signature(each).parameters)
        for name, each in vars(kind).items()
        if inspect.isfunction(each) and not name.startswith("_")
    }
