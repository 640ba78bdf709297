from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.approvals import (
    AlreadyVoted,
    Answer,
    ApprovalClosed,
    DigestMismatch,
    Level,
    LevelComplete,
    NotAnApprover,
    ReasonTooShort,
    SelfApproval,
    ServiceVoted,
    Standing,
    Tally,
    VoteMissing,
    Voter,
    WrongLevel,
    check_reason,
    default_policy,
    parse_policy,
)
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Invalid
from domain.people import Permission, PrincipalKind, Role

ADA, BOB, CYD, DEE = (UUID(int=n) for n in range(1, 5))
YES, NO = Answer.APPROVE, Answer.REJECT


def tally(*levels: Level) -> Tally:
    return Tally("d", (ADA,), levels or (Level(), Level()))


def voter(person: UUID, *roles: Role, kind: PrincipalKind = PrincipalKind.HUMAN) -> Voter:
    return Voter(person, kind, frozenset(roles or {Role.APPROVER}), may_approve=Role.VIEWER not in roles)


class TestTally:
    @pytest.mark.req("S1")
    def test_levels_complete_in_order(self) -> None:
        one = tally().with_ballot(BOB, YES, "d")
        two = one.with_ballot(CYD, YES, "d")
        assert [(t.level, t.standing) for t in (tally(), one, two)] == [
            (0, Standing.PENDING), (1, Standing.PENDING), (2, Standing.APPROVED),
        ]  # fmt: skip

    @pytest.mark.req("S6")
    def test_a_quorum_of_two_needs_two(self) -> None:
        one = tally(Level(quorum=2)).with_ballot(BOB, YES, "d")
        assert one.standing is Standing.PENDING
        assert one.with_ballot(CYD, YES, "d").standing is Standing.APPROVED

    @pytest.mark.req("S8")
    def test_one_no_is_enough(self) -> None:
        assert tally(Level(quorum=3)).with_ballot(BOB, NO, "d").standing is Standing.REJECTED

    def test_without_levels_nobody_is_asked(self) -> None:
        assert Tally("d", (ADA,), ()).standing is Standing.APPROVED

    @pytest.mark.req("S3", "S4", "S5", "S18")
    def test_who_may_not_vote_is_told_why(self) -> None:
        given = tally().with_ballot(BOB, YES, "d", behalf=CYD)
        for person, behalf, digest, refusal in (
            (ADA, None, "d", SelfApproval),
            (DEE, ADA, "d", SelfApproval),
            (BOB, None, "d", AlreadyVoted),
            (CYD, None, "d", AlreadyVoted),
            (DEE, CYD, "d", AlreadyVoted),
            (DEE, None, "e", DigestMismatch),
        ):
            with pytest.raises(refusal):
                given.check(person, digest, behalf)
        given.check(DEE, "d")

    def test_after_the_end_nobody_votes(self) -> None:
        with pytest.raises(ApprovalClosed):
            tally().with_ballot(BOB, NO, "d").check(CYD, "d")

    @pytest.mark.req("S2")
    def test_a_voter_fits_the_open_level(self) -> None:
        levels = tally(Level((), (BOB,)), Level())
        levels.check_voter(voter(BOB))
        for who, refusal in (
            (voter(CYD), WrongLevel),
            (voter(CYD, Role.VIEWER), NotAnApprover),
            (voter(CYD, Role.OPERATOR), NotAnApprover),
            (voter(BOB, kind=PrincipalKind.SERVICE), ServiceVoted),
        ):
            with pytest.raises(refusal):
                levels.check_voter(who)

    @pytest.mark.req("S18")
    def test_a_lent_vote_needs_the_lenders_roles(self) -> None:
        tally().check_voter(voter(DEE, Role.VIEWER), voter(BOB))
        with pytest.raises(NotAnApprover):
            tally().check_voter(voter(DEE), voter(BOB, Role.VIEWER))

    @pytest.mark.req("S16")
    def test_knows_a_vote_that_is_sent_again(self) -> None:
        open_level = tally(Level(quorum=2)).with_ballot(BOB, YES, "d")
        assert open_level.repeats(BOB, YES, "d")
        assert not any(
            (
                open_level.repeats(BOB, NO, "d"),
                open_level.repeats(BOB, YES, "e"),
                open_level.repeats(BOB, YES, "d", CYD),
                open_level.repeats(CYD, YES, "d"),
            )
        )
        next_level = tally().with_ballot(BOB, YES, "d")
        assert (next_level.holds(BOB, YES, "d"), next_level.repeats(BOB, YES, "d")) == (True, False)
        assert next_level.with_ballot(CYD, YES, "d").repeats(BOB, YES, "d")

    @pytest.mark.req("S22")
    def test_a_vote_is_taken_back_while_its_level_is_open(self) -> None:
        one = tally(Level(quorum=2), Level()).with_ballot(BOB, YES, "d")
        one.check_withdrawal(BOB)
        assert one.without([BOB]).ballots == ()
        with pytest.raises(VoteMissing):
            one.check_withdrawal(CYD)
        two = one.with_ballot(CYD, YES, "d")
        with pytest.raises(LevelComplete):
            two.check_withdrawal(BOB)
        with pytest.raises(ApprovalClosed):
            two.with_ballot(DEE, YES, "d").check_withdrawal(DEE)

    @pytest.mark.req("S15")
    def test_a_vote_needs_its_role_until_the_end(self) -> None:
        given = tally().with_ballot(BOB, YES, "d").with_ballot(DEE, YES, "d", behalf=CYD)
        assert given.ineligible([voter(BOB), voter(CYD)]) == ()
        assert given.ineligible([voter(BOB, Role.VIEWER), voter(CYD)]) == (BOB,)
        assert given.ineligible([voter(BOB)]) == (DEE,)

    @pytest.mark.req("S8")
    def test_a_no_says_why(self) -> None:
        check_reason(YES, "")
        check_reason(NO, "it is broken")
        for short in ("no!", " " * 20):
            with pytest.raises(ReasonTooShort):
                check_reason(NO, short)

    @given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.lists(st.integers(2, 12), max_size=12))
    def test_is_approved_by_as_many_people_as_the_quorums_ask(self, quorums: list[int], people: list[int]) -> None:
        given = tally(*(Level(quorum=quorum) for quorum in quorums))
        for person in people:
            try:
                given.check(UUID(int=person), "d")
            except (AlreadyVoted, ApprovalClosed):
                continue
            given = given.with_ballot(UUID(int=person), YES, "d")
        enough = len(set(people)) >= sum(quorums)
        assert given.standing is (Standing.APPROVED if enough else Standing.PENDING)
        assert len({ballot.voter for ballot in given.ballots}) == len(given.ballots)


class TestPermission:
    """Of those who may do it themselves each has a voice, where a level says so."""

    @pytest.mark.req("CB-44")
    def test_is_a_voice_without_a_role_that_approves(self) -> None:
        level = Level(roles=(), permission=Permission.COMMANDS_OPERATE)
        one = tally(level)
        operator = Voter(BOB, PrincipalKind.HUMAN, frozenset({Role.OPERATOR}), may_approve=False)
        stranger = Voter(CYD, PrincipalKind.HUMAN, frozenset({Role.APPROVER}), may_approve=True)
        one.check_voter(operator)
        with pytest.raises(NotAnApprover):
            one.check_voter(stranger)
        with pytest.raises(SelfApproval):
            one.check(ADA, "d")

    @pytest.mark.req("CB-44")
    def test_is_read_as_it_was_written_and_is_one_that_gives_a_voice(self) -> None:
        policy = default_policy(Environment.PRODUCTION, Kind.COMMAND_REPAIR)
        assert parse_policy(policy.to_json()) == policy
        for wrong in ("features.read", 7, ["commands.operate"]):
            with pytest.raises(Invalid) as refused:
                parse_policy({"levels": [{"permission": wrong}]})
            assert [each.path for each in refused.value.faults] == ["/levels/0/permission"]
