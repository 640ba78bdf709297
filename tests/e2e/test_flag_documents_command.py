"""Flags of other tools from the terminal, at a real API: looked at, imported, exported, imported again."""

import json
from pathlib import Path

import pytest

from tests.e2e.provided import Say, offered, typed  # noqa: F401 -- fixtures are found by their names

EXPORTS = Path(__file__).parents[1] / "unit" / "flags" / "exports"
WHY = ("--reason", "because of the test")
DEV = ("--environment", "dev")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "growthbook.json"
    path.write_text(json.dumps(json.loads((EXPORTS / "growthbook.json").read_text())["document"]))
    return path


@pytest.mark.req("FI2", "FI3")
class TestImport:
    async def test_a_dry_run_says_how_true_each_flag_stays(self, say: Say, file: Path) -> None:
        code, text = await say("ada", "flags", "import", str(file), "--from", "growthbook", *DEV, "--dry-run")
        lines = text.splitlines()
        assert code == 0, text
        assert "note: the attribute id is the targeting key" in lines
        assert {"exact    plain", "+ plain"} <= set(lines)
        assert any(line.startswith("not said elements: there is no operator") for line in lines)
        assert lines[-1] == "nothing is written yet"
        code, _ = await say("ada", "flags", "import", str(file), "--from", "growthbook", *DEV, *WHY)
        assert code == 1

    async def test_what_is_imported_can_be_exported_and_imported_again(
        self, say: Say, file: Path, tmp_path: Path
    ) -> None:
        wish = ("import", str(file), "--from", "growthbook", "--only", "plain", "--only", "forced", *DEV, *WHY)
        code, text = await say("ada", "flags", *wish)
        assert (code, text.splitlines()[-1]) == (0, "applied"), text
        out = tmp_path / "flags.json"
        assert await say("eve", "flags", "export", *DEV, "--file", str(out)) == (0, "")
        assert json.loads(out.read_text())["flags"].keys() == {"plain", "forced"}
        code, text = await say("ada", "flags", "import", str(out), "--from", "flagd", *DEV, *WHY)
        assert (code, text.splitlines()[-1]) == (0, "no changes")

    async def test_a_policy_is_asked(self, say: Say, file: Path) -> None:
        wish = ("import", str(file), "--from", "growthbook", "--only", "plain", "--environment", "production", *WHY)
        code, text = await say("ada", "flags", *wish)
        assert code == 0, text
        assert text.splitlines()[-1].endswith("which waits for approval")

    @pytest.mark.parametrize("content", ["[]", "{", ""])
    async def test_a_file_that_is_none_is_not_sent(self, say: Say, tmp_path: Path, content: str) -> None:
        (tmp_path / "bad.json").write_text(content)
        code, _ = await say("ada", "flags", "import", str(tmp_path / "bad.json"), "--from", "flagd", *DEV, *WHY)
        assert code == 1
