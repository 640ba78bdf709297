"""A workflow is replayed, so nothing in its room may depend on when, where or in which order it runs."""

import ast
from pathlib import Path

import pytest

ROOM = Path(__file__).parents[2] / "workflows"
MODULES = sorted(ROOM.glob("*.py"))
FORBIDDEN_IMPORTS = {
    "threading", "multiprocessing", "subprocess", "socket", "os", "pathlib", "random", "secrets", "time", "uuid",
    "sqlalchemy", "asyncpg", "httpx", "httpx2", "fastapi", "starlette", "redis", "requests", "adapters", "api", "cli",
}  # fmt: skip
ALLOWED_NAMES = {("uuid", "UUID")}
FORBIDDEN_CALLS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "asyncio.wait", "asyncio.as_completed",
    "asyncio.sleep", "asyncio.run", "asyncio.to_thread", "open", "print", "input", "id", "hash", "uuid4", "uuid1",
}  # fmt: skip


def imported(tree: ast.AST) -> list[tuple[str, str | None]]:
    """(module, name) of every import; the name is None for a whole module."""
    found: list[tuple[str, str | None]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.extend((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.extend((node.module or "", alias.name) for alias in node.names)
    return found


def called(tree: ast.AST) -> list[str]:
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def faults(source: str) -> list[str]:
    tree = ast.parse(source)
    bad = [
        f"imports {module}"
        for module, name in imported(tree)
        if module.split(".")[0] in FORBIDDEN_IMPORTS and (module, name) not in ALLOWED_NAMES
    ]
    bad.extend(f"calls {call}" for call in called(tree) if call in FORBIDDEN_CALLS)
    bad.extend(
        "iterates over a set"
        for node in ast.walk(tree)
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Set | ast.SetComp)
    )
    return bad


class TestRoomOfWorkflows:
    @pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
    def test_nothing_in_it_depends_on_the_moment(self, module: Path) -> None:
        assert faults(module.read_text()) == []

    def test_activities_and_rules_are_passed_through_the_sandbox(self) -> None:
        """Loaded once and not at every start; classes would be two otherwise."""
        for module in MODULES:
            tree = ast.parse(module.read_text())
            outside = [name for node in tree.body for name, _ in imported(node) if not isinstance(node, ast.With)]
            ours = {name.split(".")[0] for name in outside} & {"domain", "application"}
            assert not ours, f"{module.name} imports {ours} outside imports_passed_through()"


class TestTheCheckItself:
    @pytest.mark.parametrize(
        "source",
        [
            "import random",
            "from uuid import uuid4",
            "import sqlalchemy.orm",
            "now = datetime.now(UTC)",
            "await asyncio.wait([a, b])",
            "await asyncio.sleep(1)",
            "for each in {1, 2}: pass",
        ],
    )
    def test_it_finds(self, source: str) -> None:
        assert faults(f"async def run():\n    {source}") != []

    def test_it_lets_types_pass(self) -> None:
        assert faults("from uuid import UUID\nfrom datetime import datetime\nnow = workflow.now()") == []
