"""Edits and completions over HTTP: proposed, looked at, said yes to by somebody else, and told afterwards."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from application.commands.cases import CommandCases
from application.commands.moves import moved
from application.commands.repairing import RepairStep
from domain.commands import CommandType, ParkedKind
from domain.commands.policies import TypePolicy
from tests.api.test_parked_commands import EVIDENCE, WRONG, Queue
from tests.contract.ordering import POST, SCHEMA, TYPES

PATCH = [{"op": "replace", "path": "/entry", "value": 8}]
BECAUSE = {"reason": "as the bank wrote"}
LOCKED = CommandType("ledger.repaired-locked", 1, SCHEMA, TypePolicy(locked=("/entry",)).to_json())
MONEY = CommandType("ledger.repaired-money", 1, SCHEMA, TypePolicy(money=True).to_json())


@pytest_asyncio.fixture(autouse=True)
async def catalogue(world: Any) -> None:
    await world.services.store.put_command_types([*TYPES, LOCKED, MONEY])


class Desk(Queue):
    """With a second operator, and the process that waits for answers."""

    def __init__(self, ask: Any, store: Any, tenant: Any, cases: CommandCases) -> None:
        super().__init__(ask, store, tenant)
        self._cases = cases

    async def settled(self, operation: str) -> dict[str, Any]:
        """As its process would."""
        await self._cases.repairing.answer(RepairStep(self._tenant, UUID(operation)))
        answer = await self.ask("aud", "GET", f"/command-operations/{operation}")
        told: dict[str, Any] = answer.json()
        return told

    async def proposed(self, act: str = "edit", **wish: Any) -> dict[str, Any]:
        more: dict[str, Any] = {"patch": PATCH} if act == "edit" else {}
        answer = await self.decide(act, **more, **wish)
        assert (answer.status_code, answer.json()["standing"]) == (202, "awaiting-approval"), answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def vote(self, operation: dict[str, Any], who: str = "root", answer: str = "approve") -> Any:
        return await self.ask(who, "POST", f"/approvals/{operation['approval']}/{answer}", json=BECAUSE)

    async def parked_again(self) -> None:
        async with self._store.transaction(self._tenant) as tx:
            (record,) = await tx.commands.lease("ledger", 1, tx.now, uuid4())
            (begun,) = await moved(tx, [record.started()])
            await moved(tx, [begun.parked_as(ParkedKind.PERMANENT, WRONG)])


@pytest.fixture
def desk(ask: Any, store: Any, house: Any, world: Any) -> Desk:
    return Desk(ask, store, house.id, world.services.commands)


class TestEdit:
    @pytest.mark.req("CB-44")
    async def test_what_would_come_of_it_is_shown_and_changes_nothing(self, desk: Desk, ask: Any) -> None:
        await desk.park("1")
        shown = (await desk.decide("edit", patch=PATCH, dry_run=True)).json()
        assert (shown["payload"]["entry"], shown["faults"], shown["version"]) == (8, [], 4)
        wrong = [{"op": "replace", "path": "/entry", "value": "eight"}]
        faulty = (await desk.decide("edit", patch=wrong, dry_run=True)).json()
        assert [each["path"] for each in faulty["faults"]] == ["/payload/entry"]
        assert (await ask("olu", "GET", "/commands/ledger/1")).json()["version"] == 4
        assert (await ask("olu", "GET", "/commands/ledger/1/operations")).json()["items"] == []

    @pytest.mark.req("CB-44")
    @pytest.mark.parametrize(
        ("patch", "path"),
        [
            ([{"op": "replace", "path": "/nothing", "value": 1}], "/patch/0/path"),
            ([{"op": "replace", "path": "/entry", "value": "eight"}], "/payload/entry"),
            ([{"op": "remove", "path": "/entry"}], "/payload"),
            ([{"op": "replace", "path": "", "value": [1]}], "/payload"),
            ([{"op": "test", "path": "/entry", "value": 7}], "/patch"),
            ([{"op": "add", "path": "/text", "value": "\0"}], "/patch/0/value"),
            ([], "/patch"),
        ],
    )
    async def test_what_cannot_be_is_refused_with_a_pointer(self, desk: Desk, patch: Any, path: str) -> None:
        await desk.park("1")
        answer = await desk.decide("edit", patch=patch)
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, path)
        assert (await desk.decide("retry")).status_code == 200

    @pytest.mark.req("CB-44")
    async def test_is_made_when_another_operator_says_yes(self, desk: Desk, ask: Any) -> None:
        await desk.park("1")
        mine = str(uuid4())
        asked = await desk.proposed(operation_id=mine)
        assert (await desk.decide("edit", patch=PATCH, operation_id=mine)).json() == asked
        for act in ("retry", "cancel", "edit", "assign"):
            more: dict[str, Any] = {"patch": PATCH} if act == "edit" else {"person": "olu"} if act == "assign" else {}
            held = await desk.decide(act, **more)
            assert (held.status_code, held.json()["type"]) == (409, "/problems/command-held")
            assert held.json()["operation"] == mine
        own = await desk.vote(asked, "olu")
        assert (own.status_code, own.json()["type"]) == (403, "/problems/self-approval-forbidden")
        assert (await desk.vote(asked, "bob")).json()["type"] == "/problems/not-an-approver"
        assert (await desk.settled(mine))["standing"] == "awaiting-approval"
        assert (await desk.vote(asked)).status_code == 200
        made = await desk.settled(mine)
        assert (made["standing"], made["state"], made["epoch"], made["approval"]) == (
            "made",
            "pending",
            2,
            asked["approval"],
        )
        told = (await ask("olu", "GET", "/commands/ledger/1")).json()
        assert (told["payload"]["entry"], told["edited_payload"]["entry"], told["epoch"]) == (7, 8, 2)
        sent = {"type": POST, "id": "1", "payload": {"entry": 7, "lines": [{"amount": "1.50"}]}}
        again = await ask("ada", "POST", "/commands", json=sent)
        assert (again.status_code, again.json()["replayed"]) == (200, True)
        trail = (await ask("root", "GET", f"/audit-logs?change={asked['approval']}")).json()["items"]
        refused = [each for each in trail if each["action"].endswith("vote:refused")]
        assert {each["after"]["refusal"] for each in refused} == {"self-approval-forbidden", "not-an-approver"}
        assert (await desk.trail())[-1]["after"]["approval"] == asked["approval"]

    @pytest.mark.req("CB-44")
    async def test_lineage_survives_a_plain_retry(self, desk: Desk, ask: Any) -> None:
        await desk.park("1")
        asked = await desk.proposed()
        await desk.vote(asked)
        await desk.settled(asked["operation_id"])
        await desk.parked_again()
        seen = (await ask("olu", "GET", "/commands/ledger/1")).json()["version"]
        assert (await desk.decide("retry", seen=seen)).status_code == 200
        told = (await ask("olu", "GET", "/commands/ledger/1/lineage")).json()
        assert [(each["epoch"], each["edited_in"]) for each in told["epochs"]] == [(1, None), (2, 2), (3, 2)]
        first, second, third = told["epochs"]
        assert (first["begun_by"], second["begun_by"]["act"], third["begun_by"]["act"]) == (None, "edit", "retry")
        assert (second["edit"]["patch"], second["edit"]["edited_from"]) == (PATCH, 1)
        assert first["payload_digest"] == second["edit"]["before_digest"] != second["payload_digest"]
        assert third["payload_digest"] == second["edit"]["after_digest"]
        (edit, _) = (await ask("aud", "GET", "/commands/ledger/1/operations")).json()["items"]
        assert edit["patch"] == [{**PATCH[0], "value": "[hidden]"}]
        hidden = (await ask("aud", "GET", "/commands/ledger/1/lineage")).json()["epochs"][1]["edit"]["patch"]
        assert hidden == edit["patch"]
        assert (await ask("aud", "GET", "/commands/ledger/1")).json()["edited_payload"]["entry"] == "[hidden]"

    @pytest.mark.req("CB-44")
    @pytest.mark.parametrize(("answer", "standing"), [("reject", "rejected"), ("withdraw", "withdrawn")])
    async def test_that_is_not_to_be_frees_the_command(
        self, desk: Desk, ask: Any, answer: str, standing: str
    ) -> None:  # fmt: skip
        await desk.park("1")
        asked = await desk.proposed()
        if answer == "reject":
            await desk.vote(asked, answer="reject")
        else:
            path = f"/command-operations/{asked['operation_id']}/withdraw"
            assert (await ask("root", "POST", path, json=BECAUSE)).status_code == 403
            assert (await ask("olu", "POST", path, json=BECAUSE)).json()["standing"] == "withdrawn"
            assert (await ask("olu", "POST", path, json=BECAUSE)).status_code == 409
        ended = await desk.settled(asked["operation_id"])
        assert (ended["standing"], ended["state"], ended["epoch"]) == (standing, "parked", 1)
        assert (await desk.trail())[-1]["action"] == "command:parked:released"
        assert (await desk.decide("retry")).status_code == 200

    @pytest.mark.req("CB-44")
    async def test_of_what_has_moved_is_void_and_says_so(self, desk: Desk, store: Any, house: Any) -> None:
        await desk.park("1")
        asked = await desk.proposed()
        async with store.transaction(house.id) as tx:
            parked = await tx.commands.parked.get(("ledger", "1"))
            await tx.commands.parked.note(parked)
        await desk.vote(asked)
        ended = await desk.settled(asked["operation_id"])
        assert (ended["standing"], ended["why"], ended["epoch"]) == ("void", "command_moved", 1)
        assert (await desk.decide("retry", seen=5)).status_code == 200

    @pytest.mark.req("CB-44")
    async def test_leaves_alone_what_its_type_locks(self, desk: Desk) -> None:
        await desk.park("1", type=LOCKED.type)
        answer = await desk.decide("edit", patch=PATCH)
        assert (answer.status_code, [each["path"] for each in answer.json()["faults"]]) == (422, ["/payload/entry"])


class TestWhoIsAsked:
    @pytest.mark.req("CB-43", "CB-44")
    async def test_a_completion_is_made_by_two(self, desk: Desk, ask: Any) -> None:
        await desk.park("1")
        asked = await desk.proposed("complete", evidence=EVIDENCE, result={"journal": 9})
        looked = (await ask("root", "GET", f"/command-operations/{asked['operation_id']}")).json()
        assert (looked["result"], looked["evidence"]) == ({"journal": 9}, EVIDENCE)
        assert (await ask("aud", "GET", f"/command-operations/{asked['operation_id']}")).json()["result"] == {
            "journal": "[hidden]"
        }
        await desk.vote(asked)
        made = await desk.settled(asked["operation_id"])
        assert (made["standing"], made["state"]) == ("made", "completed")
        told = (await ask("ada", "GET", "/commands/ledger/1")).json()
        assert (told["state"], told["result"], told["error"]) == ("completed", {"journal": 9}, None)
        after = (await desk.trail())[-1]["after"]
        assert (after["evidence"], after["result"].partition(":")[0]) == (EVIDENCE, "sha256")

    @pytest.mark.req("CB-44")
    async def test_sees_where_it_is_edited_and_never_to_what(self, desk: Desk, ask: Any) -> None:
        await desk.park("1")
        answer = await desk.decide("edit", patch=[{"op": "replace", "path": "/entry", "value": 700_123}])
        approval = answer.json()["approval"]
        pending = (await ask("root", "GET", "/approvals/pending")).json()["items"]
        assert [each["id"] for each in pending] == [approval]
        assert (await ask("olu", "GET", "/approvals/pending")).json()["items"] == []
        for path in (f"/approvals/{approval}", f"/approvals/{approval}/brief", f"/changes/{approval}"):
            told = await ask("eve", "GET", path)
            assert (told.status_code, "700123" in told.text, "ledger/1" in told.text) == (200, False, True), path
        seen = (await ask("root", "GET", f"/command-operations/{answer.json()['operation_id']}")).json()
        assert seen["patch"][0]["value"] == 700_123

    @pytest.mark.req("CB-44")
    async def test_is_what_the_policy_says(self, desk: Desk, ask: Any) -> None:
        path, head = "/policies/production?kind=command-repair", {"If-Match": '"v0"'}
        await desk.park("1", "2", type=MONEY.type)
        assert (await desk.decide("cancel", "1")).status_code == 200
        two = {"levels": [{"permission": "commands.operate"}], "governs_itself": False}
        body = {"policy": two, "reason": "money is moved by two"}
        assert (await ask("root", "PUT", path, json=body, headers=head)).status_code == 200
        assert (await desk.decide("retry", "2")).status_code == 202
        nobody = {"policy": {"levels": [], "governs_itself": False}, "reason": "a small house"}
        assert (await ask("root", "PUT", path, json=nobody, headers={"If-Match": '"v1"'})).status_code == 200
        await desk.park("3")
        made = await desk.decide("edit", "3", patch=PATCH)
        assert (made.status_code, made.json()["standing"], made.json()["epoch"]) == (200, "made", 2)
