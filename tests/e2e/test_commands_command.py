"""Commands from the terminal, at a real API."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.postgres.store import PostgresStore
from tests.contract.ordering import POST, TYPES
from tests.e2e.provided import Say, offered, typed  # noqa: F401 -- fixtures are found by their names


class Payload:
    """A file that holds what is to be sent."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def says(self, words: str) -> None:
        self.path.write_text(words)


@pytest.fixture
async def payload(store: PostgresStore, tmp_path: Path) -> Payload:
    await store.put_command_types(TYPES)
    payload = Payload(tmp_path / "journal.json")
    payload.says('{"entry": 7}')
    return payload


async def shown(say: Say, *words: str) -> Any:
    code, said = await say("ada", "commands", *words, "--json")
    assert code == 0, said
    return json.loads(said)


class TestCommands:
    @pytest.mark.req("CB-03")
    async def test_are_sent_once(self, say: Say, payload: Payload) -> None:
        sent = ("ada", "commands", "send", POST, "42", str(payload), "--priority", "9")
        assert await say(*sent) == (0, "ledger/42 is sent; it is pending.\n")
        assert await say(*sent) == (0, "ledger/42 was sent before; it is pending.\n")
        payload.says('{"entry": 8}')
        code, said = await say(*sent)
        assert (code, said.splitlines()[0]) == (
            1, "409 /problems/command-conflict: A command with this id was sent before, and it says something else.",
        )  # fmt: skip

    async def test_are_refused_where_they_say_nothing(self, say: Say, payload: Payload) -> None:
        payload.says("no payload")
        assert (await say("ada", "commands", "send", POST, "42", str(payload)))[0] == 2
        payload.says('{"entry": 0}')
        code, said = await say("ada", "commands", "send", POST, "42", str(payload))
        assert (code, said.splitlines()[1].split(":")[0]) == (1, "  /payload/entry")
        payload.says('{"entry": 1}')
        posts = ("--entity", "de", "--effective-date", "2026-03-31")  # which commands of this type do not
        code, said = await say("ada", "commands", "send", POST, "42", str(payload), *posts)
        assert (code, [line.split(":")[0].strip() for line in said.splitlines()[1:]]) == (
            1,
            ["/entity", "/effective_date"],
        )
        assert (await say("eve", "commands", "send", POST, "42", str(payload)))[0] == 1

    @pytest.mark.req("CB-35")
    async def test_share_a_unique_key_and_say_who_is_told(self, say: Say, payload: Payload) -> None:
        keyed = ("--unique-key", "rates", "--reply-to", "command=sales.ship-order,answer-")
        first = await shown(say, "send", POST, "42", str(payload), *keyed)
        assert first["command"]["reply_to"] == {
            "kind": "command", "type": "sales.ship-order", "schema_version": 1, "prefix": "answer-",
        }  # fmt: skip
        sent = ("ada", "commands", "send", POST, "43", str(payload), "--unique-key", "rates", "--on-unique")
        assert await say(*sent, "coalesce") == (
            0, "ledger/42 has this unique key, and nothing was sent; it is pending.\n",
        )  # fmt: skip
        code, said = await say(*sent, "reject")
        assert (code, said.splitlines()[0].split(":")[0]) == (1, "409 /problems/unique-key-taken")
        assert (await say("ada", "commands", "send", POST, "44", str(payload), "--reply-to", "pigeon=7"))[0] == 2

    async def test_are_listed_and_shown(self, say: Say, payload: Payload) -> None:
        for each in ("41", "42"):
            await shown(say, "send", POST, each, str(payload), "--ordering-key", "acc-1")
        _, said = await say("aud", "commands", "list", "--state", "pending", "--domain", "ledger", "--limit", "1")
        assert [line.split()[0] for line in said.splitlines()] == ["command", "ledger/42", "There"]
        assert [each["id"] for each in (await shown(say, "list", "--type", POST))["items"]] == ["42", "41"]
        _, said = await say("ada", "commands", "show", "ledger", "41")
        assert said.splitlines()[0] == f"ledger/41, {POST} in version 1"
        rows = {name.strip(): value.strip() for name, _, value in (line.partition("  ") for line in said.splitlines())}
        assert (rows["state"], rows["ordering key"], rows["payload"]) == ("pending", "acc-1", '{"entry":7}')
        assert (await say("aud", "commands", "show", "ledger", "43"))[0] == 1

    @pytest.mark.req("CB-53")
    async def test_are_told_from_their_beginning(self, say: Say, payload: Payload) -> None:
        await shown(say, "send", POST, "42", str(payload))
        (event,) = (await shown(say, "trail", "ledger", "42"))["items"]
        _, said = await say("aud", "commands", "trail", "ledger", "42")
        assert said.splitlines()[1].split() == [event["occurred_at"], "sent", event["actor"]]
        assert len((await say("aud", "commands", "trail", "ledger", "43"))[1].splitlines()) == 1
