"""OFREP 0.3, answered to the unmodified client from PyPI and to requests of every shape."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode, FlagNotFoundError, OpenFeatureError, ParseError

from application.flags import Flags
from domain.environments import Environment
from tests.api.conftest import served

IN = Environment.DEV
HERE = {"Changegate-Environment": "dev"}
BULK = "/ofrep/v1/evaluate/flags"


def _flag(variants: dict[str, Any], default: str | None = "a", **more: Any) -> dict[str, Any]:
    chosen = {} if default is None else {"defaultVariant": default}
    return {"state": "ENABLED", "variants": variants, **chosen, **more}


PRO = {"if": [{"==": [{"var": "plan"}, "pro"]}, "b"]}
FLAGS = {
    "bool": _flag({"a": True, "b": False}, metadata={"owner": "shop"}),
    "text": _flag({"a": "green", "b": "blue"}, targeting=PRO),
    "int": _flag({"a": 1, "b": 2}),
    "float": _flag({"a": 1.0, "b": 0.5}),
    "object": _flag({"a": {"size": 3, "deep": {"list": [1, 2]}}}),
    "split": _flag({"a": "x", "b": "y"}, targeting={"fractional": [["b", 100], ["a", 0]]}),
    "off": {**_flag({"a": True, "b": False}), "state": "DISABLED"},
    "code": _flag({"a": True, "b": False}, default=None),
}


@pytest_asyncio.fixture
async def shelf(world: Any, house: Any, eventually: Callable[..., Any]) -> Any:
    """A house whose dev environment serves FLAGS, as this process knows."""
    flags = Flags(world.services.store)
    for key, definition in FLAGS.items():
        await flags.create(house.ada, (IN, key), definition, "for the test")
    shelf = await world.services.flag_sets.shelf(house.id, IN)
    await eventually(lambda: set(shelf.flags.keys) >= set(FLAGS))
    return house


@pytest.fixture
def provider(world: Any, shelf: Any, address: str) -> OFREPProvider:
    return OFREPProvider(address, headers_factory=lambda: world.headers(shelf, "shop", **HERE))


@pytest.mark.req("FR-SM-014", "FR-SM-012", "FR-SM-041")
class TestPythonClient:
    async def test_every_type_arrives_as_what_it_is(self, provider: OFREPProvider) -> None:
        who = EvaluationContext("user-1", {"plan": "free"})
        told = {
            "bool": await asyncio.to_thread(provider.resolve_boolean_details, "bool", False, who),
            "text": await asyncio.to_thread(provider.resolve_string_details, "text", "", who),
            "int": await asyncio.to_thread(provider.resolve_integer_details, "int", 0, who),
            "float": await asyncio.to_thread(provider.resolve_float_details, "float", 0.0, who),
            "object": await asyncio.to_thread(provider.resolve_object_details, "object", {}, who),
        }
        assert {key: details.value for key, details in told.items()} == {
            "bool": True, "text": "green", "int": 1, "float": 1.0, "object": {"size": 3, "deep": {"list": [1, 2]}},
        }  # fmt: skip
        assert isinstance(told["float"].value, float)
        assert told["bool"].flag_metadata == {"owner": "shop"}
        assert {str(details.reason) for details in told.values()} == {"STATIC", "DEFAULT"}

    async def test_targeting_and_splits_follow_the_context(self, provider: OFREPProvider) -> None:
        who = EvaluationContext("user-1", {"plan": "pro"})
        told = await asyncio.to_thread(provider.resolve_string_details, "text", "", who)
        assert (told.value, told.variant, str(told.reason)) == ("blue", "b", "TARGETING_MATCH")
        split = await asyncio.to_thread(provider.resolve_string_details, "split", "", who)
        assert split.value == "y"

    async def test_without_a_context_the_defaults_hold(self, provider: OFREPProvider) -> None:
        told = await asyncio.to_thread(provider.resolve_string_details, "split", "")
        assert (told.value, str(told.reason)) == ("x", "DEFAULT")

    @pytest.mark.parametrize(("key", "reason"), [("off", "DISABLED"), ("code", "DEFAULT")])
    async def test_what_has_no_value_leaves_the_applications_own(
        self, provider: OFREPProvider, key: str, reason: str
    ) -> None:
        for default in (True, False):
            told = await asyncio.to_thread(provider.resolve_boolean_details, key, default)
            assert (told.value, told.variant, str(told.reason)) == (default, "", reason)

    async def test_a_flag_that_is_not_there_is_not_found(self, provider: OFREPProvider) -> None:
        with pytest.raises(FlagNotFoundError):
            await asyncio.to_thread(provider.resolve_boolean_details, "nothing", False)

    async def test_a_context_of_another_shape_is_the_clients_fault(self, provider: OFREPProvider) -> None:
        with pytest.raises(OpenFeatureError) as caught:
            await asyncio.to_thread(
                provider.resolve_boolean_details, "bool", False, EvaluationContext(None, {"targetingKey": 7})
            )
        assert caught.value.error_code is ErrorCode.INVALID_CONTEXT
        assert not isinstance(caught.value, ParseError)

    async def test_without_a_good_token_nothing_is_told(self, address: str) -> None:
        stranger = OFREPProvider(address, headers_factory=lambda: {"Authorization": "Bearer nonsense"})
        with pytest.raises(OpenFeatureError, match="unauthorized"):
            await asyncio.to_thread(stranger.resolve_boolean_details, "bool", False)

    async def test_a_change_is_seen_and_a_server_comes_back(self, world: Any, shelf: Any) -> None:
        flags, services = Flags(world.services.store), world.services
        here = await services.flag_sets.shelf(shelf.id, IN)
        async with served(world.app) as address:
            provider = OFREPProvider(address, headers_factory=lambda: world.headers(shelf, "shop", **HERE))

            def value() -> Any:
                return provider.resolve_string_details("text", "").value

            assert await asyncio.to_thread(value) == "green"
            seen = here.flags.revision
            await flags.update(
                shelf.ada, (IN, "text"), {**FLAGS["text"], "defaultVariant": "b"}, expected=1, reason="for the test"
            )
            await here.newer(seen)
            assert await asyncio.to_thread(value) == "blue"
        with pytest.raises(OpenFeatureError):
            await asyncio.to_thread(value)
        async with served(world.app, int(address.rpartition(":")[2])):
            assert await asyncio.to_thread(value) == "blue"

    async def test_a_role_that_was_taken_away_tells_nothing_more(
        self, world: Any, shelf: Any, provider: OFREPProvider, unbelieved: None
    ) -> None:
        assert (await asyncio.to_thread(provider.resolve_boolean_details, "bool", False)).value is True
        async with world.services.store.transaction(shelf.id) as tx:
            await tx.people.set_roles(shelf.shop.id, frozenset())
        with pytest.raises(OpenFeatureError, match="forbidden"):
            await asyncio.to_thread(provider.resolve_boolean_details, "bool", False)


@pytest_asyncio.fixture
async def wire(world: Any, shelf: Any) -> AsyncIterator[httpx2.AsyncClient]:
    async with world.client(shelf, "shop") as client:
        client.headers.update(HERE)
        yield client


class TestSingle:
    async def test_an_answer_has_exactly_these_fields(self, wire: httpx2.AsyncClient) -> None:
        answer = await wire.post(f"{BULK}/bool", json={"context": {"targetingKey": "u"}})
        assert answer.json() == {
            "key": "bool", "reason": "STATIC", "variant": "a", "value": True, "metadata": {"owner": "shop"},
        }  # fmt: skip
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    async def test_floats_keep_their_point(self, wire: httpx2.AsyncClient) -> None:
        assert '"value":1.0' in (await wire.post(f"{BULK}/float", json={})).text
        assert '"value":1}' in (await wire.post(f"{BULK}/int", json={})).text

    async def test_not_found_is_404_with_the_code(self, wire: httpx2.AsyncClient) -> None:
        answer = await wire.post(f"{BULK}/n%C3%B6", json={})
        assert (answer.status_code, answer.json()["errorCode"], answer.json()["key"]) == (404, "FLAG_NOT_FOUND", "nö")
        assert "errorDetails" in answer.json()

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"{", "PARSE_ERROR"),
            (b"\xff", "PARSE_ERROR"),
            (b"[" * 3000, "PARSE_ERROR"),
            (b"[]", "INVALID_CONTEXT"),
            (b'{"context": 1}', "INVALID_CONTEXT"),
            (b'{"context": null}', "INVALID_CONTEXT"),
            (b'{"context": {"targetingKey": 1}}', "INVALID_CONTEXT"),
            (b'{"context": {"targetingKey": false}}', "INVALID_CONTEXT"),
        ],
    )
    async def test_a_bad_body_is_400_with_details(self, wire: httpx2.AsyncClient, body: bytes, code: str) -> None:
        for path in (f"{BULK}/bool", BULK):
            answer = await wire.post(path, content=body)
            assert (answer.status_code, answer.json()["errorCode"]) == (400, code)
            assert answer.json()["errorDetails"]
            assert answer.json().get("key") == (None if path == BULK else "bool")

    async def test_a_context_without_a_subject_is_evaluated(self, wire: httpx2.AsyncClient) -> None:
        """As flagd does: only a split needs one, and gives its default without."""
        for context in ({}, {"targetingKey": None}, {"targetingKey": ""}):
            answer = await wire.post(f"{BULK}/split", json={"context": context})
            assert (answer.json()["variant"], answer.json()["reason"]) == ("a", "DEFAULT")
            assert (await wire.post(BULK, json={"context": context})).status_code == 200

    async def test_an_empty_body_is_an_empty_context(self, wire: httpx2.AsyncClient) -> None:
        assert (await wire.post(f"{BULK}/bool")).json()["value"] is True

    async def test_a_body_beyond_64_kib_is_413(self, wire: httpx2.AsyncClient) -> None:
        assert (await wire.post(BULK, content=b" " * (64 * 1024 + 1))).status_code == 413

    async def test_other_methods_and_paths_are_refused(self, wire: httpx2.AsyncClient) -> None:
        wrong = await wire.get(f"{BULK}/bool")
        assert (wrong.status_code, wrong.headers["Allow"]) == (405, "POST")
        assert (await wire.post("/ofrep/v1/configuration", json={})).status_code == 404

    async def test_an_api_key_is_the_same_token(self, world: Any, wire: httpx2.AsyncClient) -> None:
        token = wire.headers.pop("Authorization").removeprefix("Bearer ")
        assert (await wire.post(f"{BULK}/bool", json={})).status_code == 401
        assert (await wire.post(f"{BULK}/bool", json={}, headers={"X-API-Key": token})).status_code == 200

    async def test_an_environment_that_is_none_is_400(self, wire: httpx2.AsyncClient) -> None:
        for path, key in ((BULK, None), (f"{BULK}/bool", "bool")):
            answer = await wire.post(path, json={}, headers={"Changegate-Environment": "moon"})
            assert (answer.status_code, answer.json()["errorCode"], answer.json().get("key")) == (400, "GENERAL", key)
            assert "production" in answer.json()["errorDetails"]

    async def test_production_is_meant_when_none_is_named(self, wire: httpx2.AsyncClient) -> None:
        del wire.headers["Changegate-Environment"]
        assert (await wire.post(f"{BULK}/bool", json={})).status_code == 404

    @pytest.mark.req("AU-22")
    async def test_who_has_no_role_is_403_and_written_down(self, world: Any, shelf: Any, ask: Any) -> None:
        await ask("root", "PUT", "/people/dee/roles", json={"roles": [], "reason": "left us"})
        async with world.client(shelf, "dee") as client:
            answer = await client.post(f"{BULK}/bool", json={})
        assert (answer.status_code, list(answer.json())) == (403, ["errorDetails"])
        denied = (await ask("aud", "GET", "/audit-logs?action=access:request:denied")).json()["items"]
        assert [(each["actor"], each["resource"]) for each in denied] == [(str(shelf.dee.id), f"POST {BULK}")]


class TestBulk:
    async def test_every_flag_is_answered(self, wire: httpx2.AsyncClient) -> None:
        told = (await wire.post(BULK, json={"context": {"targetingKey": "u"}})).json()
        by_key = {each["key"]: each for each in told["flags"]}
        assert set(by_key) == set(FLAGS)
        assert all("variant" in each and "reason" in each for each in by_key.values())
        assert ("value" in by_key["off"], "value" in by_key["code"]) == (False, False)

    async def test_an_unchanged_answer_is_304_for_the_same_context_only(self, wire: httpx2.AsyncClient) -> None:
        first = await wire.post(BULK, json={"context": {"targetingKey": "u", "plan": "free"}})
        tag = {"If-None-Match": first.headers["ETag"]}
        same = await wire.post(BULK, json={"context": {"plan": "free", "targetingKey": "u"}}, headers=tag)
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
        other = await wire.post(BULK, json={"context": {"targetingKey": "u", "plan": "pro"}}, headers=tag)
        assert other.status_code == 200

    async def test_a_context_that_is_too_deep_for_a_tag_is_400(self, wire: httpx2.AsyncClient) -> None:
        deep = b'{"context": {"a": ' + b"[" * 400 + b"]" * 400 + b"}}"
        answer = await wire.post(BULK, content=deep)
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "INVALID_CONTEXT")

    async def test_another_environment_has_other_tags(self, wire: httpx2.AsyncClient) -> None:
        tags = [(await wire.post(BULK, json={}, headers={"Changegate-Environment": place})).headers["ETag"]
                for place in ("qa", "staging")]  # fmt: skip
        assert tags[0] != tags[1]

    async def test_what_depends_on_time_is_not_cached(
        self, wire: httpx2.AsyncClient, world: Any, shelf: Any, eventually: Callable[..., Any]
    ) -> None:
        timed = _flag({"a": 1, "b": 2}, targeting={"if": [{">": [{"var": "$flagd.timestamp"}, 0]}, "b"]})
        await Flags(world.services.store).create(shelf.ada, (IN, "timed"), timed, "for the test")
        serving = await world.services.flag_sets.shelf(shelf.id, IN)
        await eventually(lambda: "timed" in serving.flags.keys)
        answer = await wire.post(BULK, json={})
        assert ("ETag" in answer.headers, answer.headers["Cache-Control"]) == (False, "no-store")

    async def test_a_changed_flag_has_a_new_tag(
        self, wire: httpx2.AsyncClient, world: Any, shelf: Any, eventually: Callable[..., Any]
    ) -> None:
        first = await wire.post(BULK, json={})
        await Flags(world.services.store).disable(shelf.ada, (IN, "int"), expected=1, reason="for the test")

        async def changed() -> bool:
            answer = await wire.post(BULK, json={}, headers={"If-None-Match": first.headers["ETag"]})
            return answer.status_code == 200

        await eventually(changed)


class TestCounts:
    async def test_evaluations_are_counted_by_reason(self, wire: httpx2.AsyncClient) -> None:
        await wire.post(f"{BULK}/bool", json={})
        text = (await wire.get("/metrics")).text
        assert 'changegate_evaluations_total{reason="STATIC"}' in text
        assert 'changegate_ofrep_answers_total{status="200"}' in text
