from datetime import timedelta
from uuid import UUID

from adapters.memory.deployments import MemoryDeployments
from application.ports.deployments import Deployed
from application.ports.records import Check
from domain.changes import Kind
from domain.gates import Verdict
from domain.rollouts import State, Transition
from domain.rollouts.parts import Part, PartState
from tests.contract.homes import DEV, LONG_AGO, PRODUCTION, Home

TWINS = (MemoryDeployments,)
CHECKOUT = (PRODUCTION, Kind.FLAG, "checkout")


async def deployed(home: Home, day: int, state: State, key: str = "checkout") -> Deployed:
    change = home.change(key)
    created = LONG_AGO + timedelta(days=day)
    ended = created + timedelta(hours=1)
    given = {"created_at": created, "state": state, "ended_at": ended, "live_version": 2}
    async with home.transaction() as tx:
        await tx.changes.add(change)
        await tx.rollouts.add(home.rollout(change, **given))
    return Deployed(change.id, state, 1, 2, created, ended)


class TestOfTarget:
    async def test_is_listed_newest_first_from_where_the_last_page_ended(self, home: Home) -> None:
        days = [await deployed(home, day, State.ROLLED_BACK) for day in range(3)]
        await deployed(home, 9, State.ROLLED_BACK, "other")
        async with home.transaction() as tx:
            page = await tx.deployments.of_target(*CHECKOUT, None, 2)
            assert page == days[:0:-1]
            rest = await tx.deployments.of_target(*CHECKOUT, (page[-1].created_at, page[-1].rollout), 2)
            assert rest == days[:1]
            assert await tx.deployments.of_target(DEV, Kind.FLAG, "checkout", None, 2) == []

    async def test_a_part_says_what_was_written_there(self, home: Home) -> None:
        whole = await deployed(home, 0, State.SUCCEEDED, "other")
        part = Part(whole.rollout, 0, home.tenant.id, home.tenant.slug, *CHECKOUT, 4, 6, 0, PartState.APPLIED)
        async with home.transaction() as tx:
            await tx.parts.add([part])
            (found,) = await tx.deployments.of_target(*CHECKOUT, None, 5)
            assert (found.rollout, found.base_version, found.version) == (whole.rollout, 4, 6)

    async def test_stable_is_the_last_that_succeeded(self, home: Home) -> None:
        async with home.transaction() as tx:
            assert await tx.deployments.stable(*CHECKOUT) is None
        await deployed(home, 0, State.SUCCEEDED)
        last = await deployed(home, 1, State.SUCCEEDED)
        await deployed(home, 2, State.ROLLED_BACK)
        async with home.transaction() as tx:
            assert await tx.deployments.stable(*CHECKOUT) == last


class TestLines:
    async def test_steps_and_checks_are_read_behind_what_is_known(self, home: Home) -> None:
        change = await home.submitted()
        lines = [Transition(change.id, seq, f"s{seq}", None, State.RUNNING, "because", LONG_AGO) for seq in range(1, 5)]
        checks = [Check(change.id, number, 0, Verdict.PASS, "fine", {}, {}, LONG_AGO) for number in range(1, 4)]
        async with home.transaction() as tx:
            for line in lines:
                await tx.rollouts.append(line)
            for check in checks:
                await tx.evidence.add(check)
        async with home.transaction() as tx:
            assert await tx.deployments.moves(change.id, 1, 2) == lines[1:3]
            assert await tx.deployments.checks(change.id, 2, 5) == checks[2:]
            assert await tx.deployments.moves(UUID(int=1), 0, 5) == []
