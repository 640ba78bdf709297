"""Exceptions as people grant them, in memory."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.periods.exceptions import LONGEST, ExceptionView, ExceptionWish, OwnException
from application.periods.moves import GateVerb
from domain.errors import Invalid, Missing
from domain.people import Actor, PermissionMissing, Role
from domain.periods import Operation, PeriodLocked, PeriodPending, ScopeMissing
from tests.unit.application.periods.offices import WHY, Office, again
from tests.world import START, World

T, A = Operation.TRANSACTION, Operation.ADJUSTMENT


@pytest.fixture
async def office(world: World) -> Office:
    """With March closed in every scope."""
    office = await Office.furnished(world)
    await office.move(GateVerb.OPEN, "2026-03")
    await office.close("2026-03")
    return office


async def granted(office: Office, by: Actor | None = None, **wish: Any) -> ExceptionView:
    ends = office.world.clock() + timedelta(hours=8)
    said = {"scope": "AP", "operations": frozenset({T}), "ends": ends, "reason": WHY, "person": "ada", **wish}
    return await office.cases.exceptions.grant(by or office.world.root, "acme", "2026-03", ExceptionWish(**said))


class TestGranting:
    @pytest.mark.req("FP36")
    async def test_lets_one_person_in_until_its_end(self, office: Office, world: World) -> None:
        view = await granted(office, ends=START + timedelta(hours=8))
        assert (view.handle, view.holds) == ("ada", True)
        assert await office.posted(world.ada, "AP", "2026-03-31") == ""
        assert await office.posted(world.abe, "AP", "2026-03-31") == "period-closed"
        assert await office.posted(world.ada, "AR", "2026-03-31") == "period-closed"
        assert await office.posted(world.ada, "AP", "2026-03-31", A) == "period-closed"
        world.clock.now = START + timedelta(hours=8) - timedelta(seconds=1)
        assert await office.posted(world.ada, "AP", "2026-03-31") == ""
        world.clock.now = START + timedelta(hours=8)
        assert await office.posted(world.ada, "AP", "2026-03-31") == "period-closed"

    @pytest.mark.req("FP36")
    async def test_ends_at_once_when_revoked(self, office: Office, world: World) -> None:
        view = await granted(office)
        assert await office.posted(world.ada, "AP", "2026-03-31") == ""
        revoked = await office.cases.exceptions.revoke(world.root, view.exception.id, WHY)
        assert (revoked.holds, revoked.exception.revoked_by) == (False, world.root.id)
        assert await office.posted(world.ada, "AP", "2026-03-31") == "period-closed"
        assert await office.cases.exceptions.revoke(world.root, view.exception.id, WHY) == revoked
        assert len(await world.events("period:exception:revoked")) == 1

    async def test_to_a_role_is_for_all_who_have_it(self, office: Office, world: World) -> None:
        view = await granted(office, person=None, role=Role.CONFIG_MANAGER)
        assert view.handle is None
        assert [await office.posted(who, "AP", "2026-03-31") for who in (world.ada, world.abe)] == ["", ""]
        assert await office.posted(world.bob, "AP", "2026-03-31") == "period-closed"

    async def test_counts_what_it_let_in(self, office: Office, world: World) -> None:
        view = await granted(office, most_entries=2)
        said = [await office.posted(world.ada, "AP", "2026-03-31") for _ in range(3)]
        assert said == ["", "", "period-closed"]
        found, uses = await office.cases.exceptions.get(world.eve, view.exception.id)
        assert (found.exception.used, found.holds) == (2, False)
        assert [(use.actor, use.operation) for use in uses] == [(world.ada.id, T)] * 2

    async def test_happens_once_for_one_request(self, office: Office, world: World) -> None:
        root = again(world.root, uuid4())
        assert await granted(office, by=root) == await granted(office, by=root)
        (row,) = await world.events("period:exception:granted")
        assert (row.event["after"]["period"], row.event["after"]["person"]) == ("2026-03", str(world.ada.id))

    async def test_is_listed_with_the_period(self, office: Office, world: World) -> None:
        ids = sorted([(await granted(office)).exception.id for _ in range(3)])
        found = await office.cases.exceptions.page(world.eve, "acme", "2026-03", None, 2)
        rest = await office.cases.exceptions.page(world.eve, "acme", "2026-03", ids[1], 2)
        assert [each.exception.id for each in found + rest] == ids
        assert await office.cases.exceptions.page(world.eve, "acme", "2026-04", None, 2) == []


class TestRefusals:
    async def test_to_oneself_by_name_or_by_role(self, office: Office) -> None:
        for wish in ({"person": "root"}, {"person": None, "role": Role.ADMIN}):
            with pytest.raises(OwnException):
                await granted(office, **wish)

    @pytest.mark.parametrize(
        ("wish", "path"),
        [
            ({"person": None}, "/person"),
            ({"role": Role.VIEWER}, "/person"),
            ({"person": "nobody"}, "/person"),
            ({"operations": frozenset()}, "/operations"),
            ({"operations": frozenset({Operation.CLOSING})}, "/operations"),
            ({"operations": frozenset({T, Operation.REPORTING})}, "/operations"),
            ({"begins": START - timedelta(seconds=1)}, "/begins"),
            ({"ends": START}, "/ends"),
            ({"ends": START + LONGEST + timedelta(seconds=1)}, "/ends"),
        ],
    )
    async def test_of_what_is_no_exception(self, office: Office, wish: dict[str, Any], path: str) -> None:
        with pytest.raises(Invalid) as refused:
            await granted(office, **wish)
        assert [fault.path for fault in refused.value.faults] == [path]

    @pytest.mark.req("FP36")
    async def test_where_none_counts(self, office: Office, world: World) -> None:
        view = await granted(office)
        await office.move(GateVerb.LOCK, "2026-03")
        assert await office.posted(world.ada, "AP", "2026-03-31") == "period-locked"
        with pytest.raises(PeriodLocked):
            await granted(office)
        wish = ExceptionWish("AP", frozenset({T}), START + timedelta(days=1), WHY, person="ada")
        with pytest.raises(PeriodPending):
            await office.cases.exceptions.grant(world.root, "acme", "2026-04", wish)
        with pytest.raises(ScopeMissing):
            await granted(office, scope="XX")
        assert view.exception.key.scope == "AP"

    async def test_by_whoever_may_only_look(self, office: Office, world: World) -> None:
        view = await granted(office)
        with pytest.raises(PermissionMissing):
            await granted(office, by=world.eve)
        with pytest.raises(PermissionMissing):
            await office.cases.exceptions.revoke(world.eve, view.exception.id, WHY)

    async def test_of_what_is_not_there(self, office: Office, world: World) -> None:
        with pytest.raises(Missing):
            await office.cases.exceptions.revoke(world.root, UUID(int=7), WHY)
        with pytest.raises(Missing):
            await office.cases.exceptions.get(world.eve, UUID(int=7))
