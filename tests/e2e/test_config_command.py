"""Configuration in a file, from the terminal, at a real API: planned, applied, watched for drift."""

import asyncio
import json
import re
import shlex
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.memory.secrets import MemorySealer
from adapters.postgres.store import PostgresStore
from application.ports.imports import ImportState
from application.settings.moving import importing
from cli.caller import Caller
from cli.config_files import bundle_in
from tests.conftest import House
from tests.e2e.provided import Provider, Say, offered, typed  # noqa: F401 -- fixtures are found by their names
from tests.e2e.terminal import ROOT

WHY = {"reason": "because of the test"}
LIMIT = {"key": "upload.limit", "type": "integer", "default": 10, "scopes": ["tenant", "company"]}
FLAG = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
PAGE = ROOT / "docs" / "howto" / "config-in-git.md"
APPLY = ("--reason", "because of the test")


@pytest.fixture
async def ada(provider: Provider, house: House) -> AsyncIterator[Caller]:
    """Who has defined a setting, said something, and made a flag in dev."""
    async with Caller(provider.address, provider.issuer.mint("ada"), house.tenant.slug) as ada:
        await ada.post("/setting-definitions", {"definition": LIMIT, **WHY})
        await ada.post("/flags", {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY})
        await write(ada, {"company:de": 20, "company:fr": 30})
        yield ada


async def write(ada: Caller, values: dict[str, int]) -> None:
    items = [{"key": "upload.limit", "scope": scope, "value": value} for scope, value in values.items()]
    await ada.post("/settings/bulk", {"environment": "dev", "items": items, **WHY})


def edited(file: Path, without: frozenset[str] = frozenset(), **changed: Any) -> None:
    raw = json.loads(file.read_text())
    file.write_text(json.dumps({name: each for name, each in {**raw, **changed}.items() if name not in without}))


def text_of(file: Path) -> str:
    return file.read_text()


def line(scope: str, value: Any) -> dict[str, Any]:
    return {"key": "upload.limit", "scope": scope, "state": "set", "value": value, "enforced": False}


@pytest.fixture
async def file(ada: Caller, say: Say, tmp_path: Path) -> Path:
    """What `config export` wrote and `config apply` synced."""
    path = tmp_path / "dev.json"
    assert await say("ada", "config", "export", "-e", "dev", "-f", str(path)) == (0, "")
    assert await say("ada", "config", "apply", "-f", str(path), *APPLY) == (0, "no changes\n")
    return path


@pytest.mark.req("FR-SM-030", "FR-SM-031", "ST82")
class TestConfig:
    async def test_an_export_is_the_same_file_each_time(self, file: Path, say: Say) -> None:
        code, text = await say("eve", "config", "export", "-e", "dev")
        assert (code, text) == (0, text_of(file))
        raw = json.loads(text)
        assert ("exported_at" in raw, raw["flags"]) == (False, [{"key": "checkout", "definition": FLAG}])

    async def test_an_equal_target_has_no_changes(self, file: Path, say: Say) -> None:
        assert await say("ada", "config", "plan", "-f", str(file), "--exit-code") == (0, "no changes\n")
        assert await say("ada", "config", "drift", "-f", str(file), "--exit-code") == (0, "no drift\n")

    async def test_a_plan_is_a_difference_and_applying_makes_it_true(
        self, file: Path, say: Say, ada: Caller
    ) -> None:  # fmt: skip
        flags = [{"key": "checkout", "definition": {**FLAG, "defaultVariant": "on"}}]
        edited(file, values=[line("", 90), line("company:de", 25)], flags=flags)
        code, text = await say("ada", "config", "plan", "-f", str(file), "--exit-code")
        lines = text.splitlines()
        assert (code, lines[1:]) == (2, [
            "+ upload.limit = 90", "~ upload.limit @ company:de: 20 -> 25", "- upload.limit @ company:fr = 30",
            "1 added, 2 changed, 1 removed",
        ])  # fmt: skip
        assert lines[0].startswith("~ flag checkout: ")
        assert await say("ada", "config", "apply", "-f", str(file), *APPLY) == (
            0, "applied: 1 added, 2 changed, 1 removed\n",
        )  # fmt: skip
        assert (await ada.get("/flags/checkout", environment="dev"))["definition"]["defaultVariant"] == "on"
        assert await say("ada", "config", "plan", "-f", str(file), "--exit-code") == (0, "no changes\n")
        code, text = await say("ada", "config", "plan", "-f", str(file), "--json")
        assert (code, json.loads(text)["outcome"]) == (0, "no_changes")

    async def test_drift_tells_who_moved(self, file: Path, say: Say, ada: Caller) -> None:
        await write(ada, {"company:de": 21, "company:at": 1})
        edited(file, values=[line("company:de", 22), line("company:fr", 31), line("company:at", 1)])
        code, text = await say("eve", "config", "drift", "-f", str(file), "--exit-code")
        assert (code, text.splitlines()) == (2, [
            "changed in the file", "  ~ upload.limit @ company:fr: base 30, desired 31, stored 30",
            "changed on both sides", "  ~ upload.limit @ company:de: base 20, desired 22, stored 21",
        ])  # fmt: skip
        code, text = await say("eve", "config", "drift", "-f", str(file), "--json")
        assert (code, [each["side"] for each in json.loads(text)["items"]]) == (0, ["conflict", "file"])

    async def test_what_the_server_alone_changed_is_its_own(self, file: Path, say: Say, ada: Caller) -> None:
        await write(ada, {"company:de": 21})
        code, text = await say("eve", "config", "drift", "-f", str(file), "--exit-code")
        assert (code, text.splitlines()[0]) == (2, "changed on the server")
        assert (await say("ada", "config", "apply", "-f", str(file), *APPLY))[0] == 0
        assert (await say("eve", "config", "drift", "-f", str(file), "--exit-code"))[0] == 0

    async def test_a_file_that_is_none_is_a_sentence(self, tmp_path: Path, say: Say) -> None:
        missing, broken, twice = tmp_path / "missing.json", tmp_path / "broken.json", tmp_path / "twice.json"
        broken.write_text("{")
        twice.write_text('{"a": 1, "a": 2}')
        for path, words in ((missing, "cannot be read"), (broken, "expected JSON"), (twice, "stands twice")):
            code, text = await say("ada", "config", "plan", "-f", str(path))
            assert (code, words in text) == (1, True), text

    async def test_every_fault_is_told_at_its_line(self, file: Path, say: Say) -> None:
        edited(file, values=[line("company:de", "x"), line("company:fr", "y")], surprise=[])
        code, text = await say("ada", "config", "apply", "-f", str(file), *APPLY)
        assert (code, "/bundle/surprise: unknown section" in text) == (1, True)
        edited(file, frozenset({"surprise"}))
        code, text = await say("ada", "config", "apply", "-f", str(file), *APPLY)
        assert (code, [f"/bundle/values/{n}/value" in text for n in (0, 1)]) == (1, [True, True])

    async def test_where_policy_asks_it_waits(self, file: Path, say: Say) -> None:
        plan = await say("ada", "config", "plan", "-f", str(file), "-e", "production")
        assert plan[0] == 1
        assert "flags-governed" in plan[1]
        edited(file, frozenset({"flags", "evaluators"}))
        code, text = await say("ada", "config", "apply", "-f", str(file), "-e", "production", *APPLY)
        assert (code, text.startswith("submitted as change ")) == (0, True), text


class TestLargeFile:
    async def test_is_imported_by_a_workflow_that_is_followed(
        self, file: Path, say: Say, store: PostgresStore, house: House
    ) -> None:  # fmt: skip
        edited(file, values=[line(f"company:c{n:05}", n) for n in range(6000)])
        async with carried_out(store, house):
            code, text = await say("ada", "config", "apply", "-f", str(file), *APPLY)
        assert (code, text.startswith("applied, as import ")) == (0, True), text
        assert (await say("eve", "config", "drift", "-f", str(file)))[1] == "no drift\n"


@asynccontextmanager
async def carried_out(store: PostgresStore, house: House) -> AsyncIterator[None]:
    """What a worker would do."""
    steps = importing(store, object(), MemorySealer())  # type: ignore[arg-type]  # nothing is asked of processes

    async def work() -> None:
        while True:
            async with store.transaction(house.id) as tx:
                waiting = [each for each in await tx.imports.page(None, 9) if each.state is ImportState.RUNNING]
            for each in waiting:
                for step in (steps.validate, steps.plan, steps.apply):
                    await step(house.id, each.id, lambda _: None)
                await steps.finish(house.id, each.id)
            await asyncio.sleep(0.1)

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


class TestHowto:
    async def test_every_command_of_the_page_does_what_it_says(
        self, ada: Caller, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is Changegate's is run here, and what is the shell's by a shell."""
        blocks = re.findall(r"^```sh\n(.*?)^```", text_of(PAGE), re.DOTALL | re.MULTILINE)
        assert len(blocks) == 4
        monkeypatch.chdir(tmp_path)
        said = ""
        for line in "".join(blocks).splitlines():
            program, *words = shlex.split(line)
            if program == "changegate":
                code, text = await say("ada", *words)
                said += text
            else:
                code = (await asyncio.to_thread(subprocess.run, [program, *words], check=False)).returncode
            assert code == 0, f"{line}\n{said}"
        assert "~ upload.limit @ company:de: 20 -> 25\n1 changed\n" in said
        assert said.endswith("no drift\n")
        assert bundle_in(tmp_path / "dev.json")["values"][0]["value"] == 25
