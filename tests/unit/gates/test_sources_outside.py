"""What the settings name is asked, and with what they say; a fault of a template is found where the change has it."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from adapters.egress.client import EgressClient
from adapters.egress.doors import door
from adapters.memory.metrics import ScriptedSource
from adapters.metrics.sources import outside
from adapters.settings import Settings
from application.telemetry import Sources
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.gates import Counts, MetricQuery, PrometheusTemplates, Reading, SourceKind
from tests.contract.twins import Answer, Asked, listening

START = datetime(2026, 1, 1, tzinfo=UTC)
TEMPLATES = PrometheusTemplates("/n#/$variant", "/n#/$variant")
QUERY = MetricQuery(SourceKind.HTTP_JSON, UUID(int=7), Environment.DEV, "f", "on", "off", TEMPLATES)


def settings(**chosen: object) -> Settings:
    return Settings.model_validate({"database_url": "postgresql://nobody@127.0.0.1/none", **chosen})


class TestOutside:
    async def test_only_what_is_named_is_asked(self) -> None:
        egress = EgressClient(allow_loopback=True)
        keys = {"datadog_api_key": "a", "datadog_app_key": "b"}
        assert outside(settings(), egress) == {}
        named = outside(settings(prometheus_url="http://p", datadog_url="http://d", **keys), egress)
        assert set(named) == {SourceKind.PROMETHEUS, SourceKind.DATADOG}

    async def test_a_service_is_asked_as_the_settings_say(self) -> None:
        def answer(asked: Asked) -> Answer:
            assert (asked.method, asked.headers["x-key"]) == ("POST", "hidden")
            return Answer({"when": START.timestamp(), "on": 2, "off": 3})

        async with listening(answer) as (url, _seen):
            chosen = settings(
                json_metrics_url=url, json_metrics_method="POST", json_metrics_headers='{"x-key": "hidden"}',
                json_metrics_instant="/when", embedded_issuer=True,
            )  # fmt: skip
            found = await Sources(outside(chosen, door(chosen))).read(QUERY, START)
        assert found == Reading(START, Counts(2, 2), Counts(3, 3))

    @pytest.mark.req("S55")
    async def test_a_fault_is_found_where_the_change_has_its_templates(self) -> None:
        scripted = ScriptedSource(START)
        scripted.refuse(Fault("/templates/errors", "parse error"))
        with pytest.raises(Invalid) as refused:
            await Sources({SourceKind.HTTP_JSON: scripted}).probe(QUERY)
        assert refused.value.faults == (Fault("/metrics/templates/errors", "parse error"),)
