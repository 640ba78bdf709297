"""What a reader is told to type is a command that there is."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.app import build
from docs.generate import FOLDER
from terminal import EmbeddedInstallation
from tests.architecture.repository import ROOT

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", TUTORIAL, re.DOTALL)
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]}


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    app: Any = typer.main.get_command(build(EmbeddedInstallation(tmp_path_factory.mktemp("nothing"))))
    return dict(app.commands)


class TestTutorial:
    def test_its_blocks_are_one_shell_program(self) -> None:
        assert len(BLOCKS) > 10
        read = subprocess.run(["bash", "-n"], input="\n".join(BLOCKS), capture_output=True, text=True, check=False)
        assert read.stderr == ""

    def test_every_path_is_one_of_the_api(self) -> None:
        reference = (FOLDER / "api.md").read_text(encoding="utf-8")
        paths = re.findall(r"""(?:API/api/v1|post "\$\w+" '?)(/[\w/$-]+)""", TUTORIAL)
        assert len(paths) > 8
        for path in paths:
            place = re.sub(r"/\$\w+", "/{id}", path).replace("/flags/new-checkout", "/flags/{key}")
            assert f"/api/v1{place}`" in reference, path


class TestCommands:
    @pytest.mark.parametrize("name", sorted(TEXTS))
    def test_changegate_commands_exist_with_their_options(self, name: str, commands: dict[str, Any]) -> None:
        for command, rest in re.findall(
            r"changegate (up|demo|migrate|token|admit|pending|vote|rollout)\b([^`\n)]*)", TEXTS[name]
        ):
            options = {option for each in commands[command].params for option in each.opts}
            assert set(re.findall(r"(--[a-z-]+)", rest)) <= options | {"--port"}, (command, rest)

    @pytest.mark.parametrize("name", sorted(TEXTS))
    def test_make_targets_exist(self, name: str) -> None:
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
        assert set(re.findall(r"(?:^|`)make ([a-z-]+)", TEXTS[name], re.MULTILINE)) <= targets


def test_every_document_is_reached_from_the_index() -> None:
    """By links, from README.md and docs/README.md."""
    reached, waiting = set[Path](), [ROOT / "README.md", ROOT / "docs" / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)#\s:]+)", page.read_text(encoding="utf-8"))
        waiting += [(page.parent / link).resolve() for link in links]
    assert set(ROOT.glob("docs/**/*.md")) <= reached
