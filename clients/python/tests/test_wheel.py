"""The wheel works in an environment that has nothing of the server, and brings little along."""

import json
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from standin import StandIn, Value

from domain.flags import Bucketing
from tests.vectors import vectors

ROOT = Path(__file__).parents[1]
EXTRAS = {
    "guard.py": {"sqlalchemy"},
    "bus.py": {"sqlalchemy", "rfc8785", "jsonschema_rs"},
    "processes.py": {"sqlalchemy", "rfc8785"},
    "openfeature.py": {"openfeature"},
    "flagd_evaluator.py": {"openfeature"},
    "entrance.py": {"openfeature"},
    "asgi.py": {"openfeature"},
    "wsgi.py": {"openfeature"},
    "django.py": {"openfeature"},
    "bucketing.py": {"mmh3"},
}
BRINGS = ("httpx2", "httpcore2", "h11", "anyio", "idna", "truststore", "typing-extensions")
FLAGS = ("openfeature-sdk", "mmh3")
SERVER = ("domain", "application", "adapters", "api", "cli", "bootstrap", "terminal", "worker", "fastapi", "temporalio")
PROGRAM = """
import importlib.util, sys, changegate
assert [name for name in sys.argv[2].split(",") if importlib.util.find_spec(name)] == []
with changegate.Settings(sys.argv[1], "a.good.token", environment="production") as settings:
    sys.stdout.write(settings.get("billing.gateway", type=str))
"""
EVALUATION = """
import importlib.util, json, sys
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from changegate.openfeature import ChangegateProvider
assert [name for name in sys.argv[2].split(",") if importlib.util.find_spec(name)] == []
api.set_provider_and_wait(ChangegateProvider(sys.argv[1], "a.good.token", environment="production"))
found = []
for key, kind, about in json.load(sys.stdin):
    ask = getattr(api.get_client(), "get_" + kind + "_details")
    default = {"boolean": False, "string": "mine", "integer": -1, "float": -1.0, "object": {}}[kind]
    told = ask(key, default, EvaluationContext(about.pop("targetingKey", None), about))
    found.append([told.reason, told.value if told.variant else None, told.variant])
json.dump(found, sys.stdout)
api.shutdown()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter of an empty environment with the wheel and what it asks for, copied from this one."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, with_pip=False)
    site = next(folder.glob("lib/python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for source, name in _files():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, site / name)
    return folder / "bin" / "python"


class TestWheel:
    def test_holds_the_package_and_says_that_it_is_typed(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            names = set(archive.namelist())
            metadata = archive.read(next(name for name in names if name.endswith("/METADATA"))).decode()
        modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
        assert modules | {"changegate/py.typed", "changegate/_evaluator/flags/snapshot.py"} <= names
        assert {name.partition("/")[0].partition("-")[0] for name in names} == {"changegate"}
        requires = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
        assert requires == [
            "Requires-Dist: httpx2<3,>=2.16",
            "Requires-Dist: jsonschema-rs<1,>=0.60; extra == 'bus'",
            "Requires-Dist: rfc8785<0.2,>=0.1.4; extra == 'bus'",
            "Requires-Dist: sqlalchemy<3,>=2.0.16; extra == 'bus'",
            "Requires-Dist: sqlalchemy<3,>=2.0.16; extra == 'guard'",
            "Requires-Dist: mmh3<6,>=5; extra == 'openfeature'",
            "Requires-Dist: openfeature-flagd-api<2,>=1; extra == 'openfeature'",
            "Requires-Dist: openfeature-sdk<0.11,>=0.10; extra == 'openfeature'",
        ]

    def test_reads_settings_where_nothing_of_the_server_is(self, python: Path, api: StandIn) -> None:
        api.values = {"billing.gateway": Value("stripe")}
        # -I: neither this folder nor the variables of this process help it
        command = [str(python), "-I", "-c", PROGRAM, api.url, ",".join(SERVER)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd=python.parent)
        assert (done.returncode, done.stdout) == (0, "stripe"), done.stderr

    @pytest.mark.req("FR-SM-014", "OF-05")
    def test_evaluates_as_the_server_does_where_nothing_of_it_is(self, python: Path, api: StandIn) -> None:
        written = vectors("v3")
        told = written.published(Bucketing.V3)
        api.serve(told["$evaluators"], **told["flags"])
        command = [str(python), "-I", "-c", EVALUATION, api.url, ",".join(SERVER)]
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=python.parent,
            input=json.dumps([(key, written.types[key], case["context"]) for key, case in written.cases]),
        )
        assert (done.returncode, done.stderr) == (0, "")
        expected = [[case["reason"], case.get("value"), case.get("variant")] for _, case in written.cases]
        assert json.loads(done.stdout) == expected

    def test_an_sdist_brings_what_its_wheel_needs(self, wheel: Path, tmp_path: Path) -> None:
        """Built where nothing of the server is."""
        build = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path), "-t"]
        subprocess.run([*build, "sdist"], cwd=ROOT, check=True, capture_output=True, timeout=120)
        shutil.unpack_archive(next(tmp_path.glob("*.tar.gz")), tmp_path, filter="data")
        (folder,) = (each for each in tmp_path.iterdir() if each.is_dir())
        subprocess.run([*build, "wheel"], cwd=folder, check=True, capture_output=True, timeout=120)
        with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as other:
            assert _contents(one) == _contents(other)

    def test_imports_nothing_but_what_it_brings(self, wheel: Path) -> None:
        """What it has of the server is told from the rest by its name."""
        brought = {name.replace("-", "_") for name in BRINGS} | set(sys.stdlib_module_names) | {"changegate"}
        with zipfile.ZipFile(wheel) as archive:
            texts = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")}
        for name, text in texts.items():
            lines = [line.split() for line in text.splitlines()]
            roots = {
                line[1].partition(".")[0] for line in lines if line[:1] in (["import"], ["from"]) and len(line) > 1
            }
            assert roots <= brought | EXTRAS.get(name.rpartition("/")[2], set()), name


def _contents(archive: zipfile.ZipFile) -> dict[str, int]:
    """Without the list of them, which has an order."""
    return {each.filename: each.CRC for each in archive.infolist() if not each.filename.endswith("/RECORD")}


def _files() -> Iterator[tuple[Path, str]]:
    for name in (*BRINGS, *FLAGS):
        for each in distribution(name).files or ():
            if each.suffix in {".py", ".typed", ".pem", ".so"} or "METADATA" in each.name:
                yield Path(str(each.locate())), str(each)
