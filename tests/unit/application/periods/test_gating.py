"""Gates as people move them, in memory."""

from uuid import uuid4

import pytest

from application.calendars.places import Place
from application.periods.moves import GateVerb
from application.periods.moving import CloseUnderWay, GateWish, NotAllClosed, TooManyOpen
from application.periods.places import period_called
from domain.calendars.keeping import YearUsed
from domain.closures import ClosureRun, Mode, RunState
from domain.errors import Invalid, Missing
from domain.people import PermissionMissing
from domain.periods import PeriodClosed, PeriodLocked, PeriodPending, ScopeMissing, StaleEpoch
from tests.unit.application.periods.offices import SCOPES, WHY, Office, again
from tests.world import World

ALL = dict.fromkeys(SCOPES, "open")


@pytest.fixture
async def office(world: World) -> Office:
    return await Office.furnished(world)


class TestOpening:
    async def test_lets_every_scope_in_and_uses_the_year(self, office: Office, world: World) -> None:
        assert await office.stands("2026-03") == dict.fromkeys(SCOPES, "pending")
        state = await office.move(GateVerb.OPEN, "2026-03")
        assert await office.stands("2026-03") == ALL
        assert {(gate.epoch, gate.changed_by, gate.reason) for gate in state.gates} == {(1, world.root.id, WHY)}
        with pytest.raises(YearUsed):
            await office.calendars.making.remove(world.root, Place("books"), "2026", WHY)

    async def test_of_some_leaves_the_others(self, office: Office) -> None:
        await office.move(GateVerb.OPEN, "2026-03", "AP")
        assert await office.stands("2026-03") == {"AP": "open", "AR": "pending", "GL": "pending"}

    async def test_again_changes_nothing_and_is_told_once(self, office: Office, world: World) -> None:
        await office.move(GateVerb.OPEN, "2026-03")
        state = await office.move(GateVerb.OPEN, "2026-03", *SCOPES)
        assert [gate.epoch for gate in state.gates] == [1, 1, 1]
        assert len(await world.events("period:gate:opened")) == len(await office.told("FiscalPeriodOpened")) == 3

    async def test_unnamed_leaves_what_was_closed_softly(self, office: Office) -> None:
        await office.move(GateVerb.OPEN, "2026-03", "AP", "AR")
        await office.move(GateVerb.SOFT_CLOSE, "2026-03", "AP")
        await office.move(GateVerb.OPEN, "2026-03")
        assert await office.stands("2026-03") == {"AP": "soft-closed", "AR": "open", "GL": "open"}
        await office.move(GateVerb.OPEN, "2026-03", "AP")
        assert await office.stands("2026-03") == ALL

    async def test_what_was_closed_is_refused_by_name_and_opens_nothing(self, office: Office) -> None:
        await office.move(GateVerb.OPEN, "2026-03", "GL")
        await office.close("2026-03", "GL")
        with pytest.raises(PeriodClosed) as refused:
            await office.move(GateVerb.OPEN, "2026-03")
        assert "FY2026 P03" in str(refused.value)
        assert await office.stands("2026-03") == {"AP": "pending", "AR": "pending", "GL": "closed"}

    async def test_a_year_opens_its_standard_periods_that_are_pending(self, office: Office, world: World) -> None:
        await office.move(GateVerb.OPEN, "2026-01")
        await office.close("2026-01")
        state = await office.cases.gating.year(world.root, GateVerb.OPEN, ("acme", "2026"), GateWish(WHY, ("AP", "GL")))
        assert state.counts["AP"] == {
            "pending": 1, "open": 11, "soft-closed": 0, "frozen": 0, "closed": 1, "locked": 0
        }  # fmt: skip
        assert state.counts["AR"]["pending"] == 12
        assert len(await office.told("FiscalPeriodOpened")) == 3 + 2 * 11

    @pytest.mark.parametrize("code", ["2026-14", "2027-01", "2026-00"])
    async def test_what_is_no_period_is_missing(self, office: Office, code: str) -> None:
        with pytest.raises(Missing):
            await office.move(GateVerb.OPEN, code)

    async def test_what_is_no_scope_is_missing(self, office: Office) -> None:
        with pytest.raises(ScopeMissing):
            await office.move(GateVerb.OPEN, "2026-03", "XX")


class TestHoldingBack:
    @pytest.mark.req("FP33")
    async def test_takes_adjustments_only_and_then_nothing_and_all_again(self, office: Office, world: World) -> None:
        await office.move(GateVerb.OPEN, "2026-03")
        for verb, word, kind in (
            (GateVerb.SOFT_CLOSE, "soft-closed", "adjustments-only"),
            (GateVerb.FREEZE, "frozen", "not-adjustable"),
            (GateVerb.SOFT_CLOSE, "soft-closed", "adjustments-only"),
            (GateVerb.UNLOCK, "open", ""),
        ):
            await office.move(verb, "2026-03")
            assert await office.stands("2026-03") == dict.fromkeys(SCOPES, word)
            assert await office.posted(world.root, "AP", "2026-03-31") == kind
        assert [event.subject.version for event in await office.told("FiscalPeriodSoftClosed")] == [2] * 3 + [4] * 3

    async def test_is_about_what_is_open(self, office: Office) -> None:
        await office.move(GateVerb.OPEN, "2026-03", "AP", "GL")
        await office.close("2026-03", "AP")
        await office.move(GateVerb.SOFT_CLOSE, "2026-03")
        assert await office.stands("2026-03") == {"AP": "closed", "AR": "pending", "GL": "soft-closed"}

    @pytest.mark.parametrize("verb", [GateVerb.SOFT_CLOSE, GateVerb.FREEZE, GateVerb.UNLOCK])
    async def test_needs_an_open_period(self, office: Office, verb: GateVerb) -> None:
        with pytest.raises(PeriodPending):
            await office.move(verb, "2026-03")
        await office.move(GateVerb.OPEN, "2026-03")
        await office.close("2026-03")
        with pytest.raises(PeriodClosed):
            await office.move(verb, "2026-03", "AP")

    async def test_over_an_epoch_that_has_passed_is_refused(self, office: Office) -> None:
        await office.move(GateVerb.OPEN, "2026-03")
        await office.move(GateVerb.SOFT_CLOSE, "2026-03", "AP", epochs={"AP": 1})
        with pytest.raises(StaleEpoch):
            await office.move(GateVerb.UNLOCK, "2026-03", "AP", epochs={"AP": 1})
        with pytest.raises(Invalid):
            await office.move(GateVerb.UNLOCK, "2026-03", "AP", epochs={"AR": 1})

    async def test_happens_once_for_one_request(self, office: Office, world: World) -> None:
        root = again(world.root, uuid4())
        await office.move(GateVerb.OPEN, "2026-03")
        await office.move(GateVerb.FREEZE, "2026-03", by=root, epochs={"AP": 1})
        await office.move(GateVerb.UNLOCK, "2026-03")
        state = await office.move(GateVerb.FREEZE, "2026-03", by=root, epochs={"AP": 1})
        assert {gate.epoch for gate in state.gates} == {3}


class TestRoom:
    async def test_is_for_so_many_periods_of_a_scope(self, world: World) -> None:
        office = await Office.furnished(world, most_open=1)
        await office.move(GateVerb.OPEN, "2026-03")
        with pytest.raises(TooManyOpen) as refused:
            await office.move(GateVerb.OPEN, "2026-04", "AP")
        assert refused.value.facts["periods"] == ["2026-03", "2026-04"]
        await office.move(GateVerb.SOFT_CLOSE, "2026-03", "AP")
        await office.move(GateVerb.OPEN, "2026-04", "AP")
        with pytest.raises(TooManyOpen):
            await office.move(GateVerb.UNLOCK, "2026-03", "AP")

    async def test_is_not_taken_by_adjusting_periods(self, world: World) -> None:
        office = await Office.furnished(world, most_open=1)
        await office.move(GateVerb.OPEN, "2026-12")
        await office.move(GateVerb.OPEN, "2026-13")
        assert await office.stands("2026-13") == ALL

    async def test_counts_over_the_turn_of_the_year_and_opens_a_year_or_nothing(self, world: World) -> None:
        office = await Office.furnished(world, years=(2025, 2026), most_open=12)
        await office.move(GateVerb.OPEN, "2025-12", "AP")
        with pytest.raises(TooManyOpen):
            await office.cases.gating.year(world.root, GateVerb.OPEN, ("acme", "2026"), GateWish(WHY, ("AP",)))
        assert await office.stands("2026-01") == dict.fromkeys(SCOPES, "pending")


class TestLocking:
    @pytest.mark.req("FP32", "FP67")
    async def test_is_for_good(self, office: Office, world: World) -> None:
        await office.move(GateVerb.OPEN, "2026-03")
        with pytest.raises(NotAllClosed):
            await office.move(GateVerb.LOCK, "2026-03")
        await office.close("2026-03")
        await office.move(GateVerb.LOCK, "2026-03")
        assert await office.stands("2026-03") == dict.fromkeys(SCOPES, "locked")
        for verb in (GateVerb.OPEN, GateVerb.SOFT_CLOSE, GateVerb.FREEZE, GateVerb.UNLOCK):
            with pytest.raises(PeriodLocked):
                await office.move(verb, "2026-03", *SCOPES)
        assert await office.posted(world.root, "AP", "2026-03-31") == "period-locked"

    @pytest.mark.req("FP62")
    async def test_of_a_year_is_all_or_nothing(self, office: Office, world: World) -> None:
        state = await office.cases.looking.year(world.eve, "acme", "2026")
        codes = [each.place.code for each in state.periods]
        for code in codes:
            await office.move(GateVerb.OPEN, code, "AP", "GL")
            if code != "2026-07":
                await office.close(code, "AP", "GL")
        with pytest.raises(NotAllClosed) as refused:
            await office.cases.gating.year(world.root, GateVerb.LOCK, ("acme", "2026"), GateWish(WHY))
        stands = {"status": "open", "posting": "all", "epoch": 1}
        assert refused.value.facts["gates"] == [
            {"period": "2026-07", "scope": scope, **stands} for scope in ("AP", "GL")
        ]  # fmt: skip
        assert (await office.cases.looking.year(world.eve, "acme", "2026")).counts["GL"]["locked"] == 0
        await office.close("2026-07", "AP", "GL")
        done = await office.cases.gating.year(world.root, GateVerb.LOCK, ("acme", "2026"), GateWish(WHY))
        assert {scope: counts["locked"] for scope, counts in done.counts.items()} == {"AP": 13, "AR": 0, "GL": 13}


class TestDuringAClose:
    async def test_its_scopes_are_moved_by_nobody_else(self, office: Office, world: World) -> None:
        await office.move(GateVerb.OPEN, "2026-03")
        await office.move(GateVerb.SOFT_CLOSE, "2026-03", "AP")
        run = await begun(office, "AP")
        for verb in (GateVerb.UNLOCK, GateVerb.FREEZE, GateVerb.OPEN):
            with pytest.raises(CloseUnderWay) as refused:
                await office.move(verb, "2026-03", "AP", "AR")
            assert (refused.value.facts["scopes"], refused.value.facts["run"]) == (["AP"], str(run.id))
        await office.move(GateVerb.FREEZE, "2026-03", "AR")
        await office.move(GateVerb.OPEN, "2026-04")
        async with world.store.transaction(world.tenant.id) as tx:
            await tx.closures.save(run.moved(RunState.ABORTED))
        await office.move(GateVerb.UNLOCK, "2026-03", "AP")
        assert await office.stands("2026-03") == {"AP": "open", "AR": "frozen", "GL": "open"}


async def begun(office: Office, *scopes: str) -> ClosureRun:
    """A close of March that has frozen its gates."""
    world = office.world
    async with world.store.transaction(world.tenant.id) as tx:
        place = await period_called(tx, "acme", "2026-03")
        prior = tuple(await tx.periods.gates("acme", [place.id]))
        run = ClosureRun(
            uuid4(), world.tenant.id, "acme", place.id, place.code, scopes, Mode.HARD, 1, world.root.id,
            RunState.INITIATED, tx.now,
        )  # fmt: skip
        await tx.closures.add(run)
        frozen = run.moved(RunState.PRECHECK).frozen(prior)
        await tx.closures.save(frozen)
        return frozen


class TestPermissions:
    @pytest.mark.parametrize("verb", list(GateVerb))
    async def test_whoever_may_look_moves_nothing(self, office: Office, world: World, verb: GateVerb) -> None:
        with pytest.raises(PermissionMissing):
            await office.move(verb, "2026-03", by=world.eve)


class TestLooking:
    async def test_finds_the_year_of_today_on_the_clocks_of_the_entity(self, world: World) -> None:
        office = await Office.furnished(world, years=(2025, 2026), zone="Pacific/Kiritimati")
        assert (await office.cases.looking.year(world.eve, "acme", None)).place.year.year.code == "2026"

    async def test_tells_how_a_gate_stood_newest_first(self, office: Office, world: World) -> None:
        for verb in (GateVerb.OPEN, GateVerb.SOFT_CLOSE, GateVerb.UNLOCK):
            await office.move(verb, "2026-03", "AP")
        rows = await office.cases.looking.history(world.eve, "acme", "2026-03", "AP", 3, 5)
        assert [(gate.epoch, gate.posting.value) for gate in rows] == [(2, "adjust_only"), (1, "all")]

    async def test_the_trail_has_each_move_with_both_ends(self, office: Office, world: World) -> None:
        await office.move(GateVerb.OPEN, "2026-03", "AP")
        await office.move(GateVerb.FREEZE, "2026-03", "AP")
        (row,) = await world.events("period:gate:frozen")
        assert (row.event["resource"], row.event["reason"]) == ("acme/2026-03/AP", WHY)
        assert (row.event["before"], row.event["after"]) == (
            {"status": "open", "posting": "all", "epoch": 1},
            {"status": "open", "posting": "none", "epoch": 2},
        )
        (event,) = await office.told("FiscalPeriodFrozen")
        assert (event.subject.key, event.subject.scope, event.environment) == ("acme/2026-03", "AP", None)
        assert event.facts == {
            "entity": "acme", "year": "2026", "period": "2026-03", "scope": "AP", "status": "open", "posting": "none",
        }  # fmt: skip
