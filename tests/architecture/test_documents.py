"""Documents point to what exists, in words of the product."""

import re
from pathlib import Path

import pytest

from adapters.settings import Settings
from tests.architecture.repository import ROOT, files

DOCUMENTS = [path for path in files() if path.suffix == ".md"]
DECISIONS = [path for path in DOCUMENTS if path.parent.name == "decisions" and path.name != "README.md"]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"```.*?```", re.DOTALL)


def anchors(path: Path) -> set[str]:
    """As GitHub makes them from headings."""
    headings = _HEADING.findall(_CODE.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class TestLinks:
    @pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
    def test_every_link_within_the_repository_resolves(self, path: Path) -> None:
        for link in _LINK.findall(_CODE.sub("", path.read_text(encoding="utf-8"))):
            target, _, anchor = link.partition("#")
            if target.partition(":")[0] in {"https", "http", "mailto"}:
                continue
            place = (path.parent / target).resolve() if target else path
            assert place.exists(), f"{path}: {link}"
            assert not anchor or anchor in anchors(place), f"{path}: {link}"

    def test_no_document_names_this_machine(self) -> None:
        local = re.compile(r"(?<![\w.])/(?:work|root|home/\w+)/")
        texts = [path for path in files() if path.suffix in {".md", ".py", ".yml", ".toml", ".sh"}]
        texts += [ROOT / "Makefile", ROOT / ".ci" / "run"]
        assert [str(path) for path in texts if local.search(path.read_text(encoding="utf-8"))] == []


class TestDecisions:
    @pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
    def test_a_decision_is_one_page_with_its_enforcement(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 60
        for part in ("## Context", "## Decision", "## Consequences", "## Enforced by"):
            assert part in text
        for place in re.findall(r"`([\w./-]+/[\w./-]+)`", text.partition("## Enforced by")[2]):
            assert (ROOT / place).exists(), place

    @pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
    def test_a_decision_stands_in_the_index_under_its_heading(self, path: Path) -> None:
        number, _, title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").partition(" ")
        index = (path.parent / "README.md").read_text(encoding="utf-8")
        assert f"- {number} [{title}]({path.name})\n" in index


class TestSettings:
    @pytest.mark.parametrize("name", sorted(Settings.model_fields))
    def test_every_variable_is_documented_and_in_the_production_shape(self, name: str) -> None:
        variable = f"CHANGEGATE_{name.upper()}"
        assert f"`{variable}`" in (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
        assert variable in (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
        assert Settings.model_fields[name].description
