"""Series of closes over the API: tried, begun once, seen, stopped, taken up again, aborted."""

from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from application.closure_series.stand import MemberStep, SeriesStand, SeriesStep
from domain.closures import RunState
from tests.api.bookkeeping import WHY
from tests.api.closing import Closing
from tests.api.test_closures import told

MARCH = {"entity": "kit", "period": "2025-03", "gapless": True}


@pytest_asyncio.fixture
async def closing(ask: Any, world: Any, house: Any) -> Closing:
    """Three months of kit are open."""
    made = Closing(ask, world, house)
    await made.settle_in()
    for month in ("02", "03"):
        await made.ok("root", "POST", f"/entities/kit/periods/2025-{month}/open", json={"scopes": ["GL"], **WHY})
    scope = {"name": "General ledger", "ledger": True, "sequential": True, **WHY}
    await made.ok("root", "PUT", "/posting-scopes/GL", json=scope, headers={"If-Match": '"v1"'})
    return made


async def begun(closing: Closing, **given: Any) -> str:
    wish = {"closes": [MARCH], **WHY, **given}
    return str((await closing.ok("root", "POST", "/closure-series", json=wish))["id"])


async def read(closing: Closing, series: str) -> dict[str, Any]:
    found: dict[str, Any] = await closing.ok("eve", "GET", f"/closure-series/{series}")
    return found


async def begins(closing: Closing, series: str) -> None:
    """What the workflow does first: whatever is due begins."""
    cases, step = closing.world.services.closure_series, SeriesStep(closing.house.id, UUID(series))
    stand: SeriesStand = await cases.looking.look(step)
    while stand.due:
        stand = (await cases.beginning.begin(MemberStep(step.tenant, step.series, stand.due[0]))).stand


async def looked(closing: Closing, series: str) -> None:
    await closing.world.services.closure_series.looking.look(SeriesStep(closing.house.id, UUID(series)))


@pytest.mark.req("FP46")
class TestGapless:
    async def test_names_every_earlier_period_and_says_of_each_where_it_stands(self, closing: Closing) -> None:
        series = await begun(closing)
        await begins(closing, series)
        now = await read(closing, series)
        assert (now["state"], now["counts"]) == ("RUNNING", {"waiting": 2, "running": 1, "closed": 0, "failed": 0})
        assert [(each["period"], each["after"]) for each in now["closes"]] == [
            ("2025-01", []), ("2025-02", ["kit/2025-01"]), ("2025-03", ["kit/2025-02"]),
        ]  # fmt: skip
        first = now["closes"][0]
        assert (first["closure_state"], first["joined"]) == ("INITIATED", False)
        assert (await closing.ok("eve", "GET", f"/period-closures/{first['closure']}"))["period"] == "2025-01"

    async def test_one_that_fails_stops_it_and_it_is_taken_up_again(self, closing: Closing, ask: Any) -> None:
        series = await begun(closing)
        assert told(await ask("root", "POST", f"/closure-series/{series}/resume", json=WHY)) == (
            409, "wrong-closure-series-state",
        )  # fmt: skip
        await begins(closing, series)
        close = (await read(closing, series))["closes"][0]["closure"]
        await closing.world.services.closures.compensating.end(closing.step(close), RunState.ABORTED, "aborted")
        await looked(closing, series)
        stopped = await read(closing, series)
        assert (stopped["state"], stopped["why"]) == ("STOPPED", "kit/2025-01: aborted")
        assert [each["state"] for each in stopped["closes"]] == ["failed", "waiting", "waiting"]
        again = await closing.ok("root", "POST", f"/closure-series/{series}/resume", json=WHY)
        assert (again["state"], again["closes"][0]["closure"]) == ("RUNNING", None)
        await begins(closing, series)
        assert (await read(closing, series))["closes"][0]["closure"] not in {None, close}

    async def test_tried_beforehand_what_it_closes_first_is_in_nobodys_way(self, closing: Closing) -> None:
        single = await closing.ok("eve", "POST", "/closure-dry-runs", json={"entity": "kit", "period": "2025-03"})
        assert single["blockers"] == ["chronology"]
        wish = {"closes": [MARCH, {"entity": "kit", "period": "2025-04"}]}
        found = (await closing.ok("eve", "POST", "/closure-series-dry-runs", json=wish))["closes"]
        assert [(each["period"], each["blockers"], each["refused"]) for each in found] == [
            ("2025-01", [], None), ("2025-02", [], None), ("2025-03", [], None), ("2025-04", [], "period-pending"),
        ]  # fmt: skip
        assert (await closing.ok("eve", "GET", "/closure-series"))["items"] == []


class TestSeries:
    async def test_the_same_request_is_the_same_series(self, closing: Closing, ask: Any) -> None:
        key, wish = {"Idempotency-Key": "quarter"}, {"closes": [MARCH], **WHY}
        first = await ask("root", "POST", "/closure-series", json=wish, headers=key)
        assert first.status_code == 202
        assert (await ask("root", "POST", "/closure-series", json=wish, headers=key)).json() == first.json()
        assert [each["id"] for each in (await closing.ok("eve", "GET", "/closure-series"))["items"]] == [
            first.json()["id"]
        ]

    async def test_aborted_it_is_over(self, closing: Closing, ask: Any) -> None:
        series = await begun(closing)
        ended = await closing.ok("root", "POST", f"/closure-series/{series}/abort", json=WHY)
        assert (ended["state"], ended["aborted_by"], ended["abort_reason"]) == (
            "ABORTED", str(closing.house.root.id), WHY["reason"],
        )  # fmt: skip
        for act in ("abort", "resume"):
            assert told(await ask("root", "POST", f"/closure-series/{series}/{act}", json=WHY)) == (
                409, "closure-series-over",
            )  # fmt: skip

    async def test_what_is_wrong_with_it_is_said(self, closing: Closing, ask: Any) -> None:
        month = {"entity": "kit", "period": "2025-01"}
        for closes in (
            [],
            [month, month],
            [{**month, "after": ["sub/2025-01"]}],
            [{**month, "after": ["kit/2025-02"]}, {"entity": "kit", "period": "2025-02", "after": ["kit/2025-01"]}],
        ):
            assert (await ask("root", "POST", "/closure-series", json={"closes": closes, **WHY})).status_code == 422
        unknown = {"closes": [{"entity": "sub", "period": "2025-01"}], **WHY}
        assert (await ask("root", "POST", "/closure-series", json=unknown)).status_code == 404
        assert (await ask("eve", "POST", "/closure-series", json={"closes": [month], **WHY})).status_code == 403
