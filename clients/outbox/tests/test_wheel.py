"""The wheel holds the package alone, and whoever adds loads nothing of Temporal."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
BROUGHT = {*sys.stdlib_module_names, "temporal_outbox", "sqlalchemy", "temporalio", "google"}


def test_it_holds_the_package_and_says_that_it_is_typed(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        names = set(archive.namelist())
        metadata = archive.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    files = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*") if path.suffix in {".py", ".sql"}}
    assert files | {"temporal_outbox/py.typed"} == {name for name in names if ".dist-info/" not in name}
    assert [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")] == [
        "Requires-Dist: sqlalchemy[asyncio]<3,>=2.0.16",
        "Requires-Dist: temporalio<2,>=1.35",
    ]


@pytest.mark.parametrize(("module", "spared"), [("table", ["temporalio"]), ("relay", ["temporalio", "sqlalchemy"])])
def test_who_adds_needs_no_temporal_and_the_loop_needs_nothing(module: str, spared: list[str]) -> None:
    program = f"import sys; sys.modules |= dict.fromkeys({spared}); import temporal_outbox.{module}"
    done = subprocess.run([sys.executable, "-c", program], cwd=SOURCE, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_it_imports_nothing_but_what_it_brings() -> None:
    for path in SOURCE.rglob("*.py"):
        found = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        names = {each.module for each in found if isinstance(each, ast.ImportFrom) and each.module}
        found = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        names |= {alias.name for each in found if isinstance(each, ast.Import) for alias in each.names}
        assert {name.partition(".")[0] for name in names} <= BROUGHT, path
