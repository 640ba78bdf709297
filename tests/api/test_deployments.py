"""A deployment is followed step by step, by as many as want to, from wherever they were."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest

from application.admission import Admitting
from application.ports.records import Check
from application.progression import Progression, Step
from domain.changes import Kind
from domain.environments import Environment
from domain.gates import Verdict
from domain.instances import Holds
from domain.rollouts import State
from domain.rollouts.parts import Part, PartState
from tests.api.watching import blocks

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
WHY = {"reason": "because of the test"}


class Story:
    """One change of a flag in dev, which needs nobody's approval; the test is its workflow."""

    def __init__(self, world: Any, house: Any, ask: Any) -> None:
        self.store, self.house, self.ask = world.services.store, house, ask
        self.progression, self.admitting = Progression(self.store), Admitting(self.store)
        self.id = ""

    async def begin(self) -> None:
        flag = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
        assert (await self.ask("ada", "POST", "/flags", json=flag)).status_code == 201
        wish = {"environment": "dev", "key": "checkout", "definition": {**FLAG, "defaultVariant": "on"},
                "base_version": 1, "plan": {"strategy": "direct", "bake_seconds": 0}, **WHY}  # fmt: skip
        begun = await self.ask("ada", "POST", "/deployments", json=wish)
        assert begun.status_code == 201, begun.text
        self.id = begun.json()["rollout"]["id"]

    def step(self, name: str) -> Step:
        return Step(UUID(self.id), self.house.id, name, datetime.now(UTC))

    async def run(self) -> None:
        assert (await self.admitting.admit(self.step("admit"))).state is State.RUNNING
        await self.progression.expose(self.step("expose"), 0)

    async def checked(self, number: int = 1) -> None:
        async with self.store.transaction(self.house.id) as tx:
            now = datetime.now(UTC)
            check = Check(UUID(self.id), number, 0, Verdict.CONTINUE, "more evidence is needed", {}, {}, now)
            await tx.evidence.add(check)

    async def end(self) -> None:
        await self.progression.move(self.step("bake"), State.BAKING, "gate_passed")
        await self.progression.move(self.step("succeed"), State.SUCCEEDED, "bake_over")


@pytest.fixture
async def story(world: Any, house: Any, ask: Any) -> Story:
    story = Story(world, house, ask)
    await story.begin()
    return story


@contextlib.asynccontextmanager
async def following(
    client: httpx2.AsyncClient, id_: str, last: str | None = None
) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    headers = {"Last-Event-ID": last} if last else {}
    async with client.stream("GET", f"/api/v1/deployments/{id_}/events", headers=headers) as answer:
        assert answer.status_code == 200
        yield blocks(answer)


async def everything(client: httpx2.AsyncClient, id_: str, last: str | None = None) -> list[dict[str, str]]:
    async with following(client, id_, last) as stream:
        return [block async for block in stream if "event" in block]


def states(told: list[dict[str, str]]) -> list[str]:
    return [json.loads(each["data"])["to_state"] for each in told if each["event"] == "transition"]


class TestFollowing:
    async def test_every_step_and_check_is_told_until_the_end(self, onlooker: httpx2.AsyncClient, story: Story) -> None:
        watching = asyncio.create_task(everything(onlooker, story.id))
        await story.run()
        await story.checked()
        await story.end()
        told = await asyncio.wait_for(watching, 60)
        assert states(told)[-4:] == ["RUNNING", "RUNNING", "BAKING", "SUCCEEDED"]
        assert [json.loads(each["data"])["sentence"] for each in told if each["event"] == "check"] == [
            "more evidence is needed"
        ]
        assert told[-1]["event"] == "end"
        assert json.loads(told[-1]["data"])["state"] == "SUCCEEDED"

    async def test_it_goes_on_behind_the_last_event_that_was_read(
        self, onlooker: httpx2.AsyncClient, story: Story
    ) -> None:
        await story.run()
        await story.checked()
        await story.end()
        told = await everything(onlooker, story.id)
        for place in range(len(told) - 1):
            assert await everything(onlooker, story.id, told[place]["id"]) == told[place + 1 :]

    async def test_many_who_watch_are_told_the_same_from_one_reading(
        self, onlooker: httpx2.AsyncClient, story: Story, world: Any, house: Any, eventually: Any
    ) -> None:
        watching = [asyncio.create_task(everything(onlooker, story.id)) for _ in range(30)]
        place = (house.id, UUID(story.id))
        followed = world.services.following._followed
        await eventually(lambda: place in followed and followed[place].watchers == len(watching))
        await story.run()
        await story.end()
        told = await asyncio.wait_for(asyncio.gather(*watching), 60)
        assert all(each == told[0] for each in told)
        await eventually(lambda: place not in followed)

    async def test_what_is_not_there_is_404_and_what_is_no_mark_is_422(self, ask: Any, story: Story) -> None:
        nowhere = await ask("eve", "GET", "/deployments/00000000-0000-4000-8000-000000000000/events")
        assert nowhere.status_code == 404
        odd = await ask("eve", "GET", f"/deployments/{story.id}/events", headers={"Last-Event-ID": "x"})
        assert (odd.status_code, odd.json()["type"]) == (422, "/problems/cursor-invalid")


class TestLooking:
    async def test_it_is_the_rollout_by_its_other_name(self, ask: Any, story: Story) -> None:
        for path in ("", "/timeline", "/evidence"):
            by_name = [await ask("eve", "GET", f"/{name}/{story.id}{path}") for name in ("rollouts", "deployments")]
            assert by_name[0].json() == by_name[1].json()

    async def test_its_parts_are_listed_page_by_page(self, ask: Any, story: Story) -> None:
        async with story.store.transaction(story.house.id) as tx:
            known = len(await tx.parts.of(UUID(story.id)))
            await tx.parts.add([
                Part(UUID(story.id), known + n, story.house.id, story.house.tenant.slug, Environment.DEV, Kind.FLAG,
                     f"k{n}", 1, 1, 0, PartState.PENDING)
                for n in range(3)
            ])  # fmt: skip
        first = (await ask("eve", "GET", f"/deployments/{story.id}/parts?limit=2")).json()
        rest = await ask("eve", "GET", f"/deployments/{story.id}/parts?cursor={first['next_cursor']}")
        ordinals = [each["ordinal"] for each in (*first["items"], *rest.json()["items"])]
        assert ordinals == list(range(known + 3))

    @pytest.mark.req("S59")
    async def test_convergence_counts_who_is_live(self, ask: Any, story: Story, world: Any) -> None:
        await story.run()
        async with story.store.transaction(story.house.id) as tx:
            revision = await tx.flags.revision(Environment.DEV)
        for name, held in (("old", revision - 1), ("new", revision)):
            world.services.sightings.see(story.house.id, Environment.DEV, name, Holds(held))
        await world.services.sightings.flush()
        found = (await ask("eve", "GET", f"/deployments/{story.id}/convergence")).json()
        assert (found["live"], found["holding"], found["share"]) == (2, 1, 0.5)

    async def test_durations_are_three_parts(self, ask: Any, story: Story) -> None:
        await story.run()
        await story.end()
        found = (await ask("eve", "GET", f"/deployments/{story.id}/durations")).json()
        assert set(found) == {"progression", "manual_wait", "blind"}
        assert found["blind"] == 0
