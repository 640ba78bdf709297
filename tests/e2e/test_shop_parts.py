"""What the shop brings along is valid: its flag, its queries, and a load that goes nowhere else and ends."""

import json
from uuid import UUID

import pytest

from domain.environments import Environment
from domain.flags import parse_definition
from domain.gates import MetricQuery, SourceKind
from domain.gates.query import parse_templates
from examples.shop import definitions, queries
from examples.shop.load import Load, loopback, main

FLAG = "new-checkout"


class TestLoad:
    @pytest.mark.parametrize(
        "url",
        [
            "http://example.com",
            "http://10.0.0.1:80",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://someone@127.0.0.1",
            "https://127.0.0.1",
            "http://0.0.0.0",
            "http://[::ffff:10.0.0.1]",
            "file:///etc/hosts",
            "",
        ],
    )
    def test_refuses_what_is_not_this_machine(self, url: str) -> None:
        with pytest.raises(ValueError, match="address of this machine"):
            Load(url, 1, 1, 1)

    def test_names_this_machine_by_its_address(self) -> None:
        assert loopback("http://localhost:81/x?y") == "http://127.0.0.1:81"
        assert loopback("http://[::1]:81") == "http://[::1]:81"

    @pytest.mark.parametrize(
        ("rate", "seconds", "customers"),
        [(0, 1, 1), (1001, 1, 1), (1, 3601, 1), (1, -1, 1), (1, 1, 0), (float("nan"), 1, 1), (1, float("inf"), 1)],
    )
    def test_refuses_to_be_unbounded(self, rate: float, seconds: float, customers: int) -> None:
        with pytest.raises(ValueError, match="must be above 0"):
            Load("http://127.0.0.1:1", rate, seconds, customers)

    def test_a_refusal_ends_the_command(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("sys.argv", ["load", "--url", "http://example.com"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert "address of this machine" in capsys.readouterr().err


class TestWhatAChangeNames:
    def test_definitions_are_flags(self) -> None:
        for variant in definitions.VARIANTS:
            assert parse_definition(definitions.with_default(variant)).default_variant == variant
        assert definitions.classic_only() == definitions.with_default("classic")
        with pytest.raises(ValueError, match="warp"):
            definitions.with_default("warp")

    def test_queries_are_templates(self) -> None:
        metrics = queries.prometheus()
        assert metrics == json.loads(json.dumps(metrics))
        templates = parse_templates(metrics["templates"])
        asked = MetricQuery(
            SourceKind.PROMETHEUS, UUID(int=1), Environment.PRODUCTION, FLAG, "express", "classic", templates
        )
        for template in templates.named().values():
            assert f'{{flag="{FLAG}",variant="express"' in asked.promql(template, "express")
