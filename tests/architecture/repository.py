"""What the architecture tests look at: the files that git knows or would add, and the rooms."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("domain", "application", "workflows", "activities", "adapters", "api", "cli", "migrations")
FOLDERS = (*ROOMS, "tests", "benchmarks", "examples", "docs", "ops")
MODULES = ("bootstrap", "terminal", "worker")


@cache
def files() -> tuple[Path, ...]:
    """Tracked and not ignored, as paths under the root; an archive without git is taken whole."""
    if not (ROOT / ".git").exists():
        return tuple(path for path in sorted(ROOT.rglob("*")) if path.is_file() and not _hidden(path))
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True)
    paths = (ROOT / name for name in found.stdout.split("\0") if name)
    return tuple(path for path in sorted(paths) if path.is_file())


def sources(*rooms: str) -> list[Path]:
    """Python files of these rooms, or of the whole repository."""
    return [path for path in files() if path.suffix == ".py" and (not rooms or room_of(path) in rooms)]


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> set[str]:
    """Dotted names of all that a file imports, wherever it does so."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _hidden(path: Path) -> bool:
    skipped = {".venv", ".venv-bench", ".venv-fuzz", ".changegate", "__pycache__"}
    return any(part in skipped or part.endswith(".egg-info") for part in path.relative_to(ROOT).parts)
