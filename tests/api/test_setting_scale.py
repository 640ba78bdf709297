"""Ten thousand values in one batch, and fifty writers of one value beside readers: slow, but right."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

WHY = {"reason": "because of the test"}
KEYS = [f"limit.k{number}" for number in range(10)]
MANY, WRITERS, READERS = 10_000, 50, 4
ENTRIES = "SELECT count(*), count(DISTINCT (key, scope)), max(version) FROM setting_entry"
EVENTS = "SELECT count(*), count(DISTINCT resource) FROM audit_event WHERE action = 'setting:value:changed'"


@pytest.fixture
def send(ask: Any) -> Any:
    async def sent(items: list[dict[str, Any]], headers: Any = None, **more: Any) -> Any:
        wish = {"environment": "dev", "items": items, **WHY, **more}
        return await ask("ada", "POST", "/settings/bulk", json=wish, headers=headers)

    return sent


@pytest.fixture
def effective(ask: Any) -> Any:
    async def asked(key: str, scope: str = "") -> Any:
        answer = await ask("eve", "GET", f"/settings/{key}/effective?environment=dev&scope={scope}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    return asked


@pytest.fixture
def counted(house: Any, store: Any) -> Any:
    """What the database itself counts for this tenant."""

    async def count(query: str) -> tuple[Any, ...]:
        async with store._engine.connect() as line:
            await line.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(house.tenant.id)})
            return tuple((await line.execute(text(query))).one())

    return count


@pytest.mark.req("FR-SM-002", "ST75")
class TestManyValues:
    async def test_are_written_together_or_not_at_all(
        self, define: Any, send: Any, counted: Any, effective: Any, ask: Any
    ) -> None:
        for key in KEYS:
            await define(key=key, type="integer", scopes=["tenant", "region"], default=0)
        items = [{"key": KEYS[n % 10], "scope": f"region:r{n // 10}", "value": n} for n in range(MANY)]
        before = (await effective(KEYS[0]))["epoch"]

        broken = [*items[:-2], {**items[-2], "value": "text"}, {**items[-1], "key": "no.such"}]
        refused = await send(broken)
        assert [fault["path"] for fault in refused.json()["faults"]] == ["/items/9998/value", "/items/9999/key"]
        assert await counted(ENTRIES) == (0, 0, None)

        same = {"Idempotency-Key": "ten-thousand"}
        answers = [await send(items, same), await send(items, same)]
        assert [answer.status_code for answer in answers] == [200, 200], answers[0].text[:300]
        assert answers[0].content == answers[1].content
        assert (answers[0].json()["epoch"], len(answers[0].json()["entries"])) == (before + 1, MANY)
        assert await counted(ENTRIES) == (MANY, MANY, 1)
        assert await counted(EVENTS) == (MANY, MANY)
        for number in (0, 4_711, MANY - 1):
            assert (await effective(KEYS[number % 10], f"region:r{number // 10}"))["value"] == number

        over = await send([{"key": KEYS[3], "value": -1, "enforced": True}], dry_run=True)
        assert {each["scope"] for each in over.json()["affected"]} == {f"region:r{n}" for n in range(MANY // 10)}
        assert (await effective(KEYS[3], "region:r7"))["value"] == 73
        stale = await send(
            [{**item, "value": 1, "expected_version": int(n < MANY - 1)} for n, item in enumerate(items)]
        )
        assert (stale.status_code, await counted(ENTRIES)) == (412, (MANY, MANY, 1))


@pytest.mark.req("FR-SM-001", "ST84")
class TestOneValue:
    async def test_fifty_writers_and_readers_agree_on_its_history(
        self, define: Any, send: Any, effective: Any, ask: Any
    ) -> None:
        await define(key="limit", type="integer", scopes=["tenant"], default=-1)
        written: dict[int, int] = {}
        done = asyncio.Event()

        async def write(number: int) -> None:
            answer = await send([{"key": "limit", "value": number}])
            assert answer.status_code == 200, answer.text
            written[answer.json()["epoch"]] = number

        async def read() -> list[tuple[int, int, int]]:
            """The newest epoch that was acknowledged before, and what was told then: a value of its epoch, or newer."""
            seen = []
            while not done.is_set():
                acknowledged = max(written, default=0)
                told = await effective("limit")
                seen.append((acknowledged, told["epoch"], told["value"]))
                await asyncio.sleep(0)
            return seen

        readers = [asyncio.create_task(read()) for _ in range(READERS)]
        first = (await effective("limit"))["epoch"]
        await asyncio.gather(*map(write, range(WRITERS)))
        done.set()
        assert sorted(written) == list(range(first + 1, first + WRITERS + 1))
        epochs = {-1: first, **{value: epoch for epoch, value in written.items()}}
        for seen in await asyncio.gather(*readers):
            assert [each for each in seen if each[1] < each[0]] == []
            assert [each for each in seen if epochs[each[2]] < each[1]] == []
        assert (await effective("limit"))["value"] == written[max(written)]
        versions = (await ask("eve", "GET", "/settings/limit/versions?environment=dev&limit=100")).json()["items"]
        assert [each["value"] for each in reversed(versions)] == [written[epoch] for epoch in sorted(written)]
