"""The commands of the terminal at an API that somebody else runs, with a token that somebody else signed."""

import shlex
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from adapters.identity.issuer import EmbeddedIssuer
from cli.caller import Caller
from tests.conftest import House
from tests.e2e.provided import Provider, Say, offered  # noqa: F401 -- a fixture is found by its name
from tests.e2e.terminal import changegate

CREATION = {
    "environment": "production", "key": "checkout", "base_version": 0, "plan": {"strategy": "direct"},
    "definition": {"state": "ENABLED", "variants": {"classic": "c", "express": "e"}, "defaultVariant": "classic"},
    "reason": "the shop learns to choose",
}  # fmt: skip


@pytest_asyncio.fixture
async def change(provider: Provider, house: House) -> str:
    """Waits for two votes."""
    async with Caller(provider.address, provider.issuer.mint("ada"), house.tenant.slug) as ada:
        submitted: dict[str, Any] = await ada.post("/rollouts", CREATION)
    return str(submitted["rollout"]["id"])


@pytest.fixture
def say(provider: Provider, house: House, tmp_path: Path) -> Say:
    """Runs the command as this person on a machine without an installation; its exit code and its words."""

    async def said(handle: str, *words: str, **more: str) -> tuple[int, str]:
        environment = {**provider.environment(house, handle), **more}
        async with changegate(tmp_path / "none", *words, **environment) as command:
            code = await command.ended()
        assert not (tmp_path / "none").exists()
        assert environment["CHANGEGATE_TOKEN"] not in command.text or not environment["CHANGEGATE_TOKEN"]
        return code, command.text

    return said


class TestOutsideApi:
    async def test_people_see_vote_and_look(self, say: Say, change: str, tmp_path: Path, provider: Provider) -> None:
        code, told = await say("bob", "pending")
        assert (code, told.splitlines()[:2]) == (0, [change, "  checkout in production, by ada"])
        assert (await say("bob", "vote", change, "approve"))[1] == "approve counted; the approval is PENDING.\n"
        (tmp_path / "token").write_text(provider.issuer.mint("cyd") + "\n")
        from_file = {"CHANGEGATE_TOKEN": "", "CHANGEGATE_TOKEN_FILE": str(tmp_path / "token")}
        code, told = await say("cyd", "vote", change, "approve", **from_file)
        assert (code, told) == (0, "approve counted; the approval is APPROVED.\n")
        code, told = await say("ada", "rollout", change)
        assert code == 0
        assert told.startswith("checkout in production: ")
        assert await say("bob", "pending") == (0, "Nothing waits for you.\n")

    async def test_a_refusal_is_the_api_s_own(self, say: Say, change: str) -> None:
        code, told = await say("ada", "vote", change, "approve")
        assert code == 1
        assert told.startswith("403 /problems/self-approval-forbidden: ")

    async def test_a_signal_goes_to_the_temporal_beside_that_api(self, say: Say, change: str) -> None:
        code, told = await say("bob", "vote", change, "approve", "--emit-signal")
        assert code == 0
        command = shlex.split(told)
        assert command[:7] == [
            "temporal", "workflow", "signal", "--address", "temporal.example.com:7233", "--namespace", "gates",
        ]  # fmt: skip
        assert command[command.index("--workflow-id") + 1] == f"approval/{change}"

    async def test_a_token_that_the_api_does_not_believe_is_refused(self, say: Say, tmp_path: Path) -> None:
        stranger = EmbeddedIssuer(tmp_path / "stranger", issuer="somebody-else")
        code, told = await say("bob", "pending", CHANGEGATE_TOKEN=stranger.mint("bob"))
        assert code == 1
        assert told.startswith("401 /problems/")
        assert "Traceback" not in told
