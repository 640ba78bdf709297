"""A module in another database, over HTTP: it hears of its gates, sets them, and says so."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from adapters.memory.processes import Call
from domain.commands import CommandType
from tests.api.closing import Closing
from tests.contract.fencing import RUN, Fenced, fenced
from tests.contract.homes import Home

WHY = {"reason": "because of the test"}
SAID: dict[str, Any] = {
    "high_water": "INV-417",
    "entries": 2,
    "totals": [{"currency": "EUR", "debit": "10.05", "credit": "10.05"}],
}


@dataclass
class Replica:
    """What a module keeps: a gate is taken over when it is newer than the one it has, and else left as it is."""

    ask: Any
    epochs: dict[tuple[str, str, str], int] = field(default_factory=dict)

    async def hear(self, told: dict[str, Any]) -> Any:
        """Of one fence, as the event or the list has it; the answer of the acknowledgement."""
        gate = (told["entity"], told["period"]["code"], told["scope"])
        self.epochs[gate] = max(self.epochs.get(gate, 0), told["epoch"])
        word = {"epoch": self.epochs[gate], **SAID}
        return await self.ask("payables", "POST", f"/module-fences/{told['id']}/acknowledgement", json=word)


@pytest_asyncio.fixture
async def place(world: Any, house: Any) -> Fenced:
    """The books of this test's house, with a service of it that speaks for AP."""
    root, bob = house.root, house.bob
    return await fenced(Home(world.services.store, house.tenant, root, bob), issuer=world.issuer.issuer)


@pytest.fixture
def module(ask: Any) -> Replica:
    return Replica(ask)


async def outstanding(ask: Any) -> list[dict[str, Any]]:
    answer = await ask("payables", "GET", "/module-fences?module=AP&outstanding=true")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


class TestModules:
    async def test_are_set_read_and_listed(self, ask: Any, place: Fenced) -> None:
        wish = {"name": "Stock", "scope": "GL", "speaker": "payables", "entities": ["de"], **WHY}
        put = await ask("root", "PUT", "/remote-modules/INV-1", json=wish, headers={"If-Match": '"v0"'})
        assert (put.status_code, put.headers["ETag"]) == (200, '"v1"'), put.text
        assert put.json() == {"code": "INV-1", "name": "Stock", "scope": "GL", "speaker": str(place.speaker.id),
                              "entities": ["de"], "in_service": True, "version": 1, "told_by": None}  # fmt: skip
        assert (await ask("eve", "GET", "/remote-modules/INV-1")).json() == put.json()
        listed = (await ask("eve", "GET", "/remote-modules?limit=1")).json()
        assert [each["code"] for each in listed["items"]] == ["AP"]
        rest = (await ask("eve", "GET", f"/remote-modules?cursor={listed['next_cursor']}")).json()
        assert ([each["code"] for each in rest["items"]], rest["next_cursor"]) == (["INV-1"], None)

    async def test_speak_through_a_service(self, ask: Any, place: Fenced) -> None:
        wish = {"name": "Stock", "scope": "GL", "speaker": "eve", **WHY}
        answer = await ask("root", "PUT", "/remote-modules/INV", json=wish, headers={"If-Match": '"v0"'})
        assert answer.status_code == 422
        assert [each["path"] for each in answer.json()["faults"]] == ["/speaker"]

    @pytest.mark.req("FP54")
    async def test_may_be_told_by_commands(self, ask: Any, place: Fenced) -> None:
        wish = {"name": "Stock", "scope": "AP", "speaker": "payables", "told_by": "stockroom.set-gate", **WHY}
        refused = await ask("root", "PUT", "/remote-modules/STOCK", json=wish, headers={"If-Match": '"v0"'})
        assert (refused.status_code, [each["path"] for each in refused.json()["faults"]]) == (422, ["/told_by"])
        lanes: Any = place.home.store
        await lanes.put_command_types([CommandType("stockroom.set-gate", 1, {"type": "object"})])
        put = await ask("root", "PUT", "/remote-modules/STOCK", json=wish, headers={"If-Match": '"v0"'})
        assert put.json()["told_by"] == "stockroom.set-gate"
        fence = (await place.ask(await place.move("opened")))[-1]
        found = (await ask("eve", "GET", f"/module-fences/{fence.id}")).json()
        assert found["told"] == {"command": f"stockroom/fence:{fence.id}", "state": "pending", "code": None}


@pytest.mark.req("FP55")
class TestAcknowledging:
    async def test_a_module_asks_what_is_outstanding_and_says_that_it_is_set(
        self, ask: Any, place: Fenced, module: Replica
    ) -> None:
        fence = await place.asked("opened", "soft_closed", run=None)
        (told,) = await outstanding(ask)
        assert (told["id"], told["epoch"], told["posting"]) == (str(fence.id), 2, "adjust_only")
        assert (told["run"], told["period"]["code"], told["period"]["ends"]) == (None, "2024-03", "2024-03-31")
        answer = await module.hear(told)
        assert (answer.status_code, answer.json()["state"]) == (200, "acknowledged")
        assert answer.json()["acknowledgement"] == {"epoch": 2, **SAID}
        assert await outstanding(ask) == []
        assert (await ask("eve", "GET", f"/module-fences/{fence.id}")).json() == {**answer.json(), "told": None}

    async def test_of_what_comes_late_or_twice_the_answer_is_the_newest(
        self, ask: Any, place: Fenced, module: Replica
    ) -> None:
        await place.asked("opened", run=None)
        (older,) = await outstanding(ask)
        await place.asked("soft_closed", run=None)
        (newer,) = await outstanding(ask)
        settled = (await module.hear(newer)).json()
        for late in (older, newer, older):
            assert (await module.hear(late)).json() == settled
        assert (settled["epoch"], module.epochs) == (2, {("de", "2024-03", "AP"): 2})

    async def test_nobody_else_speaks_for_it(self, ask: Any, place: Fenced) -> None:
        fence = await place.asked("opened", run=None)
        for handle in ("root", "shop"):
            path = f"/module-fences/{fence.id}/acknowledgement"
            answer = await ask(handle, "POST", path, json={"epoch": 1, "entries": 0})
            assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-its-speaker")

    async def test_what_never_was_is_409_and_what_is_no_word_422(self, ask: Any, place: Fenced) -> None:
        fence = await place.asked("opened", run=None)
        path = f"/module-fences/{fence.id}/acknowledgement"
        answer = await ask("payables", "POST", path, json={"epoch": 2, "entries": 0})
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/epoch-unknown")
        twice = {"epoch": 1, "entries": 0, "totals": SAID["totals"] * 2}
        rounded = {"epoch": 1, "entries": 0, "totals": [{"currency": "EUR", "debit": "1e3", "credit": "0"}]}
        for body in ({"epoch": 0, "entries": 0}, {"epoch": 1, "entries": -1}, {"epoch": 1}, twice, rounded):
            assert (await ask("payables", "POST", path, json=body)).status_code == 422


@pytest.mark.req("FP54")
class TestSilence:
    async def test_is_retried_or_gone_without(self, ask: Any, place: Fenced, module: Replica) -> None:
        fence = await place.asked("opened", "soft_closed", run=None)
        path = f"/module-fences/{fence.id}"
        assert (await ask("eve", "POST", f"{path}/retry", json=WHY)).status_code == 403
        again = await ask("root", "POST", f"{path}/retry", json=WHY)
        assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (200, "asked", 1)
        gone = await ask("root", "POST", f"{path}/exclude", json={"reason": "it is being replaced"})
        assert (gone.status_code, gone.json()["state"]) == (200, "excluded")
        assert (gone.json()["reason"], gone.json()["settled_by"]) == ("it is being replaced", str(place.home.ada.id))
        late = await ask("root", "POST", f"{path}/retry", json=WHY)
        assert (late.status_code, late.json()["type"]) == (409, "/problems/fence-settled")
        (told,) = (await ask("eve", "GET", "/module-fences?state=excluded")).json()["items"]
        assert (await module.hear(told)).json() == told

    async def test_gone_without_its_older_postings_are_not_taken_in(self, ask: Any, place: Fenced) -> None:
        fence = await place.asked("opened", "soft_closed", run=None)
        path = "/remote-modules/AP/epoch?entity=de&period=2024-03&epoch="
        good = await ask("eve", "GET", f"{path}1")
        told = {"module": "AP", "entity": "de", "period": "2024-03", "epoch": 1, "binding": False}
        assert (good.status_code, good.json()) == (200, told)
        await ask("root", "POST", f"/module-fences/{fence.id}/exclude", json=WHY)
        stale = await ask("eve", "GET", f"{path}1")
        assert (stale.status_code, stale.json()["type"]) == (409, "/problems/stale-epoch")
        assert (stale.json()["epoch"], stale.json()["given"]) == (2, 1)
        assert (await ask("eve", "GET", f"{path}2")).status_code == 200
        assert (await ask("eve", "GET", f"{path}3")).json()["type"] == "/problems/epoch-unknown"

    async def test_without_a_reason_is_422(self, ask: Any, place: Fenced) -> None:
        fence = await place.asked("opened", run=None)
        for act in ("retry", "exclude"):
            assert (await ask("root", "POST", f"/module-fences/{fence.id}/{act}", json={})).status_code == 422


@pytest.mark.req("FP54")
class TestClose:
    async def test_hears_that_the_module_it_waits_for_has_spoken(self, ask: Any, world: Any, house: Any) -> None:
        closing = Closing(ask, world, house)
        await closing.settle_in()
        wish = {"name": "A ledger elsewhere", "scope": "GL", "speaker": "shop", **WHY}
        await closing.ok("root", "PUT", "/remote-modules/GL-2", json=wish, headers={"If-Match": '"v0"'})
        close = await closing.begin()
        assert (await closing.frozen(close)).fences == 1
        (fence,) = (await closing.ok("shop", "GET", f"/module-fences?run={close}&outstanding=true"))["items"]
        word = {"epoch": fence["epoch"], "entries": 0}
        await closing.ok("shop", "POST", f"/module-fences/{fence['id']}/acknowledgement", json=word)
        assert Call("fence_acknowledged", UUID(close)) in world.processes.calls
        stand = await world.services.closures.freezing.frozen(closing.step(close))
        assert (stand.state, stand.fences) == ("TASKS", 0)


class TestLists:
    async def test_go_page_by_page(self, ask: Any, place: Fenced) -> None:
        fences = [await place.asked(way) for way in ("opened", "soft_closed", "frozen")]
        found, cursor = [], ""
        while True:
            page = (await ask("eve", "GET", f"/module-fences?limit=2&run={RUN}{cursor}")).json()
            found += [UUID(each["id"]) for each in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert found == [each.id for each in reversed(fences)]
