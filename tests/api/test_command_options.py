"""Who is told, one at a time, and what is left of a purged command, over HTTP."""

from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from tests.contract.aged import Old
from tests.contract.homes import Home
from tests.contract.ordering import POST, TYPES, journal

Ask = Any
BY_COMMAND = {"kind": "command", "type": "sales.ship-order", "prefix": "answer-"}


@pytest_asyncio.fixture(autouse=True)
async def catalogue(world: Any) -> None:
    await world.services.store.put_command_types(TYPES)


def wish(id: str = "42", **given: Any) -> dict[str, Any]:  # noqa: A002 -- the command's
    return {"type": POST, "id": id, "payload": {"entry": 7}, **given}


async def test_who_is_told_is_shown_with_the_command(ask: Ask) -> None:
    answer = await ask("ada", "POST", "/commands", json=wish(reply_to=BY_COMMAND))
    assert answer.status_code == 201, answer.text
    assert answer.json()["command"]["reply_to"] == {**BY_COMMAND, "schema_version": 1}


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"kind": "webhook", "destination": "nobody"}, "/reply_to/destination"),
        ({"kind": "workflow", "workflow": f"reply/{'0' * 36}/7", "signal": "over"}, "/reply_to/workflow"),
        ({**BY_COMMAND, "type": "sales.ship-ordr"}, "/reply_to/type"),
        ({"kind": "webhook", "destination": "https://x.test/"}, "/reply_to/webhook/destination"),
    ],
)
async def test_who_cannot_be_told_is_a_problem(ask: Ask, wrong: dict[str, Any], path: str) -> None:
    answer = await ask("ada", "POST", "/commands", json=wish(reply_to=wrong))
    assert (answer.status_code, [each["path"] for each in answer.json()["faults"]]) == (422, [path])


@pytest.mark.req("CB-35")
async def test_one_at_a_time_has_a_unique_key(ask: Ask) -> None:
    first = await ask("ada", "POST", "/commands", json=wish("1", unique_key="rates"))
    assert (first.status_code, first.json()["command"]["on_unique"]) == (201, "reject")
    taken = await ask("ada", "POST", "/commands", json=wish("2", unique_key="rates"))
    assert (taken.status_code, taken.json()["type"], taken.json()["command"]) == (
        409, "/problems/unique-key-taken", "ledger/1",
    )  # fmt: skip
    shared = await ask("ada", "POST", "/commands", json=wish("2", unique_key="rates", on_unique="coalesce"))
    assert (shared.status_code, shared.json()["coalesced"], shared.json()["command"]["id"]) == (200, True, "1")
    instead = await ask("ada", "POST", "/commands", json=wish("2", unique_key="rates", on_unique="replace"))
    assert (instead.status_code, instead.json()["coalesced"]) == (201, False)
    assert (await ask("ada", "GET", "/commands/ledger/1")).json()["error"]["code"] == "superseded"


@pytest.mark.req("CB-08")
async def test_of_a_purged_command_is_told_what_is_left(ask: Ask, world: Any, house: Any) -> None:
    ada = house.ada
    who: Any = SimpleNamespace(id=ada.id, actor=ada)
    old = Old(Home(world.services.store, house.tenant, who, who))
    before = await old.ended(journal(), 31)
    await old.purge()
    gone = await ask("ada", "GET", "/commands/ledger/42")
    assert (gone.status_code, gone.json()["type"]) == (410, "/problems/command-purged")
    assert (gone.json()["command"], gone.json()["state"], gone.json()["fingerprint"]) == (
        "ledger/42", "completed", before.fingerprint,
    )  # fmt: skip
    again = await ask("ada", "POST", "/commands", json=wish())
    assert (again.status_code, again.json()["replayed"], again.json()["purged"]) == (200, True, True)
    other = await ask("ada", "POST", "/commands", json={**wish(), "payload": {"entry": 8}})
    assert (other.status_code, other.json()["purged"]) == (409, True)
    trail = await ask("ada", "GET", "/commands/ledger/42/trail")
    assert [each["action"] for each in trail.json()["items"]] == ["command:record:sent"]


async def test_a_tenant_says_for_how_long_it_keeps_commands(ask: Ask) -> None:
    path, body = "/command-retention", {"kept_days": 30, "reason": "the law of this country"}
    first = await ask("aud", "GET", path)
    assert (first.headers["ETag"], first.json()["kept_days"]) == ('"v0"', None)
    put = await ask("root", "PUT", path, json=body, headers={"If-Match": '"v0"'})
    assert (put.status_code, put.headers["ETag"], put.json()["kept_days"]) == (200, '"v1"', 30)
    assert (await ask("root", "PUT", path, json=body, headers={"If-Match": '"v0"'})).status_code == 412
    wrong = await ask("root", "PUT", path, json={**body, "known_days": 0}, headers={"If-Match": '"v1"'})
    assert (wrong.status_code, [each["path"] for each in wrong.json()["faults"]]) == (422, ["/known_days"])
