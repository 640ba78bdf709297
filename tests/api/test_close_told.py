"""That a period is closed reaches who wants to hear it, however often that takes, and no close waits for it."""

from typing import Any

import pytest

from tests.api.closing import Closing
from tests.api.desk import WHY, Desk
from tests.receiving import Receiver


@pytest.mark.req("FP59")
async def test_a_close_is_told_under_one_id_until_it_is_heard(
    ask: Any, world: Any, house: Any, desk: Desk, receiver: Receiver
) -> None:
    receiver.status = 503
    closing = Closing(ask, world, house)
    await closing.settle_in()
    await desk.subscribe(receiver.url, types=["FiscalPeriodClosed"])
    close = await closing.begin()
    await closing.frozen(close)
    approval = await closing.asked(close)
    for voter in ("bob", "cyd"):
        await closing.ok(voter, "POST", f"/approvals/{approval}/approve", json={})
    await closing.closed(close)
    await desk.round()
    assert await closing.state(close) == "CLOSED"
    await desk.fail(2)
    (due,) = await desk.deliveries()
    assert (due["state"], due["attempts"], due["last_error"]) == ("due", 3, "status-503")
    await desk.fail(12)
    (dead,) = await desk.deliveries(state="dead")
    receiver.status = 200
    again = await ask("ada", "POST", f"/webhooks/{desk.id}/deliveries/{dead['id']}/redeliver", json=WHY)
    assert again.status_code == 202, again.text
    await desk.fail(1)
    assert len(receiver.ids) == 16
    assert set(receiver.ids) == {dead["event"]}
    told = receiver.events(desk.secret)[-1]
    assert (told["type"], told["subject"]["key"], told["subject"]["scope"]) == (
        "FiscalPeriodClosed",
        "kit/2025-01",
        "GL",
    )
    assert (await desk.deliveries())[0]["state"] == "delivered"
