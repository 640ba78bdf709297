"""A policy that governs itself goes the way of every change."""

from application.governed_policies import GovernedPolicies
from application.policies import SetPolicy
from application.submission import Submitted
from domain.approvals import ApprovalPolicy, Level, Newer, Standing
from domain.audit import Action
from domain.changes import Kind
from domain.rollouts import State
from tests.workflow.theatre import DIRECT, PRODUCTION, Theatre

ONE = ApprovalPolicy((Level(),))


async def wished(stage: Theatre, policy: ApprovalPolicy) -> Submitted:
    """One level was set by hand; now root wishes for this."""
    await stage.policy(*ONE.levels)
    policies = GovernedPolicies(stage.store, stage.tenants, stage.submission)
    done = await policies.set(stage.house.root, SetPolicy(PRODUCTION, Kind.FLAG, policy, 1), "as we agreed")
    assert isinstance(done, Submitted)
    stage.played.append(done.change.id)
    return done


class TestPolicy:
    async def test_is_in_force_once_whom_it_asks_have_said_yes(self, stage: Theatre) -> None:
        done = await wished(stage, ApprovalPolicy((Level(), Level())))
        await stage.approve(done.change.id, stage.house.bob)
        assert await stage.end(done.change.id) is State.SUCCEEDED
        found = await stage.tenants.policy(stage.house.eve, PRODUCTION)
        assert (len(found.policy.levels), found.version) == (2, 2)
        (changed,) = await stage.audited(Action.POLICY_CHANGED, done.change.id)
        assert changed["resource"] == "production/flag"

    async def test_that_nobody_answers_stays(self, stage: Theatre) -> None:
        done = await wished(stage, ApprovalPolicy())
        await stage.skip_approval(done.change.id, hours=73)
        assert await stage.end(done.change.id) is State.EXPIRED
        assert (await stage.tenants.policy(stage.house.eve, PRODUCTION)).policy.levels == ONE.levels


class TestNewerChange:
    async def test_ends_the_older_one_and_its_processes_where_the_policy_says_so(self, stage: Theatre) -> None:
        await stage.policy(Level(), newer=Newer.WITHDRAW_OLDER)
        older = await stage.submit(plan=DIRECT)
        newer = await stage.submit(plan=DIRECT)
        assert await stage.end(older) is State.WITHDRAWN
        assert await stage.standing(older) is Standing.WITHDRAWN
        await stage.approve(newer, stage.house.bob)
        assert await stage.end(newer) is State.SUCCEEDED
