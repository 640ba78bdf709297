from dataclasses import replace
from uuid import uuid4

import pytest

from application.governed_policies import GovernedPolicies
from application.governed_rollouts import GovernedRolloutPolicies
from application.locking.ruling import PolicyOf, RolloutPolicies
from application.policies import SetPolicy
from application.reverting import Reverting, RevertWish
from application.submission import Submitted
from domain.approvals import ApprovalPolicy, Level, PolicyRule, Standing, When, parse_policy
from domain.audit import Action
from domain.changes import ApprovalRequired, ChangeSet, Kind, NothingChanges
from domain.environments import Environment
from domain.errors import Stale
from domain.people import PermissionMissing, Role
from domain.rollouts import State
from tests.world import PRODUCTION, STAGING, World

TWO = ApprovalPolicy((Level(), Level()))
NOBODY = ApprovalPolicy()


def cases(world: World) -> GovernedPolicies:
    return GovernedPolicies(world.store, world.tenants, world.submission)


async def put(
    world: World, policy: ApprovalPolicy, version: int, environment: Environment = PRODUCTION, who: str = "root"
) -> SetPolicy | Submitted:
    wish = SetPolicy(environment, Kind.FLAG, policy, version)
    return await cases(world).set(world.people[who], wish, "as we agreed")


async def in_force(world: World) -> SetPolicy:
    return await world.tenants.policy(world.eve, PRODUCTION)


async def governed(world: World, policy: ApprovalPolicy = NOBODY) -> Submitted:
    """A production whose policy was set by hand, and a change that would set `policy`."""
    assert isinstance(await put(world, TWO, 0), SetPolicy)
    done = await put(world, policy, 1)
    assert isinstance(done, Submitted)
    return done


async def served(world: World, done: Submitted) -> None:
    for voter in ("bob", "cyd"):
        await world.vote(voter, done.approval.id)
    assert (await world.admit(done.rollout.id)).state is State.RUNNING
    await world.progression.expose(world.step(done.rollout.id, "expose:0"), 0)


class TestPolicy:
    async def test_set_by_hand_in_production_is_changed_by_whom_it_asks(self, world: World) -> None:
        done = await governed(world)
        assert (done.rollout.kind, done.approval.policy.levels) == (Kind.POLICY, TWO.levels)
        assert (await in_force(world)).policy.levels == TWO.levels
        await served(world, done)
        found = await in_force(world)
        assert (found.policy.levels, found.version) == ((), 2)
        (first, second) = await world.events(Action.POLICY_CHANGED)
        assert (first.event.get("change"), second.event["change"]) == (None, str(done.change.id))

    async def test_cannot_be_set_beside_that(self, world: World) -> None:
        await governed(world)
        with pytest.raises(ApprovalRequired):
            await world.tenants.set_policy(world.root, SetPolicy(PRODUCTION, Kind.FLAG, NOBODY, 1), "quietly")

    async def test_that_is_rejected_stays(self, world: World) -> None:
        done = await governed(world)
        await world.vote("bob", done.approval.id)
        assert (await world.state(done.approval.id)).standing is Standing.PENDING
        assert (await world.admit(done.rollout.id)).state is State.AWAITING_APPROVAL
        assert (await in_force(world)).version == 1

    async def test_no_rule_of_it_is_loosened_by_fewer_people_than_it_names(self, world: World) -> None:
        strict = ApprovalPolicy((), rules=(PolicyRule(When(financial=True), (Level(), Level(), Level())),))
        await put(world, strict, 0)
        done = await put(world, NOBODY, 1)
        assert isinstance(done, Submitted)
        assert len(done.approval.policy.levels) == 3

    @pytest.mark.parametrize(
        ("environment", "says", "asks"),
        [(PRODUCTION, None, True), (PRODUCTION, False, False), (STAGING, None, False), (STAGING, True, True)],
    )
    async def test_says_itself_whether_it_does(
        self, world: World, environment: Environment, *, says: bool | None, asks: bool
    ) -> None:
        await put(world, replace(TWO, governs_itself=says), 0, environment)
        assert isinstance(await put(world, NOBODY, 1, environment), Submitted) is asks

    async def test_that_asks_nobody_is_set_at_once(self, world: World) -> None:
        await put(world, NOBODY, 0)
        assert isinstance(await put(world, TWO, 1), SetPolicy)

    async def test_goes_back_when_its_rollout_does(self, world: World) -> None:
        done = await governed(world)
        await served(world, done)
        await world.progression.move(world.step(done.rollout.id, "back"), State.ROLLING_BACK, "abort_by_operator")
        await world.restoring.restore(world.step(done.rollout.id, "restore"))
        found = await in_force(world)
        assert (found.policy.levels, found.version) == (TWO.levels, 3)

    async def test_is_taken_back_by_another_change(self, world: World) -> None:
        done = await governed(world, ApprovalPolicy((Level(),)))
        await served(world, done)
        for state in (State.BAKING, State.SUCCEEDED):
            await world.progression.move(world.step(done.rollout.id, state.value), state, "completed")
        reverting = Reverting(world.store, world.changes, world.submission, world.setting)
        back = await reverting.revert(world.root, done.change.id, RevertWish("it asks too few"))
        assert back.submitted is not None
        assert back.submitted.change.target.kind is Kind.POLICY
        assert parse_policy(back.submitted.change.target.content).levels == TWO.levels
        assert len(back.submitted.approval.policy.levels) == 1

    async def test_refuses_what_is_stale_the_same_or_not_allowed(self, world: World) -> None:
        await put(world, TWO, 0)
        with pytest.raises(Stale):
            await put(world, NOBODY, 0)
        with pytest.raises(NothingChanges):
            await put(world, TWO, 1)
        with pytest.raises(PermissionMissing):
            await put(world, NOBODY, 1, who="bob")

    async def test_that_asks_nobody_any_more_is_taken_back_at_once_or_not_at_all(self, world: World) -> None:
        await put(world, NOBODY, 0)
        taken = uuid4()
        with pytest.raises(Stale):
            await cases(world).replace(world.root, SetPolicy(PRODUCTION, Kind.FLAG, TWO, 0), "it was better", taken)
        assert not await world.events(Action.CHANGE_REVERTED)
        wish = SetPolicy(PRODUCTION, Kind.FLAG, TWO, 1)
        assert await cases(world).replace(world.root, wish, "it was better", taken) == replace(wish, version=2)
        assert [line.event["change"] for line in await world.events(Action.CHANGE_REVERTED)] == [str(taken)]
        assert [line.event["reason"] for line in await world.events(Action.POLICY_CHANGED)][1:] == ["it was better"]

    async def test_asked_for_twice_is_one_change(self, world: World) -> None:
        await put(world, TWO, 0)
        asked = replace(world.root, request=uuid4())
        wish = SetPolicy(PRODUCTION, Kind.FLAG, NOBODY, 1)
        first, again = [await cases(world).set(asked, wish, "as we agreed") for _ in range(2)]
        assert isinstance(first, Submitted)
        assert isinstance(again, Submitted)
        assert first.change.id == again.change.id

    async def test_whoever_wants_it_does_not_vote_on_it(self, world: World) -> None:
        await world.tenants.set_roles(world.root, "root", frozenset({Role.ADMIN, Role.APPROVER}), "for the test")
        done = await governed(world)
        assert done.approval.authors == (world.root.id,)


@pytest.mark.req("FR-CFG-007")
class TestRolloutPolicy:
    @staticmethod
    async def put(world: World, strategies: list[str], version: int, who: str = "root") -> PolicyOf | Submitted:
        policies = GovernedRolloutPolicies(world.store, world.submission)
        place, raw = (PRODUCTION, Kind.FLAG), {"strategies": strategies}
        return await policies.set(world.people[who], place, raw, expected=version, reason="as we agreed")

    @staticmethod
    async def allowed(world: World) -> tuple[int, list[str]]:
        found = await RolloutPolicies(world.store).get(world.eve, PRODUCTION, Kind.FLAG)
        return found.version, found.policy.to_json()["strategies"]

    async def wished(self, world: World) -> Submitted:
        """Canary was set at once; since then two are asked, and root wishes to allow everything again."""
        assert isinstance(await self.put(world, ["canary"], 0), PolicyOf)
        await put(world, TWO, 0)
        done = await self.put(world, ["direct", "canary"], 1)
        assert isinstance(done, Submitted)
        return done

    async def test_is_changed_by_whom_the_approval_policy_asks(self, world: World) -> None:
        done = await self.wished(world)
        assert (done.change.target.key, done.approval.policy.levels) == ("rollout/production/flag", TWO.levels)
        assert await self.allowed(world) == (1, ["canary"])
        await served(world, done)
        assert await self.allowed(world) == (2, ["direct", "canary"])
        (first, second) = await world.events(Action.ROLLOUT_POLICY_CHANGED)
        assert (first.event["resource"], second.event["resource"]) == ("production/flag", "production/flag")
        assert (second.event["change"], second.event["before"]["strategies"]) == (str(done.change.id), ["canary"])

    async def test_cannot_be_set_beside_that(self, world: World) -> None:
        await self.wished(world)
        place = (PRODUCTION, Kind.FLAG)
        with pytest.raises(ApprovalRequired):
            await RolloutPolicies(world.store).put(world.root, place, {}, expected=1, reason="quietly")

    async def test_goes_back_when_its_rollout_does(self, world: World) -> None:
        done = await self.wished(world)
        await served(world, done)
        await world.progression.move(world.step(done.rollout.id, "back"), State.ROLLING_BACK, "abort_by_operator")
        await world.restoring.restore(world.step(done.rollout.id, "restore"))
        assert await self.allowed(world) == (3, ["canary"])

    async def test_is_taken_back_by_another_change(self, world: World) -> None:
        done = await self.wished(world)
        await served(world, done)
        for state in (State.BAKING, State.SUCCEEDED):
            await world.progression.move(world.step(done.rollout.id, state.value), state, "completed")
        reverting = Reverting(world.store, world.changes, world.submission, world.setting)
        back = await reverting.revert(world.root, done.change.id, RevertWish("everything is too much"))
        assert back.submitted is not None
        target = back.submitted.change.target
        assert (target.key, target.content["strategies"]) == ("rollout/production/flag", ["canary"])
        await served(world, back.submitted)
        assert await self.allowed(world) == (3, ["canary"])

    async def test_refuses_what_is_stale_the_same_or_not_allowed(self, world: World) -> None:
        await self.wished(world)
        with pytest.raises(Stale):
            await self.put(world, ["direct"], 0)
        with pytest.raises(NothingChanges):
            await self.put(world, ["canary"], 1)
        with pytest.raises(PermissionMissing):
            await self.put(world, ["direct"], 1, who="bob")

    async def test_that_asks_nobody_any_more_is_taken_back_at_once_or_not_at_all(self, world: World) -> None:
        await self.put(world, ["canary"], 0)
        policies = GovernedRolloutPolicies(world.store, world.submission)
        asked, taken = replace(world.root, request=uuid4()), uuid4()

        async def back(expected: int) -> PolicyOf | ChangeSet:
            place, raw = (PRODUCTION, Kind.FLAG), {"strategies": ["direct"]}
            return await policies.replace(asked, place, raw, expected=expected, reason="too much", reverts=taken)

        with pytest.raises(Stale):
            await back(0)
        assert not await world.events(Action.CHANGE_REVERTED)
        first, again = await back(1), await back(1)
        assert first == again
        assert await self.allowed(world) == (2, ["direct"])
        assert len(await world.events(Action.CHANGE_REVERTED)) == 1
