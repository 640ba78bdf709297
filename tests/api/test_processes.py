"""Processes over HTTP: started once, found again, told from the beginning, and stopped by an operator."""

from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.sagas import BOOK, TRIP

Ask = Any
PATH = f"/processes/{TRIP}/42"
DECISION = {"operation_id": str(uuid4()), "reason": "the guests do not come"}


@pytest_asyncio.fixture(autouse=True)
async def catalogue(world: Any) -> None:
    await world.services.store.put_process_types(BOOK.types())


def wish(id: str = "42", **data: Any) -> dict[str, Any]:  # noqa: A002 -- the process's
    return {"type": TRIP, "id": id, "data": {"words": "kit", **data}}


class TestProcesses:
    @pytest.mark.req("S057")
    async def test_is_started_once_and_found_again(self, ask: Ask) -> None:
        first = await ask("ada", "POST", "/processes", json=wish())
        assert (first.status_code, first.json()["replayed"]) == (201, False)
        process = first.json()["process"]
        assert {name: process[name] for name in ("type", "id", "state", "steps", "data", "back", "why")} == {
            "type": TRIP, "id": "42", "state": "started", "steps": None, "data": {"words": "kit"}, "back": False,
            "why": "",
        }  # fmt: skip
        again = await ask("ada", "POST", "/processes", json=wish())
        assert (again.status_code, again.json()) == (200, {"process": process, "replayed": True})
        found = await ask("root", "GET", PATH)
        assert (found.json(), found.headers["ETag"]) == (process, '"v1"')
        (type_,) = (await ask("ada", "GET", "/process-types?domain=works")).json()["items"]
        assert (type_["type"], type_["json_schema"]["title"]) == (TRIP, "Trip")

    async def test_something_else_or_nothing_known_is_a_problem(self, ask: Ask) -> None:
        await ask("ada", "POST", "/processes", json=wish())
        other = await ask("ada", "POST", "/processes", json=wish(words="other"))
        assert (other.status_code, other.json()["type"], other.json()["differs"]) == (
            409, "/problems/process-conflict", ["data"],
        )  # fmt: skip
        unknown = await ask("ada", "POST", "/processes", json={**wish(), "type": "works.fly"})
        assert (unknown.status_code, unknown.json()["type"]) == (422, "/problems/process-type-missing")
        wrong = await ask("ada", "POST", "/processes", json=wish("43", words=7))
        assert [each["path"] for each in wrong.json()["faults"]] == ["/data/words"]

    async def test_are_listed_page_by_page(self, ask: Ask) -> None:
        for name in "abc":
            await ask("ada", "POST", "/processes", json=wish(name))
        first = (await ask("ada", "GET", "/processes?limit=2&state=started")).json()
        rest = (await ask("ada", "GET", f"/processes?limit=2&state=started&cursor={first['next_cursor']}")).json()
        assert [each["id"] for each in first["items"] + rest["items"]] == ["c", "b", "a"]
        assert rest["next_cursor"] is None
        assert (await ask("ada", "GET", "/processes?state=completed")).json()["items"] == []

    @pytest.mark.req("S064")
    async def test_is_stopped_over_the_version_that_was_seen(self, ask: Ask) -> None:
        await ask("ada", "POST", "/processes", json=wish())
        stale = await ask("olu", "POST", f"{PATH}/cancel", json=DECISION, headers={"If-Match": '"v7"'})
        assert stale.status_code == 412
        unseen = await ask("olu", "POST", f"{PATH}/cancel", json=DECISION)
        assert unseen.status_code == 428
        made = await ask("olu", "POST", f"{PATH}/cancel", json=DECISION, headers={"If-Match": '"v1"'})
        assert (made.status_code, made.json()["state"], made.headers["ETag"]) == (200, "compensated", '"v2"')
        again = await ask("olu", "POST", f"{PATH}/retry", json={**DECISION, "operation_id": str(uuid4())},
                          headers={"If-Match": '"v2"'})  # fmt: skip
        assert (again.status_code, again.json()["type"]) == (409, "/problems/wrong-process-state")
        trail = (await ask("ada", "GET", f"{PATH}/trail")).json()["items"]
        told = [(each["action"], each["reason"]) for each in trail]
        assert told == [("process:record:started", None), ("process:record:canceled", DECISION["reason"])]
