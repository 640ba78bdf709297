"""Many parked commands are decided about in stages, and each stage is judged before the next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commands.bulk import (
    OVER,
    TOGETHER,
    UNSETTLED,
    Bulk,
    BulkAct,
    BulkDecision,
    BulkState,
    Pace,
    StageEnd,
    WrongBulkState,
)
from domain.commands.bulk_gate import StageCount, StageVerdict, judged
from domain.commands.bulk_stages import USUAL, sizes_of, stage_faults
from domain.commands.operations import Act

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIGEST = "sha256:" + "0" * 64
WHY = "the account is there"
WELL, ILL = StageVerdict(True, True, "none failed"), StageVerdict(False, False, "1 of 1 failed")
S = BulkState


def bulk(state: BulkState = S.RUNNING, **facts: Any) -> Bulk:
    said = {"total": 1000, "act": Act.RETRY, **facts}
    act = said.pop("act")
    return Bulk(UUID(int=1), UUID(int=2), act, UUID(int=3), WHY, DIGEST, {}, NOW, state=state, **said)


def end(verdict: StageVerdict = WELL) -> StageEnd:
    return StageEnd(1, 1, 0, verdict, NOW)


class TestStages:
    @pytest.mark.parametrize(
        ("stages", "total", "sizes"),
        [
            (USUAL, 1000, (1, 10, 100, 889)),
            (USUAL, 5, (1, 4)),
            (USUAL, 1, (1,)),
            (("50%",), 3, (2, 1)),
            (("29%", "rest"), 100, (29, 71)),
            (("rest",), 7, (7,)),
            (("3", "3"), 10, (3, 3, 4)),
        ],
    )
    def test_grow_until_all_are_reached(self, stages: tuple[str, ...], total: int, sizes: tuple[int, ...]) -> None:
        assert sizes_of(stages, total) == sizes

    @given(
        st.lists(st.sampled_from(["1", "10", "10%", "33%", "100%", "7"]), min_size=1, max_size=6), st.integers(1, 9999)
    )
    def test_reach_each_command_once(self, stages: list[str], total: int) -> None:
        sizes = sizes_of(tuple(stages), total)
        assert sum(sizes) == total
        assert min(sizes) > 0

    @pytest.mark.parametrize(
        ("stages", "places"),
        [(("0",), ["/stages/0"]), (("rest", "1"), ["/stages/0"]), (("1", "101%", "x"), ["/stages/1", "/stages/2"]),
         ((), ["/stages"]), (("1",) * 21, ["/stages"]), (USUAL, [])],
    )  # fmt: skip
    def test_of_another_form_are_refused(self, stages: tuple[str, ...], places: list[str]) -> None:
        assert [fault.path for fault in stage_faults(stages)] == places


class TestGate:
    @pytest.mark.req("CB-45")
    @pytest.mark.parametrize(
        ("retried", "failed", "passed"),
        [(1, 0, True), (1, 1, False), (10, 0, True), (10, 1, False), (100, 5, True), (100, 6, False), (889, 44, True),
         (889, 45, False)],
    )  # fmt: skip
    def test_a_twentieth_may_fail_and_of_a_few_none(self, retried: int, failed: int, *, passed: bool) -> None:
        assert judged(StageCount(retried, failed), 0.05).passed is passed

    @pytest.mark.req("CB-45")
    @given(st.integers(1, 5000), st.integers(0, 5000), st.sampled_from([0.0, 0.001, 0.01, 0.05, 0.3, 0.5]))
    def test_it_is_the_share_whatever_their_number(self, retried: int, failed: int, share: float) -> None:
        failed = min(failed, retried)
        assert judged(StageCount(retried, failed), share).passed is (failed <= round(share * retried, 9))

    def test_many_that_go_well_are_evidence_and_a_few_are_not(self) -> None:
        assert judged(StageCount(100, 0), 0.05).proved
        assert not judged(StageCount(10, 0), 0.05).proved

    def test_it_says_how_many_failed_as_before(self) -> None:
        told = judged(StageCount(10, 3, 2), 0.1).sentence
        assert told == "3 of 10 failed again, 2 of them with the same error; at most 1 may"


class TestCourse:
    def test_a_batch_is_what_a_second_allows_and_the_stage_has_room_for(self) -> None:
        assert bulk().to_act == 1
        assert bulk(stage=2).to_act == 100
        assert bulk(stage=3).to_act == 100
        assert bulk(stage=3, pace=Pace(per_second=5000)).to_act == TOGETHER
        assert bulk(stage=3, acted=880).to_act == 9
        assert bulk(settles_until=NOW).to_act == bulk(S.PAUSED).to_act == bulk(S.AWAITING_APPROVAL).to_act == 0

    def test_a_full_stage_settles(self) -> None:
        full = bulk().begun(1, NOW, nothing_left=False)
        assert (full.acted, full.settles_until, full.settling) == (1, NOW + timedelta(seconds=300), True)
        assert bulk(stage=1).begun(9, NOW, nothing_left=False).settles_until is None

    def test_where_nothing_is_left_it_settles_or_is_done(self) -> None:
        assert bulk(stage=1).begun(3, NOW, nothing_left=True).settling
        assert bulk(stage=1).begun(0, NOW, nothing_left=True).state is S.DONE

    def test_what_is_canceled_has_nothing_to_settle(self) -> None:
        canceled = bulk(act=Act.CANCEL, stages=("rest",), total=3)
        assert canceled.begun(3, NOW, nothing_left=False).state is S.DONE

    @pytest.mark.req("CB-45")
    def test_a_stage_that_went_well_lets_the_next_begin_and_one_that_did_not_stops_it(self) -> None:
        settling = bulk(acted=1, settles_until=NOW)
        well, ill = settling.judged(end(), nothing_left=False), settling.judged(end(ILL), nothing_left=False)
        assert (well.state, well.stage, well.acted, well.settles_until) == (S.RUNNING, 1, 0, None)
        assert (ill.state, ill.why, ill.stage, ill.version) == (S.STOPPED, ILL.sentence, 1, 2)
        assert (settling.place, well.place, ill.place, ill.moved(S.RUNNING).place) == (1, 2, 1, 2)
        assert settling.judged(end(ILL), nothing_left=True).state is S.DONE

    def test_a_person_overrules_the_gate_and_waits_again_for_what_did_not_settle(self) -> None:
        stopped = bulk(acted=1, settles_until=NOW).judged(end(ILL), nothing_left=False)
        assert stopped.acted_on(BulkAct.RESUME, NOW, going=False).to_act == 10
        late = bulk(acted=1, settles_until=NOW).unsettled()
        assert (late.state, late.why) == (S.STOPPED, UNSETTLED)
        assert late.acted_on(BulkAct.RESUME, NOW, going=True).settles_until == NOW + timedelta(seconds=300)

    def test_aborted_it_waits_for_what_it_has_begun(self) -> None:
        aborting = bulk(stage=1, acted=5).acted_on(BulkAct.ABORT, NOW, going=True)
        assert (aborting.state, aborting.settling, aborting.to_act) == (S.ABORTING, True, 0)
        assert aborting.aborted().state is S.ABORTED
        assert bulk(S.AWAITING_APPROVAL).acted_on(BulkAct.ABORT, NOW, going=False).state is S.ABORTED

    @pytest.mark.parametrize(
        ("state", "act"),
        [*((state, act) for state in OVER for act in BulkAct), (S.PAUSED, BulkAct.PAUSE), (S.RUNNING, BulkAct.RESUME),
         (S.AWAITING_APPROVAL, BulkAct.PAUSE), (S.ABORTING, BulkAct.ABORT)],
    )  # fmt: skip
    def test_nothing_else_is_done_with_it(self, state: BulkState, act: BulkAct) -> None:
        with pytest.raises(WrongBulkState):
            bulk(state).acted_on(act, NOW, going=False)

    def test_its_version_counts_states_and_no_progress(self) -> None:
        assert bulk().begun(1, NOW, nothing_left=False).version == 1
        paused = bulk().acted_on(BulkAct.PAUSE, NOW, going=False)
        assert (paused.version, paused.acted_on(BulkAct.RESUME, NOW, going=False).version) == (2, 3)


class TestDecision:
    def test_names_which_and_why(self) -> None:
        said = BulkDecision(Act.RETRY, WHY, {"domain": "ledger", "type": None})
        assert said.faults() == []
        assert [each.path for each in replace(said, wanted={"domain": None}).faults()] == ["/filter"]
        assert [each.path for each in replace(said, reason="short").faults()] == ["/reason"]
        assert [each.path for each in replace(said, act=Act.CANCEL, stages=("1",)).faults()] == ["/stages"]

    def test_is_the_same_when_it_says_the_same(self) -> None:
        said, person = BulkDecision(Act.RETRY, WHY, {"domain": "ledger"}), UUID(int=1)
        assert said.digest(person) == replace(said, stages=USUAL).digest(person)
        others = [replace(said, wanted={"domain": "sales"}), replace(said, pace=Pace(7)), replace(said, act=Act.CANCEL)]
        assert said.digest(person) not in {each.digest(person) for each in others} | {said.digest(UUID(int=2))}
