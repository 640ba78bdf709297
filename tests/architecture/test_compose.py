"""The production shape names what it runs, waits for what it needs, and gives every setting."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.settings import Settings
from api.delivery_meters import DeliveryMeters
from api.deployment_meters import DeploymentMeters
from api.meters import Meters
from application.deployments.tally import DeploymentTally
from tests.architecture.repository import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
JOBS = {"migrate", "temporal-schema", "temporal-namespace"}
OURS = {"migrate", "api", "worker"}
KNOWN = {
    "build", "cap_drop", "command", "depends_on", "entrypoint", "environment", "healthcheck", "image", "init", "ports",
    "read_only", "restart", "security_opt", "stop_grace_period", "tmpfs", "user", "volumes",
}  # fmt: skip
CONDITIONS = {"service_healthy", "service_completed_successfully", "service_started"}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
_VARIABLE = re.compile(r"\$\{(\w+)(:[?-])?")


@pytest.mark.parametrize("name", sorted(SERVICES))
class TestService:
    def test_it_uses_only_keys_of_the_compose_specification(self, name: str) -> None:
        assert SERVICES[name].keys() <= KNOWN

    def test_its_image_is_pinned_to_a_version(self, name: str) -> None:
        image, _, tag = SERVICES[name]["image"].rpartition(":")
        assert image
        assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?", tag)

    def test_it_waits_for_services_that_there_are_until_they_are_ready(self, name: str) -> None:
        for other, wish in SERVICES[name].get("depends_on", {}).items():
            assert wish["condition"] in CONDITIONS
            assert wish["condition"] == ("service_completed_successfully" if other in JOBS else "service_healthy")
            assert "test" in SERVICES[other].get("healthcheck", {}) or other in JOBS

    def test_it_has_a_health_check_or_is_done_when_it_ends(self, name: str) -> None:
        check = SERVICES[name].get("healthcheck", {})
        assert name in JOBS or "test" in check or (name, check) == ("worker", {"disable": True})

    def test_it_is_reached_from_this_machine_only(self, name: str) -> None:
        assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))

    def test_what_it_mounts_exists(self, name: str) -> None:
        for source in (volume.partition(":")[0] for volume in SERVICES[name].get("volumes", [])):
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


class TestOurs:
    @pytest.mark.parametrize("name", sorted(OURS))
    def test_it_cannot_write_gain_rights_or_be_root(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]

    @pytest.mark.parametrize("name", sorted(OURS))
    def test_it_is_given_every_setting_and_no_other(self, name: str) -> None:
        wanted = {f"CHANGEGATE_{field.upper()}" for field in Settings.model_fields}
        wanted -= {"CHANGEGATE_OWNER_DATABASE_URL"} if name != "migrate" else set()
        assert SERVICES[name]["environment"].keys() == wanted

    def test_the_settings_are_understood(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for variable, value in SERVICES["migrate"]["environment"].items():
            text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value or "")
            if value is not None:
                monkeypatch.setenv(variable, re.sub(r"\$\{\w+:\?\}", "made-up", text))
        settings = Settings()  # type: ignore[call-arg]  # the environment gives what has no default
        assert settings.smtp_host == "mail"
        assert settings.webhook_url is None

    def test_only_the_migration_knows_the_owner(self) -> None:
        knows = [name for name, each in SERVICES.items() if "migrator" in str(each.get("environment", {}))]
        assert sorted(knows) == ["migrate"]


class TestSecrets:
    def test_every_variable_is_offered_in_the_example_and_no_secret_has_a_value(self) -> None:
        example = (ROOT / ".env.example").read_text(encoding="utf-8")
        offered = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE))
        text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
        used = {name for name, _ in _VARIABLE.findall(text)}
        used |= {name for name, value in SERVICES["api"]["environment"].items() if value is None}
        assert used == offered.keys()
        assert {name for name, value in offered.items() if "PASSWORD" in name or "SECRET" in name if value} == set()

    def test_a_password_has_no_default(self) -> None:
        text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
        assert {mark for name, mark in _VARIABLE.findall(text) if name.endswith("PASSWORD")} == {":?"}


class TestDockerfile:
    def test_its_bases_are_pinned(self) -> None:
        bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
        assert len(bases) == 2
        assert all(re.search(r":\d+\.\d+\.\d+-", base) for base in bases)

    def test_it_runs_as_nobody_special(self) -> None:
        assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["changegate"]
        assert DOCKERFILE.index("USER changegate") > DOCKERFILE.rindex("RUN ")

    def test_it_copies_what_exists_and_is_not_ignored(self) -> None:
        kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
        copies = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        sources = {source for line in copies for source in line.split()[:-1]}
        assert all((ROOT / source).exists() for source in sources)
        assert sources == kept

    def test_it_installs_with_hashes(self) -> None:
        assert all("--require-hashes" in run or "--no-deps" in run for run in re.findall(r"pip install .+", DOCKERFILE))


class TestDashboard:
    def test_it_asks_for_metrics_that_we_expose(self) -> None:
        meters = Meters()
        meters.observe("GET", "/", 200, 0.1)
        meters.registry.register(DeploymentMeters(DeploymentTally()))
        meters.registry.register(DeliveryMeters())
        exposed = meters.exposition().decode()
        dashboard = json.loads((ROOT / "ops" / "grafana" / "dashboards" / "changegate.json").read_text())
        asked = set(re.findall(r"changegate_\w+", json.dumps(dashboard["panels"])))
        assert asked
        assert {name for name in asked if f"# TYPE {re.sub('_(bucket|sum)$', '', name)} " not in exposed} == set()

    def test_what_prometheus_scrapes_is_a_service(self) -> None:
        scrapes = yaml.safe_load((ROOT / "ops" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
        targets = [target for each in scrapes for config in each["static_configs"] for target in config["targets"]]
        assert {target.partition(":")[0] for target in targets} <= SERVICES.keys()


def shell_scripts() -> list[Path]:
    return sorted((ROOT / "ops").rglob("*.sh"))


@pytest.mark.parametrize("path", shell_scripts(), ids=lambda path: path.name)
def test_a_script_stops_at_its_first_failure(path: Path) -> None:
    assert re.search(r"^set -eu", path.read_text(encoding="utf-8"), re.MULTILINE)
