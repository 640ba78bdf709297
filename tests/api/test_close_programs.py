"""A task of a close is done by a program: called over a signed webhook, it answers by the API with what proves it."""

import hashlib
from typing import Any

import pytest_asyncio

from tests.api.bookkeeping import WHY
from tests.api.closing import Closing
from tests.api.desk import Desk
from tests.api.test_closures import told
from tests.receiving import Receiver

RESULT = b'{"journals": 41, "debit": "12009.50", "credit": "12009.50"}'


@pytest_asyncio.fixture
async def closing(ask: Any, world: Any, house: Any) -> Closing:
    """The service account has the depreciation."""
    made = Closing(ask, world, house)
    await made.settle_in()
    roles = {"roles": ["ConfigManager", "FinanceController"], **WHY}
    await made.ok("root", "PUT", "/people/shop/roles", json=roles)
    await made.template(made.task("depreciate", kind="automatic", owner="shop", needs_evidence=True))
    return made


class TestProgram:
    async def test_is_called_once_and_answers_with_its_result(
        self, closing: Closing, desk: Desk, receiver: Receiver, ask: Any
    ) -> None:
        await desk.subscribe(receiver.url, types=["CloseTaskReady"])
        close = await closing.begin(template="monthly")
        await closing.frozen(close)
        for _ in range(2):
            await desk.round()
        (event,) = receiver.events(desk.secret)
        assert receiver.ids == [event["id"]]
        facts = event["facts"]
        assert (facts["closure"], facts["task"], facts["state"]) == (close, "depreciate", "ready")
        task = f"/period-closures/{facts['closure']}/tasks/{facts['task']}"
        assert told(await ask("ada", "POST", f"{task}/complete", json={})) == (403, "not-your-task")
        assert told(await ask("shop", "POST", f"{task}/complete", json={})) == (409, "evidence-missing")
        kind = {"Content-Type": "application/json", "Idempotency-Key": event["id"]}
        for _ in range(2):
            attached = await ask("shop", "POST", f"{task}/evidence?name=result.json", content=RESULT, headers=kind)
            assert attached.json()["sha256"] == hashlib.sha256(RESULT).hexdigest()
        assert (await ask("shop", "POST", f"{task}/complete", json={})).status_code == 200
        (done,) = (await closing.ok("eve", "GET", f"/period-closures/{close}"))["tasks"]
        assert (done["state"], done["evidence"]) == ("done", [attached.json()["id"]])
