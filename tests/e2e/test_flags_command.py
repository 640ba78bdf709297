"""Flags from the terminal, at a real API: listed by the state of their life, used, and searched for in sources."""

import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cli.caller import Caller
from tests.conftest import House
from tests.e2e.provided import Provider, Say, offered, typed  # noqa: F401 -- fixtures are found by their names

WHY = {"reason": "because of the test"}
FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
SHORT = {**FLAG, "metadata": {"expectedLifetimeDays": 1e-9, "tags": "shop"}}
SOURCES = {
    "src/pay.py": 'if client.get_boolean_value("checkout", False):\n    pass\n',
    "web/Pay.tsx": "const on = useFlag(\n  'checkout',\n);\nuse('new-basket')\n",
    "server/Pay.java": 'client.getBooleanValue("new-basket", false);\n',
    "php/pay.php": "<?php\n$client->getBooleanValue('checkout', false);\n",
    "go/pay.go": 'client.Boolean(ctx, "checkouts", false)\n',
    "node_modules/x/index.js": "checkout\n",
    "build/out.js": "checkout\n",
    ".gitignore": "build/\n",
}
LINES = [
    "php/pay.php:2 checkout", "server/Pay.java:1 new-basket", "src/pay.py:1 checkout", "web/Pay.tsx:2 checkout",
    "web/Pay.tsx:4 new-basket",
]  # fmt: skip


@pytest.fixture
async def ada(provider: Provider, house: House) -> AsyncIterator[Caller]:
    async with Caller(provider.address, provider.issuer.mint("ada"), house.tenant.slug) as ada:
        for key, definition in {"checkout": FLAG, "new-basket": SHORT}.items():
            await ada.post("/flags", {"environment": "dev", "key": key, "definition": definition, **WHY})
        yield ada


def git(root: Path, *words: str) -> str:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.test")
    run = ["git", *who, "-C", str(root), *words]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Sources in several languages, with what must not be read."""
    root = tmp_path / "shop"
    for name, content in SOURCES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    (root / "image.png").write_bytes(b"\x89PNG\0checkout")
    (root / "link.py").symlink_to(root / "src" / "pay.py")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def repository(tree: Path) -> Path:
    git(tree, "init", "-q")
    git(tree, "add", "src", "web")
    git(tree, "commit", "-q", "-m", "Begin")
    return tree


@pytest.mark.req("FR-SM-010")
async def test_flags_are_shown_as_written_and_as_published(ada: Caller, say: Say) -> None:
    segments = {"beta": {"segment": {"owner": "shop", "include": ["ivy"]}}}
    await ada.put("/evaluators?environment=dev", {"evaluators": segments, **WHY}, over=0)
    authored = {
        "state": "ENABLED", "variants": FLAG["variants"],
        "authoring": {"rules": [{"when": {"segment": "beta"}, "serve": "on"}], "serve": "off"},
    }  # fmt: skip
    await ada.post("/flags", {"environment": "dev", "key": "till", "definition": authored, **WHY})
    code, text = await say("eve", "flags", "show", "till", "-e", "dev")
    assert (code, json.loads(text)) == (0, authored)
    code, text = await say("eve", "flags", "show", "till", "-e", "dev", "--published")
    assert (code, json.loads(text)) == (0, {**FLAG, "targeting": {"if": [{"$ref": "beta"}, "on"]}})
    assert await say("eve", "flags", "segments", "-e", "dev") == (0, "beta  till  (shop)\n")


@pytest.mark.req("FL2")
async def test_flags_are_listed_by_the_state_of_their_life(ada: Caller, say: Say) -> None:
    code, text = await say("eve", "flags", "list", "-e", "dev")
    assert (code, [line.split()[:2] for line in text.splitlines()]) == (
        0,
        [["new", "checkout"], ["stale", "new-basket"]],
    )
    code, text = await say("eve", "flags", "list", "-e", "dev", "--stale")
    assert (code, [line.split()[:2] for line in text.splitlines()]) == (0, [["stale", "new-basket"]])
    assert "expected to live" in text
    code, text = await say("eve", "flags", "list", "-e", "dev", "--tag", "shop", "--tag", "moon")
    assert (code, [line.split()[1] for line in text.splitlines()]) == (0, ["new-basket"])


@pytest.mark.req("FL3")
async def test_sources_of_many_languages_are_searched_and_reported(ada: Caller, say: Say, repository: Path) -> None:
    code, text = await say("ada", "flags", "scan", str(repository), "-e", "dev", "--report")
    assert (code, text.splitlines()) == (0, [*LINES, "5 places, 2 flags, reported as shop"])
    told = await ada.get("/flags/checkout/usage", environment="dev")
    assert [(each["repository"], each["places"]) for each in told["scans"]] == [("shop", 3)]
    assert told["scans"][0]["revision"] == git(repository, "rev-parse", "HEAD")
    code, text = await say("eve", "flags", "usage", "checkout", "-e", "dev")
    assert (code, text.splitlines()[0]) == (0, "checkout in dev is new")
    assert "  shop names it at 3 places" in text.splitlines()


@pytest.mark.req("FL3")
async def test_sources_without_git_are_searched_and_nothing_is_told(ada: Caller, say: Say, tree: Path) -> None:
    code, text = await say("ada", "flags", "scan", str(tree), "-e", "dev")
    assert (code, text.splitlines()) == (0, ["build/out.js:1 checkout", *LINES, "6 places, 2 flags"])
    code, text = await say("ada", "flags", "scan", str(tree / "src" / "pay.py"), "-e", "dev")
    assert (code, text.splitlines()) == (0, ["pay.py:1 checkout", "1 place, 1 flag"])
    assert (await ada.get("/flags/checkout/usage", environment="dev"))["scans"] == []


@pytest.mark.req("FL4")
async def test_a_flag_is_archived_and_served_again(ada: Caller, say: Say) -> None:
    words = ("-e", "dev", "--reason", "nobody needs it any more")
    code, text = await say("ada", "flags", "archive", "checkout", *words)
    assert (code, "flag-in-use" in text) == (1, True)
    code, text = await say("ada", "flags", "archive", "checkout", *words, "--confirm")
    assert (code, text) == (0, "checkout in dev is archived, as version 2.\n")
    archived = (await ada.get("/flags", environment="dev", lifecycle="archived"))["items"]
    assert [each["key"] for each in archived] == ["checkout"]
    code, text = await say("ada", "flags", "restore", "checkout", *words)
    assert (code, text) == (0, "checkout in dev is served again, as version 3.\n")
    assert (await ada.get("/flags/checkout", environment="dev"))["definition"] == FLAG
