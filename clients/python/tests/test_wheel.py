"""The wheel works in an environment that has nothing of the server, and brings one dependency."""

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

ROOT = Path(__file__).parents[1]
EXTRAS = {
    "guard.py": {"sqlalchemy"},
    "bus.py": {"sqlalchemy", "rfc8785", "jsonschema_rs"},
    "processes.py": {"sqlalchemy", "rfc8785"},
}
BRINGS = ("httpx2", "httpcore2", "h11", "anyio", "idna", "truststore", "typing-extensions")
SERVER = ("domain", "application", "adapters", "api", "cli", "bootstrap", "terminal", "worker", "fastapi", "temporalio")
PROGRAM = """
import importlib.util, sys, changegate
assert [name for name in sys.argv[2].split(",") if importlib.util.find_spec(name)] == []
with changegate.Settings(sys.argv[1], "a.good.token", environment="production") as settings:
    sys.stdout.write(settings.get("billing.gateway", type=str))
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
        assert modules | {"changegate/py.typed"} <= names
        assert {name.partition("/")[0].partition("-")[0] for name in names} == {"changegate"}
        requires = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
        assert requires == [
            "Requires-Dist: httpx2<3,>=2.16",
            "Requires-Dist: jsonschema-rs<1,>=0.60; extra == 'bus'",
            "Requires-Dist: rfc8785<0.2,>=0.1.4; extra == 'bus'",
            "Requires-Dist: sqlalchemy<3,>=2.0.16; extra == 'bus'",
            "Requires-Dist: sqlalchemy<3,>=2.0.16; extra == 'guard'",
        ]

    def test_reads_settings_where_nothing_of_the_server_is(self, python: Path, api: StandIn) -> None:
        api.values = {"billing.gateway": Value("stripe")}
        # -I: neither this folder nor the variables of this process help it
        command = [str(python), "-I", "-c", PROGRAM, api.url, ",".join(SERVER)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd=python.parent)
        assert (done.returncode, done.stdout) == (0, "stripe"), done.stderr

    def test_imports_nothing_but_what_it_brings(self) -> None:
        brought = {name.replace("-", "_") for name in BRINGS} | set(sys.stdlib_module_names) | {"changegate"}
        for path in (ROOT / "src").rglob("*.py"):
            lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
            roots = {
                line[1].partition(".")[0] for line in lines if line[:1] in (["import"], ["from"]) and len(line) > 1
            }
            assert roots <= brought | EXTRAS.get(path.name, set()), path


def _files() -> Iterator[tuple[Path, str]]:
    for name in BRINGS:
        for each in distribution(name).files or ():
            if each.suffix in {".py", ".typed", ".pem"} or "METADATA" in each.name:
                yield Path(str(each.locate())), str(each)
