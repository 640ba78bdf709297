from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from application import parts
from domain.approvals import ApprovalPolicy, Level
from domain.changes import BaseVersionConflict, Kind
from domain.rollouts import StaleGeneration, State
from domain.rollouts.parts import PartState
from tests.unit.application.estates import (
    ALL,
    DIRECT,
    admitted,
    agreed,
    exposed,
    flag,
    flag_of,
    found,
    parts_of,
    proposed,
    restored,
    stocked,  # noqa: F401 -- fixtures are found by their name
    value,
    value_of,
)
from tests.world import OFF, ON, PRODUCTION, World


class TestManyTargets:
    @pytest.mark.req("S64")
    async def test_are_served_together_and_go_back_together(self, shop: World) -> None:
        rollout = await admitted(shop, flag(), value(20), flag("search"), plan=DIRECT)
        await exposed(shop, rollout)
        home = shop.tenant.id
        assert [(await flag_of(shop, home, key)).definition for key in ("checkout", "search")] == [ON, ON]  # type: ignore[union-attr]  # both are there
        assert await value_of(shop, home) == 20
        assert {each.state for each in await parts_of(shop, rollout)} == {PartState.APPLIED}
        (back,) = await restored(shop, rollout)
        assert (back.done, back.drifted) == (True, 0)
        assert [(await flag_of(shop, home, key)).definition for key in ("checkout", "search")] == [OFF, OFF]  # type: ignore[union-attr]  # both are there
        assert await value_of(shop, home) is None
        assert {each.state for each in await parts_of(shop, rollout)} == {PartState.RESTORED}

    @pytest.mark.req("S64")
    async def test_of_which_one_cannot_be_written_are_not_written_at_all(self, shop: World) -> None:
        rollout = await admitted(shop, value(20), flag("search"), flag(), plan=DIRECT)
        await shop.put(ON)
        with pytest.raises(StaleGeneration):
            await exposed(shop, rollout)
        assert await value_of(shop, shop.tenant.id) is None
        assert (await flag_of(shop, shop.tenant.id, "search")).version == 1  # type: ignore[union-attr]  # it is there

    async def test_go_back_in_reverse_order(self, shop: World) -> None:
        rollout = await admitted(shop, flag("search"), flag(), plan=DIRECT)
        await exposed(shop, rollout)
        await restored(shop, rollout)
        events = await shop.events("flag:definition:restored")
        assert [each.event["resource"] for each in events] == ["production/checkout", "production/search"]

    @pytest.mark.req("S72")
    async def test_what_somebody_wrote_since_is_left_alone_until_it_is_forced(self, shop: World) -> None:
        rollout = await admitted(shop, flag(), flag("search"), value(20), plan=DIRECT)
        await exposed(shop, rollout)
        other = {**ON, "metadata": {"by": "somebody else"}}
        await shop.put(other)
        (back,) = await restored(shop, rollout)
        assert back.drifted == 1
        states = {each.key: each.state for each in await parts_of(shop, rollout)}
        assert states == {
            "checkout": PartState.DRIFTED, "search": PartState.RESTORED, "#upload.limit": PartState.RESTORED
        }  # fmt: skip
        assert (await flag_of(shop, shop.tenant.id)).definition == other  # type: ignore[union-attr]  # it is there
        (forced,) = await restored(shop, rollout, force=True)
        assert forced.drifted == 0
        assert (await flag_of(shop, shop.tenant.id)).definition == OFF  # type: ignore[union-attr]  # it is there

    async def test_the_kill_switch_stops_what_holds_the_flag_among_others(self, shop: World) -> None:
        await shop.put(OFF, "search")
        rollout = await admitted(shop, flag("search", base=2), flag(), plan=DIRECT)
        await exposed(shop, rollout)
        killed = await shop.kill_switch.kill(shop.root, PRODUCTION, "checkout", variant=None, reason="it burns")
        assert (killed.stopped_rollout, killed.flag.definition["defaultVariant"]) == (rollout, "off")
        assert shop.processes.kills == [rollout]

    async def test_succeed_when_all_of_them_are_served(self, shop: World) -> None:
        rollout = await admitted(shop, flag(), value(20), plan=DIRECT)
        await exposed(shop, rollout)
        await shop.progression.move(shop.step(rollout), State.BAKING, "all_stages_passed")
        assert await shop.progression.move(shop.step(rollout), State.SUCCEEDED, "completed") is State.SUCCEEDED

    async def test_two_flags_share_their_stages(self, shop: World) -> None:
        rollout = await admitted(shop, flag(), flag("search"), plan={"bake_seconds": 0})
        await exposed(shop, rollout)
        await exposed(shop, rollout, 1)
        for key in ("checkout", "search"):
            present = await flag_of(shop, shop.tenant.id, key)
            assert present is not None
            assert present.definition["targeting"] == {"fractional": [["on", 25_000], ["off", 75_000]]}
        await restored(shop, rollout)
        assert (await flag_of(shop, shop.tenant.id)).definition == OFF  # type: ignore[union-attr]  # it is there

    async def test_of_instances_split_by_them(self, shop: World) -> None:
        rollout = await admitted(shop, flag(), plan={"audience": {"mode": "instance"}})
        await exposed(shop, rollout)
        present = await flag_of(shop, shop.tenant.id)
        assert present is not None
        assert present.definition["targeting"]["if"][2] == {"fractional": [["on", 10_000], ["off", 90_000]]}


class TestBases:
    @pytest.mark.req("S13")
    async def test_all_that_moved_are_named(self, shop: World) -> None:
        change = await proposed(shop, flag(), flag("search"), value(20))
        for key in ("checkout", "search"):
            await shop.put(ON, key)
        with pytest.raises(BaseVersionConflict) as refused:
            await shop.submission.submit(shop.root, change.id)
        assert refused.value.facts["moved"] == ["checkout", "search"]

    @pytest.mark.req("S79")
    async def test_what_went_back_has_not_moved(self, shop: World) -> None:
        before = await proposed(shop, flag(), value(30))
        rollout = await admitted(shop, flag(), value(20), plan=DIRECT)
        await exposed(shop, rollout)
        during = await proposed(shop, flag(base=2, content={**ON, "metadata": {"is": "later"}}), value(40))
        await shop.progression.move(shop.step(rollout), State.ROLLING_BACK, "asked")
        await shop.back(shop.step(rollout))
        shop.clock += timedelta(seconds=1)
        with pytest.raises(BaseVersionConflict):
            await shop.submission.submit(shop.root, during.id)
        again = await agreed(shop, before)
        assert (await shop.admit(again)).state is State.RUNNING
        await exposed(shop, again)
        assert await value_of(shop, shop.tenant.id) == 30
        assert (await flag_of(shop, shop.tenant.id)).definition == ON  # type: ignore[union-attr]  # it is there

    @pytest.mark.req("S14")
    async def test_a_rebase_carries_every_target_over(self, shop: World) -> None:
        change = await proposed(shop, flag(), value(20))
        await shop.put({**OFF, "metadata": {"by": "somebody else"}})
        new = (await proposed(shop, flag("search"))).id
        rebased = await shop.changes.rebase(shop.root, change.id, replace(change, id=new).id)
        assert rebased.id == new

    async def test_a_rebase_keeps_what_only_one_side_changed(self, shop: World) -> None:
        change = await proposed(shop, flag(), value(20))
        await shop.put({**OFF, "metadata": {"by": "somebody else"}})
        rebased = await shop.changes.rebase(shop.root, change.id, shop.ada.id)
        checkout, limit = rebased.content.targets
        assert (checkout.base_version, checkout.content) == (2, {**ON, "metadata": {"by": "somebody else"}})
        assert limit == change.content.targets[1]
        assert rebased.supersedes == change.id

    async def test_a_rebase_names_what_both_sides_changed(self, shop: World) -> None:
        first = await admitted(shop, value(20), plan=DIRECT)
        change = await proposed(shop, value(30), flag())
        await exposed(shop, first)
        with pytest.raises(BaseVersionConflict) as refused:
            await shop.changes.rebase(shop.root, change.id, shop.ada.id)
        assert refused.value.facts["paths"] == ["/#upload.limit/value"]


class TestVotes:
    @pytest.mark.req("S14")
    @pytest.mark.parametrize("same", [True, False])
    async def test_are_kept_only_where_every_target_is_as_it_was(self, shop: World, same: bool) -> None:  # noqa: FBT001 -- a case
        async with shop.store.transaction(shop.tenant.id) as tx:
            for kind in (Kind.FLAG, Kind.SETTING):
                await tx.policies.put(PRODUCTION, kind, ApprovalPolicy((Level(quorum=2),), reminders=()))
        change = await proposed(shop, flag(), flag("search"), value(20))
        await shop.submission.submit(shop.root, change.id)
        await shop.vote("bob", change.id)
        await shop.put(OFF if same else {**OFF, "metadata": {"by": "somebody else"}}, "search")
        await shop.vote("cyd", change.id)
        if same:  # another version of the same content: it moved, says who looks at the numbers
            await shop.put({**OFF, "metadata": {"for": "a while"}}, "search")
        assert (await shop.admit(change.id)).state is State.INVALIDATED
        if same:
            await shop.put(OFF, "search")
        again = await shop.changes.rebase(shop.root, change.id, uuid4())
        submitted = await shop.submission.submit(shop.root, again.id)
        kept = (await shop.state(submitted.approval.id)).ballots
        assert [each.voter for each in kept] == ([shop.bob.id, shop.cyd.id] if same else [])


class TestAsking:
    @pytest.mark.req("FR-CFG-005")
    async def test_the_kind_that_asks_most_decides_for_all(self, shop: World) -> None:
        async with shop.store.transaction(shop.tenant.id) as tx:
            await tx.policies.put(PRODUCTION, Kind.SETTING, ApprovalPolicy((Level(), Level()), reminders=()))
        alone = await shop.submission.submit(shop.root, (await proposed(shop, flag("search"))).id)
        both = await shop.submission.submit(shop.root, (await proposed(shop, flag(), value(20))).id)
        assert [len(each.approval.policy.levels) for each in (alone, both)] == [0, 2]
        reach = both.change.reach
        assert reach is not None
        assert (reach.scopes, reach.sensitivities, reach.tenant_wide) == (2, ("internal",), True)


class TestTakingOver:
    @pytest.mark.req("S83")
    @pytest.mark.parametrize("others", [False, True])
    async def test_goes_on_from_the_older_one_and_back_to_before_either(self, shop: World, others: bool) -> None:  # noqa: FBT001 -- a case
        tenant = await found(shop, "one") if others else shop.tenant.id
        base, choice = (None, ALL) if others else (1, None)
        old = await admitted(shop, flag(base=base), value(20), plan=DIRECT, tenants=choice)
        await exposed(shop, old)
        later = {**ON, "metadata": {"is": "later"}}
        newer = await proposed(shop, flag(content=later, base=base and 2), value(30), plan=DIRECT, tenants=choice)
        new = (await shop.submission.submit(shop.root, newer.id)).rollout.id
        async with shop.store.transaction(shop.tenant.id) as tx:
            before, after = await tx.rollouts.get(old), await tx.rollouts.get(new)
            assert before is not None
            assert after is not None
            await parts.snapshot(tx, after, newer)
            await parts.hand_over(tx, before, after)
            assert await parts.bases_moved(tx, after, newer) == []
            await parts.expose(tx, after, newer, 0)
            assert await parts.served(tx, after)
        shop.clock += timedelta(seconds=1)
        assert ((await flag_of(shop, tenant)).definition, await value_of(shop, tenant)) == (later, 30)  # type: ignore[union-attr]  # it is there
        assert {each.state for each in await parts_of(shop, old)} == {PartState.ACCEPTED}
        assert (await restored(shop, new))[-1].drifted == 0
        assert ((await flag_of(shop, tenant)).definition, await value_of(shop, tenant)) == (OFF, None)  # type: ignore[union-attr]  # it is there

    async def test_that_has_written_nothing_yet_still_goes_back(self, shop: World) -> None:
        old = await admitted(shop, flag(), value(20), plan=DIRECT)
        await exposed(shop, old)
        newer = await proposed(shop, flag(content={**ON, "metadata": {"is": "later"}}, base=2), value(30), plan=DIRECT)
        new = (await shop.submission.submit(shop.root, newer.id)).rollout.id
        async with shop.store.transaction(shop.tenant.id) as tx:
            before, after = await tx.rollouts.get(old), await tx.rollouts.get(new)
            assert before is not None
            assert after is not None
            await parts.snapshot(tx, after, newer)
            await parts.hand_over(tx, before, after)
        assert (await restored(shop, new))[-1].drifted == 0
        assert (await flag_of(shop, shop.tenant.id)).definition == OFF  # type: ignore[union-attr]  # it is there
        assert await value_of(shop, shop.tenant.id) is None
