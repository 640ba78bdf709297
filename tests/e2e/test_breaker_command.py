"""What commands depend on from the terminal, at a real API."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.postgres.store import PostgresStore
from domain.commands import CommandType
from domain.commands.policies import TypePolicy
from tests.e2e.provided import Say, offered, typed  # noqa: F401 -- fixtures are found by their names

WHY = ("--reason", "The CRM is being moved tonight.")


class TestBreakers:
    @pytest.mark.req("CB-38")
    async def test_are_shown_opened_and_closed(self, say: Say, store: PostgresStore) -> None:
        name = f"d{uuid4().hex[:8]}"
        policy = TypePolicy(depends_on=name).to_json()
        await store.put_command_types([CommandType(f"{name}.tell", 1, {}, policy)])

        async def state() -> tuple[str, str | None]:
            code, said = await say("aud", "commands", "breakers", "--json")
            assert code == 0
            (found,) = [each for each in json.loads(said)["items"] if each["dependency"] == name]
            return found["state"], found["reason"]

        assert await state() == ("closed", None)
        assert (await say("ada", "commands", "open-breaker", name, *WHY))[0] == 1
        mine = ("--operation", str(uuid4()))
        for _ in range(2):
            code, said = await say("olu", "commands", "open-breaker", name, *WHY, "--version", "0", *mine)
            assert (code, said) == (0, f"{name}: it is open, in version 1.\n")
        assert await state() == ("open", WHY[1])
        (line,) = [each for each in (await say("aud", "commands", "breakers"))[1].splitlines() if name in each]
        assert " open " in line
        code, said = await say("olu", "commands", "close-breaker", name, *WHY)
        assert (code, said) == (0, f"{name}: it is closed, in version 2.\n")
        assert await state() == ("closed", None)

    @pytest.mark.req("CB-38", "CB-58")
    async def test_of_one_receiver_are_found_by_what_its_command_says(
        self, say: Say, store: PostgresStore, tmp_path: Path
    ) -> None:
        name = f"d{uuid4().hex[:8]}"
        policy = TypePolicy(depends_on=name, apart="/to").to_json()
        await store.put_command_types([CommandType(f"{name}.tell", 1, {}, policy)])
        payload = tmp_path / "payload.json"
        payload.write_text('{"to": "acme"}')
        assert (await say("ada", "commands", "send", f"{name}.tell", "1", str(payload)))[0] == 0
        shown = (await say("aud", "commands", "show", name, "1"))[1]
        assert ["dependency", f"{name}:acme"] in [line.split() for line in shown.splitlines()]
        code, said = await say("olu", "commands", "open-breaker", f"{name}:acme", *WHY)
        assert (code, said) == (0, f"{name}:acme: it is open, in version 1.\n")
        listed = (await say("aud", "commands", "breakers"))[1]
        assert {line.split()[0]: line.split()[2] for line in listed.splitlines() if line.startswith(name)} == {
            name: "closed", f"{name}:acme": "open",
        }  # fmt: skip
        code, said = await say("olu", "commands", "close-breaker", f"{name}:acme", *WHY)
        assert (code, said) == (0, f"{name}:acme: it is closed, in version 2.\n")
