"""What is installed is ours alone and whole, and what we install is pinned."""

import re
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.architecture.repository import MODULES, ROOMS, ROOT, files

PINS = sorted((ROOT / "requirements").glob("*.txt"))
_PINNED = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[\w,-]+\])?==[^\s;]+( ; .+?)? \\$")
_REGISTRIES = ("pypi" + r"\.org", "python" + r"hosted\.org", "registry" + r"\.npmjs", "registry" + r"\.yarnpkg")
OURS = "changegate-server"
"""`changegate` is the client, which others install."""
_NOT_TEXT = {".png", ".ico", ".gz", ".whl"}


class TestNames:
    @pytest.mark.parametrize("name", [*ROOMS, *MODULES])
    def test_our_distribution_alone_owns_the_name(self, name: str) -> None:
        """An editable install may be listed by its finder or by its files; nobody else may be."""
        assert set(packages_distributions().get(name, [OURS])) == {OURS}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The names of all files in the wheel, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        return frozenset(archive.namelist())


class TestWheel:
    def test_it_holds_every_file_of_the_rooms(self, wheel: frozenset[str]) -> None:
        """Templates, SQL and pages as well as modules."""
        wanted = {path.relative_to(ROOT).as_posix() for path in files()}
        wanted = {name for name in wanted if name.partition("/")[0] in ROOMS or name in {f"{m}.py" for m in MODULES}}
        assert wanted - wheel == set()
        assert {"adapters/notify/templates/layout.txt.j2", "migrations/sql/0002_tables.sql"} <= wheel
        assert "api/pages/reference.html" in wheel

    def test_it_holds_nothing_else(self, wheel: frozenset[str]) -> None:
        tops = {name.partition("/")[0].removesuffix(".py") for name in wheel}
        assert {top for top in tops if not top.endswith(".dist-info")} == {*ROOMS, *MODULES}


class TestPins:
    @pytest.mark.parametrize("path", PINS, ids=lambda path: path.stem)
    def test_every_line_is_a_version_with_hashes(self, path: Path) -> None:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
        heads = [number for number, line in enumerate(lines) if not line.startswith(" ")]
        assert heads
        for number in heads:
            assert _PINNED.match(lines[number]), lines[number]
            assert lines[number + 1].startswith("    --hash=sha256:")
        assert all(line.lstrip().startswith(("--hash=sha256:", "#")) for line in lines if line.startswith(" "))

    def test_all_files_agree_on_every_version(self) -> None:
        """What is proven with the test environment is what runs."""
        versions: dict[str, set[str]] = {}
        for path in PINS:
            for found in re.finditer(
                r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;]+)( ; .+?)? \\$", path.read_text(), re.MULTILINE
            ):
                versions.setdefault(f"{found[1]}{found[3] or ''}", set()).add(found[2])
        assert {name: found for name, found in versions.items() if len(found) > 1} == {}

    def test_no_file_names_a_package_registry(self) -> None:
        address = re.compile("|".join(_REGISTRIES))
        texts = [path for path in files() if path.suffix not in _NOT_TEXT]
        named = [path for path in texts if address.search(path.read_text(encoding="utf-8", errors="replace"))]
        assert [path.relative_to(ROOT).as_posix() for path in named] == []
