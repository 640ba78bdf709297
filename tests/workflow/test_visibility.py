"""People find a rollout in Temporal by tenant, target and state, and read there in a sentence how it stands."""

from itertools import pairwise
from uuid import UUID

from domain.rollouts import State, Verb
from tests.workflow.theatre import Theatre, seen


async def found(stage: Theatre, *conditions: str) -> set[str]:
    query = " AND ".join((f"Tenant = '{stage.house.id}'", *conditions))
    return {each.id async for each in stage.client.list_workflows(query)}


async def words(stage: Theatre, change: UUID, kind: str = "rollout") -> str:
    """What the UI shows as current details."""
    return str(await stage.handle(change, kind).query("__temporal_workflow_metadata"))


class TestSearch:
    async def test_rollout_is_found_by_target_state_stage_and_requester(self, stage: Theatre) -> None:
        change = await stage.launch()
        this = {f"rollout/{change}"}
        wanted = ("TargetKey = 'checkout'", "Environment = 'production'", "Requester = 'ada'")

        async def running() -> bool:
            return await found(stage, *wanted, "State = 'RUNNING'", "Stage = 10") == this

        await seen(running)
        await stage.act(stage.house.olu, change, Verb.ABORT)
        assert await stage.end(change) is State.ROLLED_BACK

        async def rolled_back() -> bool:
            return await found(stage, *wanted, "State = 'ROLLED_BACK'", "Stage = 0") == this

        await seen(rolled_back)
        assert await found(stage, "State = 'RUNNING'") == set()

    async def test_nothing_personal_but_a_handle_stands_there(self, stage: Theatre) -> None:
        change = await stage.launch()
        attributes = (await stage.handle(change).describe()).typed_search_attributes
        named = {pair.key.name: pair.value for pair in attributes}
        assert {name: named[name] for name in ("Tenant", "Requester", "TargetKey", "State", "Strategy")} == {
            "Strategy": "canary",
            "Tenant": str(stage.house.id),
            "Requester": "ada",
            "TargetKey": "checkout",
            "State": "RUNNING",
        }
        history = await stage.handle(change).fetch_history()
        assert b"a faster checkout" not in b"".join(event.SerializeToString() for event in history.events)

    async def test_only_what_changed_is_written_again(self, stage: Theatre) -> None:
        change = await stage.launch()
        await stage.skip(change, minutes=2, seconds=10)
        await stage.act(stage.house.olu, change, Verb.ABORT)
        await stage.end(change)
        for kind in ("rollout", "approval"):
            history = await stage.handle(change, kind).fetch_history()
            fields: list[tuple[str, bytes]] = []
            for event in history.events:
                upserted = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
                fields += [(name, payload.data) for name, payload in upserted.items()]
            for name in ("State", "Stage"):
                values = [value for each, value in fields if each == name]
                assert all(one != other for one, other in pairwise(values))
                assert values or (kind, name) == ("approval", "Stage")


class TestWords:
    async def test_summary_says_what_it_is(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.approve(change, stage.house.bob)
        rollout = await stage.handle(change).describe()
        assert await rollout.static_summary() == "Rollout of flag checkout in production"
        approval = await stage.handle(change, "approval").describe()
        assert await approval.static_summary() == "Approval of flag checkout in production"

    async def test_details_say_how_it_stands(self, stage: Theatre) -> None:
        change = await stage.launch()
        await stage.skip(change, minutes=2, seconds=10)
        assert "RUNNING at 10 %" in await words(stage, change)

    async def test_details_say_what_it_is_held_for_and_until_when(self, stage: Theatre) -> None:
        change = await stage.launch()
        await stage.act(stage.house.olu, change, Verb.PAUSE)
        said = await words(stage, change)
        assert "canary, stage 1 of 2" in said
        assert "held for operator until" in said

    async def test_approval_says_how_many_levels_are_complete(self, stage: Theatre) -> None:
        change = await stage.submit()
        await stage.approve(change, stage.house.bob)
        assert "PENDING, 1 of 2 levels complete" in await words(stage, change, "approval")
