"""A flag is explained at the terminal, as its page says."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from cli.caller import Caller
from tests.architecture.repository import ROOT
from tests.conftest import House
from tests.e2e.provided import Provider, Say, offered, typed  # noqa: F401 -- fixtures are found by their names

PAGE = (ROOT / "docs" / "howto" / "explain-a-flag.md").read_text(encoding="utf-8")
GERMAN = {"in": [{"var": "country"}, ["DE", "AT"]]}
DRAFT = {"fractional": [["off", 1], ["on", 1]]}
WHY = {"reason": "because of the test"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.req("FL5")
async def test_every_command_of_the_page_prints_what_it_says(
    provider: Provider, house: House, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition: Any = json.loads(blocks("json")[0])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "context.json").write_text('{"targetingKey": "globex"}')
    (tmp_path / "draft.json").write_text(json.dumps({**definition, "targeting": DRAFT}))
    async with Caller(provider.address, provider.issuer.mint("ada"), house.tenant.slug) as ada:
        await ada.put("/evaluators?environment=dev", {"evaluators": {"german": GERMAN}, **WHY})
        await ada.post("/flags", {"environment": "dev", "key": "new-checkout", "definition": definition, **WHY})
    told = blocks("text")
    for command, expected in zip(blocks("sh"), told, strict=True):
        _, *words = shlex.split(command)
        assert await say("eve", *words) == (0, expected)
    code, text = await say("eve", *shlex.split(blocks("sh")[0])[1:], "--json")
    assert (code, json.loads(text)["sentence"]) == (0, told[0].partition("\n")[0])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--context", "[1]"), "the context is no JSON object"),
        (("--context", "{"), "the context is no JSON object"),
        (("--context", "@nowhere.json"), "nowhere.json cannot be read"),
        (("--version", "9"), "404"),
    ],
)
async def test_what_cannot_be_asked_is_said(say: Say, words: tuple[str, ...], said: str) -> None:
    code, text = await say("eve", "flags", "explain", "nothing", "-e", "dev", *words)
    assert (code, said in text) == (1, True)
