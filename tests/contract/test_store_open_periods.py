"""Closes and reopenings that were started and are not over are found, with the names of their processes."""

from dataclasses import replace
from uuid import UUID

from application.ports.records import WaitingKind
from application.ports.recovery import OpenPeriod
from domain.closures import ReopeningState, RunState
from tests.contract.books import kept
from tests.contract.closing import added
from tests.contract.homes import Home
from tests.contract.test_store_reopenings import added as asked

LOOKS = 20


async def open_ones(home: Home) -> set[OpenPeriod]:
    """Of this tenant only: the store of the contract is everybody's, and where many are open a look tells of some."""
    found: set[OpenPeriod] = set()
    for _ in range(LOOKS):
        found |= set(await home.store.open_periods())  # type: ignore[attr-defined]  # both stores answer
    return {each for each in found if each.tenant == home.tenant.id}


class TestOpenPeriods:
    async def test_are_closes_until_they_are_over(self, home: Home) -> None:
        run = await added(home)
        assert await open_ones(home) == set()
        async with home.transaction() as tx:
            await tx.closures.mark_started(run.id)
        assert await open_ones(home) == {one(home, WaitingKind.CLOSURE, run.id, run.workflow_id)}
        async with home.transaction() as tx:
            await tx.closures.save(replace(run, state=RunState.ABORTED))
        assert await open_ones(home) == set()

    async def test_are_reopenings_until_they_are_over(self, home: Home) -> None:
        reopening = await asked(await kept(home))
        assert await open_ones(home) == set()
        async with home.transaction() as tx:
            await tx.reopenings.mark_started(reopening.id)
        assert await open_ones(home) == {one(home, WaitingKind.REOPENING, reopening.id, reopening.workflow_id)}
        async with home.transaction() as tx:
            await tx.reopenings.save(reopening.given_up(ReopeningState.ABORTED, "withdrawn"))
        assert await open_ones(home) == set()


def one(home: Home, kind: WaitingKind, id_: UUID, workflow: str) -> OpenPeriod:
    return OpenPeriod(kind, home.tenant.id, id_, workflow)
