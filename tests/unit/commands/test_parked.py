"""What a person may decide about a command, and where that leaves it."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from domain.commands import CommandRecord, CommandState, ParkedKind, WrongCommandState
from domain.commands.operations import LONGEST_SNOOZE, Act, Decision
from tests.unit.commands.test_commands import NOW, WRONG, record, running

KEY = ("ledger", "42")
WHY = "the bank answers again"


def parked(**facts: int) -> CommandRecord:
    return running(**facts).parked_as(ParkedKind.EXHAUSTED, WRONG)


def cause(of: CommandRecord) -> str | None:
    return of.error.fingerprint if of.error else None


class TestParked:
    @pytest.mark.req("CB-40")
    def test_that_is_retried_begins_anew(self) -> None:
        later = NOW + timedelta(days=1)
        again = parked(attempt=2).retried(later)
        assert (again.state, again.parked, again.epoch, again.attempt, again.due_at) == (
            CommandState.PENDING, None, 2, 0, later,
        )  # fmt: skip

    @pytest.mark.req("CB-24")
    def test_that_took_workers_with_it_is_still_kept_from_others(self) -> None:
        poison = running(crashes=2).crashed(WRONG)
        assert (poison.parked, poison.retried(NOW).crashes, parked().retried(NOW).crashes) == (ParkedKind.POISON, 1, 0)

    def test_is_over_by_word_of_a_person(self) -> None:
        canceled, done = parked().canceled(NOW), parked().resolved({"journal": 9}, NOW)
        assert (canceled.state, canceled.ended_at, canceled.parked) == (CommandState.CANCELED, NOW, None)
        assert (done.state, done.result, done.error, done.over) == (CommandState.COMPLETED, {"journal": 9}, None, True)

    @pytest.mark.req("S012", "S013", "S014")
    def test_is_what_people_decide_about(self) -> None:
        for state in set(CommandState) - {CommandState.PARKED}:
            for way in (record(state).retried, record(state).canceled):
                with pytest.raises(WrongCommandState):
                    way(NOW)
            with pytest.raises(WrongCommandState):
                record(state).resolved(None, NOW)

    @pytest.mark.req("CB-39")
    def test_has_a_cause_that_others_of_its_type_share(self) -> None:
        first, second = cause(parked()), cause(running(crashes=2).crashed(WRONG))
        other = running().parked_as(ParkedKind.EXHAUSTED, replace(WRONG, code="refused"))
        own = running().parked_as(ParkedKind.EXHAUSTED, replace(WRONG, fingerprint="f"))
        assert first == second != cause(other)
        assert cause(own) == "f"


class TestDecisions:
    @pytest.mark.req("CB-42")
    def test_are_the_same_when_they_say_the_same(self) -> None:
        me, mine = uuid4(), Decision(Act.SNOOZE, WHY, until=NOW)
        assert mine.digest(me, KEY) == Decision(Act.SNOOZE, WHY, until=NOW).digest(me, KEY)
        others = [
            replace(mine, act=Act.CANCEL), replace(mine, reason="another reason"), replace(mine, person="bob"),
            replace(mine, until=NOW + timedelta(1)), replace(mine, result={}), replace(mine, evidence="sha256:0"),
        ]  # fmt: skip
        digests = {each.digest(me, KEY) for each in [mine, *others]}
        assert len(digests | {mine.digest(UUID(int=1), KEY), mine.digest(me, ("ledger", "43"))}) == len(others) + 3

    @pytest.mark.req("CB-40")
    @pytest.mark.parametrize("reason", ["", "why not", " " * 20, "x" * 2001])
    def test_have_a_reason(self, reason: str) -> None:
        assert [each.path for each in Decision(Act.RETRY, reason).faults(NOW)] == ["/reason"]
        assert Decision(Act.RETRY, WHY).faults(NOW) == []

    def test_put_off_for_a_while(self) -> None:
        for until in (NOW, NOW + LONGEST_SNOOZE + timedelta(seconds=1)):
            assert [each.path for each in Decision(Act.SNOOZE, WHY, until=until).faults(NOW)] == ["/until"]
        assert Decision(Act.SNOOZE, WHY, until=NOW + LONGEST_SNOOZE).faults(NOW) == []
