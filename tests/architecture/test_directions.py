"""Rooms look downwards only; the composition root is nobody's to import."""

import subprocess
import sys
from pathlib import Path

from tests.architecture.repository import MODULES, ROOMS, ROOT, imports, sources


class TestDirections:
    def test_every_import_contract_is_kept(self) -> None:
        program = Path(sys.executable).with_name("lint-imports")
        outcome = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, check=False)
        assert outcome.returncode == 0, outcome.stdout

    def test_nobody_imports_the_composition_root_but_the_worker(self) -> None:
        """Tests may: they prove it."""
        importers = {
            path.relative_to(ROOT).as_posix()
            for path in sources()
            if {name.partition(".")[0] for name in imports(path)} & set(MODULES)
        }
        assert {path for path in importers if not path.startswith(("tests/", "benchmarks/"))} <= {"worker.py"}

    def test_of_the_outbox_the_product_takes_the_loop_alone(self) -> None:
        """That loads neither Temporal nor a database, which the core does not know."""
        taken = {name for path in sources(*ROOMS) for name in imports(path) if name.startswith("temporal_outbox.")}
        modules = {".".join(name.split(".")[:2]) for name in taken}
        assert modules == {"temporal_outbox.events", "temporal_outbox.relay"}

    def test_rooms_do_not_import_tests_benchmarks_or_documents(self) -> None:
        for path in sources("domain", "application", "workflows", "activities", "adapters", "api", "migrations"):
            outside = {"tests", "benchmarks", "examples", "docs", "cli"} & {n.partition(".")[0] for n in imports(path)}
            assert not outside, f"{path} imports {outside}"
