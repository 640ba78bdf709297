"""Reopenings over the API: asked for with a reason, voted on by others, shut by a person or by their end."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from application.reopenings.stand import ReopenStep
from tests.api.bookkeeping import WHY
from tests.api.closing import Closing
from tests.api.test_closures import told

PLACE = "/entities/kit/periods/2025-01/reopenings"


def wish(**given: Any) -> dict[str, Any]:
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    return {"reason": "tax", "justification": "the auditors asked for this entry", "reopen_until": until, **given}


@pytest_asyncio.fixture
async def closed(ask: Any, world: Any, house: Any) -> Closing:
    """January of 2025 is closed and certified."""
    made = Closing(ask, world, house)
    await made.settle_in()
    close = await made.begin()
    await made.frozen(close)
    await voted(made, await made.asked(close))
    await made.closed(close)
    return made


async def voted(closing: Closing, approval: str) -> None:
    for handle in ("bob", "cyd"):
        await closing.ok(handle, "POST", f"/approvals/{approval}/approve", json=WHY)


async def opened(closing: Closing, reopening: dict[str, Any]) -> None:
    await voted(closing, reopening["approval"])
    await closing.world.services.reopenings.opening.open(ReopenStep(closing.house.id, UUID(reopening["id"])))


class TestReopenings:
    @pytest.mark.req("FP65", "FP66")
    async def test_is_asked_for_once_opened_by_votes_and_shut_by_a_person(self, closed: Closing, ask: Any) -> None:
        key, body = {"Idempotency-Key": "reopen-january"}, wish()
        first = await ask("root", "POST", PLACE, json=body, headers=key)
        assert (first.status_code, first.json()["state"]) == (202, "ASKED")
        assert (await ask("root", "POST", PLACE, json=body, headers=key)).json() == first.json()
        assert told(await ask("root", "POST", PLACE, json=wish())) == (409, "period-reopening")
        path = f"/period-reopenings/{first.json()['id']}"
        await opened(closed, first.json())
        stands = await closed.ok("eve", "GET", path)
        assert (stands["state"], stands["uncertified"]) == ("OPEN", ["2025-01"])
        assert (await closed.ok("eve", "GET", PLACE))["items"] == [stands]
        shut = await closed.ok("root", "POST", f"{path}/shut", json=WHY)
        assert (shut["state"], shut["why"]) == ("SHUT", "shut_early")
        assert told(await ask("root", "POST", f"{path}/shut", json=WHY)) == (409, "wrong-reopening-state")

    @pytest.mark.req("FP65")
    async def test_what_is_wrong_with_it_is_pointed_at(self, closed: Closing, ask: Any) -> None:
        late = (datetime.now(UTC) + timedelta(days=91)).isoformat()
        for given in ({"justification": "short"}, {"reopen_until": late}, {"reason": "because"}, {"most_entries": 0}):
            answer = await ask("root", "POST", PLACE, json=wish(**given))
            assert answer.status_code == 422, answer.text
            assert next(iter(given)) in answer.text
        assert (await ask("eve", "POST", PLACE, json=wish())).status_code == 403

    @pytest.mark.req("FP68")
    async def test_what_becomes_of_its_periods_is_read(self, closed: Closing) -> None:
        asked = await closed.ok("root", "POST", PLACE, json=wish(most_entries=2))
        await opened(closed, asked)
        path = f"/period-reopenings/{asked['id']}"
        stands = await closed.ok("eve", "GET", path)
        assert (stands["most_entries"], stands["entries"], stands["recertified"]) == (2, 0, [])
        await closed.ok("root", "POST", f"{path}/shut", json=WHY)
        step = ReopenStep(closed.house.id, UUID(asked["id"]))
        await closed.world.services.reopenings.recertifying.recertify(step)
        stands = await closed.ok("eve", "GET", path)
        begun = {"period": "2025-01", "closure": stands["closure"], "why": "being_certified", "done": False}
        assert (stands["state"], stands["recertified"]) == ("SHUT", [begun])
        assert (await closed.ok("eve", "GET", f"/period-closures/{stands['closure']}"))["state"] == "INITIATED"

    @pytest.mark.req("FP67")
    async def test_what_is_locked_is_not_reopened(self, closed: Closing, ask: Any) -> None:
        await closed.ok("root", "POST", "/entities/kit/periods/2025-01/lock", json=WHY)
        assert told(await ask("root", "POST", PLACE, json=wish())) == (409, "period-locked")
