from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.memory.store import MemoryStore
from application.fences.asking import of_run, outstanding, remind, request
from application.fences.cases import FenceCases
from application.fences.modules import ModuleWish
from application.ports.fences import FenceFilter
from application.ports.records import AuditFilter
from domain.errors import Invalid, Missing, Stale, Unavailable
from domain.fences import EpochUnknown, FenceSettled, FenceState, NotItsSpeaker
from domain.fences.telling import Awaited
from domain.people import PermissionMissing
from tests.contract.fencing import RUN, Fenced, fenced, said
from tests.contract.homes import moved_in

WISH = ModuleWish("Creditors", "AP", "payables", ("de",))


class Desk:
    """The use cases, and for which closes they said that something was settled."""

    def __init__(self, place: Fenced) -> None:
        self.place = place
        self.heard: list[UUID] = []
        self.use = FenceCases.over(place.home.store, self._hear)
        self.finance, self.viewer = place.person("fin"), place.person("viv")

    async def _hear(self, tenant: UUID, run: UUID) -> None:
        assert tenant == self.place.home.tenant.id
        self.heard.append(run)

    async def trail(self) -> list[str]:
        async with self.place.home.transaction() as tx:
            rows = await tx.audit.page(AuditFilter(), None, 99)
        return [each.event["action"] for each in reversed(rows)]

    async def told(self) -> list[dict[str, Any]]:
        async with self.place.home.transaction() as tx:
            return [row.event.facts for row in tx._stage.rows_of(tx.tenant).told.values()]

    async def waiting(self) -> list[Any]:
        async with self.place.home.transaction() as tx:
            return await outstanding(tx, RUN)

    async def remind(self, attempt: int) -> list[Any]:
        async with self.place.home.transaction() as tx:
            return await remind(tx, RUN, attempt)


@pytest.fixture
async def desk() -> Desk:
    return Desk(await fenced(await moved_in(MemoryStore())))


class TestAsking:
    async def test_puts_up_a_fence_and_tells_the_module(self, desk: Desk) -> None:
        fence = await desk.place.asked("opened", "soft_closed")
        assert await desk.waiting() == [fence]
        (facts,) = await desk.told()
        assert facts == fence.to_json()
        assert (facts["epoch"], facts["posting"], facts["period"]["ends"]) == (2, "adjust_only", "2024-03-31")
        assert (await desk.trail())[-1] == "module:fence:asked"

    async def test_again_is_the_same_fence(self, desk: Desk) -> None:
        gate = await desk.place.move("opened")
        assert await desk.place.ask(gate) == await desk.place.ask(gate)
        assert len(await desk.told()) == 1

    async def test_for_a_gate_that_no_module_keeps_asks_nobody(self, desk: Desk) -> None:
        place = desk.place
        ledger = place.books.key(3, "GL")
        (gate,) = await place.books.put("all", ledger)
        assert await place.ask(gate) == []

    async def test_for_a_newer_epoch_supersedes_the_older(self, desk: Desk) -> None:
        older = await desk.place.asked("opened")
        newer = await desk.place.asked("soft_closed")
        async with desk.place.home.transaction() as tx:
            assert [each.state for each in await of_run(tx, RUN)] == [FenceState.SUPERSEDED, FenceState.ASKED]
            assert await request(tx, RUN, [older.gate], [desk.place.period]) == [newer]

    async def test_without_a_close_is_awaited_by_none_until_one_asks(self, desk: Desk) -> None:
        fence = await desk.place.asked("opened", "soft_closed", run=None)
        assert fence.outstanding
        assert await desk.waiting() == []
        await desk.place.ask(fence.gate)
        assert await desk.waiting() == [replace(fence, run=RUN)]
        assert len(await desk.told()) == 1

    async def test_a_close_has_what_was_said_before_it(self, desk: Desk) -> None:
        fence = await desk.place.asked("opened", "soft_closed", run=None)
        await desk.use.settling.acknowledge(desk.place.speaker, fence.id, said(2))
        (known,) = await desk.place.ask(fence.gate)
        assert (known.run, known.acknowledgement) == (RUN, said(2))
        assert await desk.waiting() == []


class TestSilence:
    @pytest.mark.req("FP54")
    async def test_is_told_twice_more_and_then_waits_for_a_person(self, desk: Desk) -> None:
        fence = await desk.place.asked("opened", "soft_closed")
        for attempt in (2, 2, 3, 3):
            (known,) = await desk.remind(attempt)
            assert (known.state, known.attempts) == (FenceState.ASKED, attempt)
        for _ in range(2):
            (known,) = await desk.remind(4)
            assert known.state is FenceState.OVERDUE
        assert [each["attempt"] for each in await desk.told()] == [1, 2, 3]
        assert (await desk.trail())[-1] == "module:fence:overdue"
        overdue = await desk.use.looking.page(desk.viewer, FenceFilter(state=FenceState.OVERDUE), None, 9)
        assert [each.id for each in overdue] == [fence.id]

    @pytest.mark.req("FP54")
    async def test_retried_is_told_anew_and_an_answer_goes_on(self, desk: Desk) -> None:
        fence = await desk.place.asked("opened", "soft_closed")
        await desk.remind(4)
        again = await desk.use.settling.retry(desk.finance, fence.id, "the line was down")
        assert (again.state, again.attempts, desk.heard) == (FenceState.ASKED, 1, [RUN])
        assert [each["attempt"] for each in await desk.told()] == [1, 1]
        await desk.use.settling.acknowledge(desk.place.speaker, fence.id, said(2))
        assert await desk.waiting() == []
        assert desk.heard == [RUN, RUN]

    @pytest.mark.req("FP54")
    async def test_excluded_the_close_goes_on_and_its_older_postings_stay_out(self, desk: Desk) -> None:
        fence = await desk.place.asked("opened", "soft_closed")
        await desk.use.settling.exclude(desk.finance, fence.id, "it is being replaced")
        assert (await desk.waiting(), desk.heard) == ([], [RUN])
        async with desk.place.home.transaction() as tx:
            (kept,) = await of_run(tx, RUN)
        assert (kept.state, kept.settled_by, kept.reason) == (
            FenceState.EXCLUDED,
            desk.finance.id,
            "it is being replaced",
        )
        assert (await desk.trail())[-1] == "module:fence:excluded"
        with pytest.raises(FenceSettled):
            await desk.use.settling.retry(desk.finance, fence.id, "because")

    async def test_is_ended_by_who_may_close_periods(self, desk: Desk) -> None:
        fence = await desk.place.asked("opened")
        for act in (desk.use.settling.retry, desk.use.settling.exclude):
            with pytest.raises(PermissionMissing):
                await act(desk.viewer, fence.id, "because")
            with pytest.raises(Missing):
                await act(desk.finance, uuid4(), "because")

    async def test_is_ended_once_by_one_request(self, desk: Desk) -> None:
        fence = await desk.place.asked("opened")
        keyed = _keyed(desk.finance)
        once = await desk.use.settling.exclude(keyed, fence.id, "because")
        assert await desk.use.settling.exclude(keyed, fence.id, "because") == once


class TestAcknowledging:
    async def test_settles_and_is_in_the_trail(self, desk: Desk) -> None:
        fence = await desk.place.asked("opened", "soft_closed")
        after = await desk.use.settling.acknowledge(desk.place.speaker, fence.id, said(2))
        assert (after.state, after.acknowledgement, after.settled_by) == (
            FenceState.ACKNOWLEDGED, said(2), desk.place.speaker.id,
        )  # fmt: skip
        assert (await desk.trail())[-1] == "module:fence:acknowledged"

    async def test_holds_also_where_the_close_cannot_be_told(self, desk: Desk) -> None:
        async def away(_tenant: UUID, _run: UUID) -> None:
            raise Unavailable

        fence = await desk.place.asked("opened")
        settling = FenceCases.over(desk.place.home.store, away).settling
        assert (await settling.acknowledge(desk.place.speaker, fence.id, said(1))).state is FenceState.ACKNOWLEDGED
        assert await desk.waiting() == []

    @pytest.mark.req("FP55")
    async def test_twice_or_late_repeats_the_newest_and_changes_nothing(self, desk: Desk) -> None:
        older = await desk.place.asked("opened")
        newer = await desk.place.asked("soft_closed")
        settling, speaker = desk.use.settling, desk.place.speaker
        late = await settling.acknowledge(speaker, older.id, said(1))
        assert (late.id, late.epoch, late.state) == (newer.id, 2, FenceState.ASKED)
        settled = await settling.acknowledge(speaker, newer.id, said(2))
        trail = await desk.trail()
        for fence, word in ((newer, said(2)), (newer, said(1)), (older, said(1)), (older, said(2, entries=99))):
            assert await settling.acknowledge(speaker, fence.id, word) == settled
        assert (await desk.trail(), desk.heard) == (trail, [RUN])

    @pytest.mark.req("FP55")
    async def test_of_the_newest_epoch_counts_whichever_fence_it_answers(self, desk: Desk) -> None:
        older = await desk.place.asked("opened")
        newer = await desk.place.asked("soft_closed")
        settled = await desk.use.settling.acknowledge(desk.place.speaker, older.id, said(2))
        assert (settled.id, settled.state) == (newer.id, FenceState.ACKNOWLEDGED)

    async def test_of_an_epoch_that_never_was_is_refused(self, desk: Desk) -> None:
        fence = await desk.place.asked("opened")
        with pytest.raises(EpochUnknown):
            await desk.use.settling.acknowledge(desk.place.speaker, fence.id, said(2))

    async def test_is_the_speakers_alone(self, desk: Desk) -> None:
        fence = await desk.place.asked("opened")
        for other in (desk.finance, desk.place.person("adm")):
            with pytest.raises(NotItsSpeaker):
                await desk.use.settling.acknowledge(other, fence.id, said(1))
        with pytest.raises(Missing):
            await desk.use.settling.acknowledge(desk.place.speaker, uuid4(), said(1))


class TestModules:
    async def test_are_set_over_the_version_before(self, desk: Desk) -> None:
        put = desk.use.modules.put
        changed = await put(desk.finance, "AP", WISH, expected=1, reason="because")
        assert (changed.version, changed.entities, changed.name) == (2, frozenset({"de"}), "Creditors")
        assert await desk.use.modules.get(desk.viewer, "AP") == changed
        with pytest.raises(Stale):
            await put(desk.finance, "AP", WISH, expected=1, reason="because")
        assert (await desk.trail())[-1] == "module:record:changed"

    async def test_are_set_once_by_one_request(self, desk: Desk) -> None:
        keyed = _keyed(desk.finance)
        once = await desk.use.modules.put(keyed, "AP", WISH, expected=1, reason="because")
        assert await desk.use.modules.put(keyed, "AP", WISH, expected=1, reason="because") == once

    @pytest.mark.parametrize(
        ("wish", "code", "path"),
        [
            (ModuleWish("x", "AP", "viv"), "NEW", "/speaker"),
            (ModuleWish("x", "AP", "nobody"), "NEW", "/speaker"),
            (ModuleWish("x", "XX", "payables"), "NEW", "/scope"),
            (ModuleWish("x", "AP", "payables", ("de", "fr")), "NEW", "/entities/1"),
            (ModuleWish("x", "AP", "payables"), "new", "/path/module"),
        ],
    )
    async def test_name_what_is_there(self, desk: Desk, wish: ModuleWish, code: str, path: str) -> None:
        with pytest.raises(Invalid) as refused:
            await desk.use.modules.put(desk.finance, code, wish, expected=0, reason="because")
        assert [each.path for each in refused.value.faults] == [path]

    async def test_stay_with_their_scope(self, desk: Desk) -> None:
        wish = ModuleWish("x", "GL", "payables")
        with pytest.raises(Invalid) as refused:
            await desk.use.modules.put(desk.finance, "AP", wish, expected=1, reason="because")
        assert [each.path for each in refused.value.faults] == ["/scope"]

    async def test_are_set_by_who_manages_periods(self, desk: Desk) -> None:
        with pytest.raises(PermissionMissing):
            await desk.use.modules.put(desk.viewer, "AP", WISH, expected=1, reason="because")
        with pytest.raises(Missing):
            await desk.use.modules.get(desk.viewer, "INV")

    async def test_are_listed_by_code(self, desk: Desk) -> None:
        assert [each.code for each in await desk.use.modules.page(desk.viewer, "", 9)] == ["AP"]
        assert await desk.use.modules.page(desk.viewer, "AP", 9) == []


class TestLooking:
    async def test_finds_one_or_none(self, desk: Desk) -> None:
        fence = await desk.place.asked("opened")
        assert await desk.use.looking.get(desk.viewer, fence.id) == Awaited(fence, None)
        with pytest.raises(Missing):
            await desk.use.looking.get(desk.viewer, uuid4())
        for read in (desk.use.looking.get(desk.place.person("nil"), fence.id),
                     desk.use.looking.page(desk.place.person("nil"), FenceFilter(), None, 9)):  # fmt: skip
            with pytest.raises(PermissionMissing):
                await read


def _keyed(actor: Any) -> Any:
    return replace(actor, request=uuid4())
