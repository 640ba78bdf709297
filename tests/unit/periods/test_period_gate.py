from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from domain.periods import GateKey, PeriodGate, Posting, Status, TransitionRefused

KEY = GateKey("de", UUID(int=3), "AP")
WHO, WHEN = uuid4(), datetime(2024, 4, 2, 9, tzinfo=UTC)
PENDING = PeriodGate.pending(KEY)
STANDS = {
    "pending": PENDING,
    "all": replace(PENDING, status=Status.OPEN, posting=Posting.ALL, epoch=1),
    "adjust_only": replace(PENDING, status=Status.OPEN, posting=Posting.ADJUST_ONLY, epoch=2),
    "none": replace(PENDING, status=Status.OPEN, posting=Posting.NONE, epoch=3),
    "closed": replace(PENDING, status=Status.CLOSED, epoch=4),
    "locked": replace(PENDING, status=Status.LOCKED, epoch=5),
}
MOVES: dict[str, Callable[[PeriodGate], PeriodGate]] = {
    "opened": lambda gate: gate.opened(WHO, WHEN, "because"),
    "soft_closed": lambda gate: gate.soft_closed(WHO, WHEN, "because"),
    "frozen": lambda gate: gate.frozen(WHO, WHEN, "because"),
    "closed": lambda gate: gate.closed(WHO, WHEN, "because"),
    "locked": lambda gate: gate.locked(WHO, WHEN, "because"),
    "reopened": lambda gate: gate.reopened(Posting.ADJUST_ONLY, WHO, WHEN, "because"),
    "restored": lambda gate: gate.restored(STANDS["all"], WHO, WHEN, "because"),
}
WAYS = {
    ("pending", "opened"): (Status.OPEN, Posting.ALL),
    ("adjust_only", "opened"): (Status.OPEN, Posting.ALL),
    ("none", "opened"): (Status.OPEN, Posting.ALL),
    ("all", "soft_closed"): (Status.OPEN, Posting.ADJUST_ONLY),
    ("none", "soft_closed"): (Status.OPEN, Posting.ADJUST_ONLY),
    ("all", "frozen"): (Status.OPEN, Posting.NONE),
    ("adjust_only", "frozen"): (Status.OPEN, Posting.NONE),
    ("all", "closed"): (Status.CLOSED, Posting.NONE),
    ("adjust_only", "closed"): (Status.CLOSED, Posting.NONE),
    ("none", "closed"): (Status.CLOSED, Posting.NONE),
    ("closed", "locked"): (Status.LOCKED, Posting.NONE),
    ("closed", "reopened"): (Status.OPEN, Posting.ADJUST_ONLY),
    ("all", "restored"): (Status.OPEN, Posting.ALL),
    ("adjust_only", "restored"): (Status.OPEN, Posting.ALL),
    ("none", "restored"): (Status.OPEN, Posting.ALL),
}


class TestGate:
    @pytest.mark.parametrize("stand", STANDS)
    @pytest.mark.parametrize("move", MOVES)
    def test_goes_where_it_may_and_nowhere_else(self, stand: str, move: str) -> None:
        gate = STANDS[stand]
        if (stand, move) in WAYS:
            status, posting = WAYS[stand, move]
            assert MOVES[move](gate) == PeriodGate(KEY, status, posting, gate.epoch + 1, WHO, WHEN, "because")
        else:
            with pytest.raises(TransitionRefused) as refused:
                MOVES[move](gate)
            assert refused.value.facts["gate"] == gate.status.value
            assert refused.value.facts["epoch"] == gate.epoch

    def test_without_a_row_is_pending_at_epoch_0(self) -> None:
        assert (PENDING.status, PENDING.posting, PENDING.epoch) == (Status.PENDING, Posting.NONE, 0)

    def test_is_restored_only_to_its_own_past_while_that_was_open(self) -> None:
        elsewhere = replace(STANDS["all"], key=replace(KEY, scope="AR"))
        for prior in (PENDING, STANDS["closed"], elsewhere):
            with pytest.raises(TransitionRefused):
                STANDS["none"].restored(prior, WHO, WHEN, "because")

    def test_keys_stand_in_one_order(self) -> None:
        keys = [GateKey("de", UUID(int=2), "AP"), GateKey("de", UUID(int=1), "GL"), GateKey("at", UUID(int=9), "GL")]
        assert sorted(keys) == [keys[2], keys[1], keys[0]]
