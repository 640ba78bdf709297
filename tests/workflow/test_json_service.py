"""A rollout is watched through a service that answers in JSON, and stands still while that says nothing of use."""

import secrets
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
from temporalio.client import Client

from adapters.egress.client import EgressClient
from adapters.metrics.http_json import HttpJsonSource, JsonService
from adapters.postgres.store import PostgresStore
from application.telemetry import Sources
from domain.errors import Invalid
from domain.gates import SourceKind, Verdict
from domain.rollouts import State
from tests.conftest import House
from tests.contract.twins import Answer, Asked, at_once, listening
from tests.workflow.conftest import replayed
from tests.workflow.theatre import Clock, Theatre, plan, seen

if TYPE_CHECKING:
    from adapters.memory.metrics import ScriptedSource

PLACE = "/counters?flag=$flag#/arms/$variant"
TEMPLATES = {"requests": f"{PLACE}/requests", "errors": f"{PLACE}/errors"}
METRICS = {
    "source": "http-json",
    "candidate": "express",
    "control": "classic",
    "templates": TEMPLATES,
}
SECRET = "Bearer hidden"


class Shop:
    """Both variants serve all the time; `odd` is what it says instead of the candidate's errors."""

    def __init__(self) -> None:
        self.opened = time.time()
        self.odd: list[Any] = []
        self.said: list[Any] = []

    def answer(self, asked: Asked) -> Answer:
        assert (asked.path, asked.fields, asked.headers["authorization"]) == ("/counters", {"flag": "checkout"}, SECRET)
        now = time.time()
        served = int((now - self.opened) * 20)
        arms = {
            name: {"requests": served * weight, "errors": served * weight // 100}
            for name, weight in (("express", 10), ("classic", 90))
        }
        if self.odd:
            self.said.append(self.odd.pop(0))
            arms["express"]["errors"] = self.said[-1]
        return Answer({"at": now, "arms": arms})


class TestJsonService:
    @pytest.mark.req("S51", "S52", "S48", "I2")
    async def test_odd_answers_cost_time_and_nothing_else(
        self, house: House, store: PostgresStore, client: Client
    ) -> None:
        shop = Shop()
        async with listening(shop.answer) as (url, _seen):
            service = JsonService(url, headers={"authorization": SECRET})
            source = HttpJsonSource(service, EgressClient(allow_loopback=True), at_once)
            sources = cast("ScriptedSource", Sources({SourceKind.HTTP_JSON: source}))
            stage = Theatre(house, store, client, f"q-{secrets.token_hex(4)}", sources, Clock(client), store)
            await stage.flag()
            async with stage.worker():
                waits = {"check_interval_seconds": 1, "initial_delay_seconds": 0}
                change = await stage.launch(metrics=METRICS, plan=plan(10, 100, soak=6, **waits))
                shop.odd = [float("nan"), None, "12", [1, 2], {}, float("inf")]
                await seen(lambda: exhausted(shop))
                assert await stage.percents(change) == [0, 10]
                assert await stage.end(change) is State.SUCCEEDED
                assert await stage.percents(change) == [0, 10, 100]
                evidence = await stage.evidence(change)
            await replayed(stage)
        verdicts = [check.verdict for check in evidence]
        assert verdicts.count(Verdict.NO_DATA) >= 4
        assert verdicts.count(Verdict.PROVIDER_ERROR) == 2
        assert Verdict.FAIL not in verdicts
        queries = evidence[-1].record["observation"]["provenance"]["queries"]
        assert queries["candidate/errors"] == "/counters?flag=checkout#/arms/express/errors"
        assert SECRET not in str([check.record for check in evidence])

    @pytest.mark.req("S55")
    async def test_a_template_that_leads_nowhere_is_refused_before_it_is_a_change(
        self, house: House, store: PostgresStore, client: Client
    ) -> None:
        async with listening(Shop().answer) as (url, _seen):
            source = HttpJsonSource(
                JsonService(url, headers={"authorization": SECRET}), EgressClient(allow_loopback=True)
            )
            sources = cast("ScriptedSource", Sources({SourceKind.HTTP_JSON: source}))
            stage = Theatre(house, store, client, "nobody", sources, Clock(client), store)
            await stage.flag()
            templates = {**TEMPLATES, "errors": f"{PLACE}/errors/of/all"}
            with pytest.raises(Invalid) as refused:
                await stage.draft(metrics={**METRICS, "templates": templates})
            with pytest.raises(Invalid) as unknown:
                await stage.draft(metrics={**METRICS, "source": "datadog"})
        assert [fault.path for fault in refused.value.faults] == ["/metrics/templates/errors"]
        assert [fault.path for fault in unknown.value.faults] == ["/metrics/source"]


async def exhausted(shop: Shop) -> bool:
    return not shop.odd
