import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from adapters.postgres.engine import connect
from application.ports.records import AuditFilter

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
WHY = {"reason": "because of the test"}
CREATE = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
CHANGE = {"environment": "dev", "key": "checkout", "definition": FLAG, "base_version": 0,
          "plan": {"strategy": "direct"}, **WHY}  # fmt: skip
KEY = {"Idempotency-Key": "order-66"}
STAGED = {**CHANGE, "environment": "staging"}


@pytest.mark.req("S16")
class TestReplay:
    async def test_the_same_request_is_answered_again_and_done_once(self, ask: Any, world: Any, house: Any) -> None:
        first = await ask("ada", "POST", "/flags", json=CREATE, headers=KEY)
        again = await ask("ada", "POST", "/flags", json=CREATE, headers=KEY)
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.content == first.content
        assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
        async with world.services.store.transaction(house.id) as tx:
            assert len(await tx.audit.page(AuditFilter(action="flag:definition:created"), None, 10)) == 1

    async def test_one_vote_however_often_it_is_sent(self, ask: Any) -> None:
        begun = await ask("ada", "POST", "/rollouts", json=STAGED)
        path = f"/approvals/{begun.json()['approval']}/approve"
        first = await ask("bob", "POST", path, json={"reason": "good"}, headers=KEY)
        again = await ask("bob", "POST", path, json={"reason": "good"}, headers=KEY)
        assert (first.status_code, again.content) == (200, first.content)
        assert len(again.json()["votes"]) == 1
        other = await ask("bob", "POST", path, json={"reason": "better"}, headers=KEY)
        assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-mismatch")

    async def test_another_path_with_the_same_key_is_422(self, ask: Any) -> None:
        await ask("ada", "POST", "/flags", json=CREATE, headers=KEY)
        other = await ask("ada", "POST", "/changes", json=CHANGE, headers=KEY)
        assert (other.status_code, other.json()["faults"][0]["path"]) == (422, "/headers/Idempotency-Key")

    async def test_a_key_belongs_to_one_person(self, ask: Any) -> None:
        await ask("ada", "POST", "/flags", json=CREATE, headers=KEY)
        answer = await ask("root", "POST", "/flags", json={**CREATE, "key": "other"}, headers=KEY)
        assert answer.status_code == 201

    async def test_a_refusal_frees_the_key(self, ask: Any) -> None:
        await ask("ada", "POST", "/flags", json=CREATE)
        assert (await ask("ada", "POST", "/flags", json=CREATE, headers=KEY)).status_code == 409
        assert (await ask("ada", "POST", "/flags", json={**CREATE, "key": "free"}, headers=KEY)).status_code == 201

    async def test_what_was_refused_halfway_is_finished_by_its_repetition(
        self, ask: Any, world: Any, house: Any
    ) -> None:
        hasty = {**STAGED, "plan": {"strategy": "direct", "on_conflict": "reject"}}
        holder = UUID((await ask("ada", "POST", "/rollouts", json=STAGED)).json()["rollout"]["id"])
        async with world.services.store.transaction(house.id) as tx:
            await tx.target_locks.take(holder)
        refused = await ask("ada", "POST", "/rollouts", json=hasty, headers=KEY)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/target-busy")
        await ask("root", "POST", f"/rollouts/{refused.json()['holder']}/abort", json=WHY)
        done = await ask("ada", "POST", "/rollouts", json=hasty, headers=KEY)
        changes = (await ask("eve", "GET", "/changes")).json()["items"]
        assert done.status_code == 201
        assert len(changes) == 2

    @pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "schlüssel"])
    async def test_a_key_is_visible_ascii(self, ask: Any, key: str) -> None:
        answer = await ask("ada", "POST", "/flags", json=CREATE, headers={"Idempotency-Key": key.encode("latin-1")})
        assert (answer.status_code, answer.json()["faults"][0]["path"]) == (422, "/headers/Idempotency-Key")


class TestInProgress:
    async def test_of_many_at_once_one_does_it_and_the_others_wait(self, ask: Any) -> None:
        sent = [ask("ada", "POST", "/changes", json=CHANGE, headers=KEY) for _ in range(8)]
        answers = await asyncio.gather(*sent)
        statuses = {answer.status_code for answer in answers}
        assert statuses <= {201, 409}
        assert {answer.headers["Retry-After"] for answer in answers if answer.status_code == 409} <= {"1"}
        assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
        assert len((await ask("eve", "GET", "/changes")).json()["items"]) == 1

    async def test_a_claim_that_was_never_answered_lapses_and_doubles_nothing(
        self, ask: Any, stack: Any, house: Any
    ) -> None:
        """A crash between the commit and the answer: the change is there, the key is claimed, nobody was told."""
        first = await ask("ada", "POST", "/changes", json=CHANGE, headers=KEY)
        await _as_owner(stack, "UPDATE idempotency_key SET status = NULL, body = NULL WHERE principal = :who", house)
        busy = await ask("ada", "POST", "/changes", json=CHANGE, headers=KEY)
        assert (busy.status_code, busy.json()["type"]) == (409, "/problems/idempotency-in-progress")
        long_ago = "UPDATE idempotency_key SET claimed_at = now() - interval '1 hour' WHERE principal = :who"
        await _as_owner(stack, long_ago, house)
        again = await ask("ada", "POST", "/changes", json=CHANGE, headers=KEY)
        assert again.json() == first.json()
        assert len((await ask("eve", "GET", "/changes")).json()["items"]) == 1

    async def test_a_defect_frees_the_key(self, ask: Any, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        async def broken(*_: object, **__: object) -> None:
            raise RuntimeError(datetime.now(UTC))

        with monkeypatch.context() as patched:
            patched.setattr(type(world.services.flags), "create", broken)
            assert (await ask("ada", "POST", "/flags", json=CREATE, headers=KEY)).status_code == 500
        assert (await ask("ada", "POST", "/flags", json=CREATE, headers=KEY)).status_code == 201


async def _as_owner(stack: Any, statement: str, house: Any) -> None:
    engine = connect(stack.endpoints.database_superuser_url)
    try:
        async with engine.begin() as connection:
            who: UUID = house.ada.id
            await connection.execute(text(statement), {"who": who})
    finally:
        await engine.dispose()
