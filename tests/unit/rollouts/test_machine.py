import pytest

from domain.rollouts import (
    EXPOSED,
    TERMINAL,
    WAITING,
    WAYS,
    AlreadyTerminal,
    State,
    TransitionRefused,
    check_transition,
)


class TestMachine:
    @pytest.mark.req("I7")
    @pytest.mark.parametrize("end", sorted(TERMINAL))
    def test_an_end_has_no_way_out(self, end: State) -> None:
        for state in State:
            with pytest.raises(AlreadyTerminal):
                check_transition(end, state)

    def test_every_other_state_has_one(self) -> None:
        assert set(WAYS) == set(State) - TERMINAL

    @pytest.mark.parametrize("state", sorted(set(State) - TERMINAL))
    def test_what_is_not_a_way_is_refused(self, state: State) -> None:
        for wanted in State:
            if wanted in WAYS[state]:
                check_transition(state, wanted)
            else:
                with pytest.raises(TransitionRefused):
                    check_transition(state, wanted)

    def test_every_state_can_be_reached(self) -> None:
        reached = {State.AWAITING_APPROVAL}
        for _ in State:
            reached |= {target for state in reached - TERMINAL for target in WAYS[state]}
        assert reached == set(State)

    @pytest.mark.req("S1")
    def test_nothing_runs_without_preflight(self) -> None:
        assert {state for state, ways in WAYS.items() if State.RUNNING in ways} - EXPOSED == {State.PREFLIGHT}

    def test_what_was_exposed_ends_served_restored_handed_over_or_never_seen(self) -> None:
        ends = {end for state in EXPOSED for end in WAYS[state] & TERMINAL}
        assert ends == {State.SUCCEEDED, State.ROLLED_BACK, State.SUPERSEDED, State.CANCELLED}
        assert State.CANCELLED not in WAYS[State.BAKING]

    @pytest.mark.req("S88")
    def test_whoever_waits_may_be_stopped_and_starts_only_by_its_turn(self) -> None:
        for state in WAITING:
            assert {State.CANCELLED, State.WITHDRAWN, State.EXPIRED} <= WAYS[state]
            assert State.RUNNING not in WAYS[state]
            assert WAITING - {state} <= WAYS[state]
