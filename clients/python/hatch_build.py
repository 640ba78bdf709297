"""A wheel brings the evaluator of flags along: the modules of the server that evaluation needs, under another name."""

import ast
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SERVER: Final = "domain"
BROUGHT: Final = "_evaluator"
SEAM: Final = "evaluation.py"
_IMPORT: Final = re.compile(rf"^from {SERVER}(?=[ .])", re.MULTILINE)


class Evaluator(BuildHookInterface):  # type: ignore[type-arg]  # of whatever configuration there is
    """What an sdist is built with it has already, and a wheel of an sdist takes it from there."""

    PLUGIN_NAME = "custom"

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        self._folder = Path(tempfile.mkdtemp())
        package, server = Path(self.root) / "src" / "changegate", Path(self.root).parents[1]
        if not (server / SERVER / "flags").is_dir():
            return
        place = "src/changegate" if self.target_name == "sdist" else "changegate"
        seam = package / SEAM
        for name, source in [(SEAM, seam), *needed(server, seam)]:
            file = self._folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(renamed(source.read_text(encoding="utf-8")), encoding="utf-8")
            build_data["force_include"][str(file)] = f"{place}/{name}"

    def finalize(self, _version: str, _build_data: dict[str, Any], _artifact: str) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def needed(server: Path, seam: Path) -> Iterator[tuple[str, Path]]:
    """Where each goes, and where it is: what is imported, directly or by what is, and the packages around it."""
    found: dict[str, Path] = {}
    waiting = list(imported(seam))
    while waiting:
        module = waiting.pop()
        if module in found or (file := _file(server, module)) is None:
            continue
        found[module] = file
        waiting += [*imported(file), module.rpartition(".")[0]]
    for file in sorted(found.values()):
        yield f"{BROUGHT}/{file.relative_to(server / SERVER).as_posix()}", file


def imported(file: Path) -> Iterator[str]:
    """Names of modules of the server, and of what they are asked for, which may be modules as well."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == SERVER:
            yield str(node.module)
            yield from (f"{node.module}.{each.name}" for each in node.names)


def renamed(text: str) -> str:
    return _IMPORT.sub(f"from changegate.{BROUGHT}", text)


def _file(server: Path, module: str) -> Path | None:
    path = server.joinpath(*module.split("."))
    return next((each for each in (path / "__init__.py", path.with_suffix(".py")) if module and each.is_file()), None)
