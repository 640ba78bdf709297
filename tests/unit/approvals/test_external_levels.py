from uuid import UUID, uuid4

import pytest

from domain.approvals import (
    Answer,
    Level,
    NotAnApprover,
    ServiceVoted,
    Standing,
    Tally,
    Voter,
    WrongLevel,
    parse_policy,
)
from domain.errors import Invalid
from domain.people import Actor, PrincipalKind, Role

AUTHOR, TENANT = UUID(int=1), UUID(int=9)
DIGEST = "sha256:" + "0" * 64
OUTSIDE = Level((), (), 1, external="servicenow")


def voter(handle: str, kind: PrincipalKind = PrincipalKind.SERVICE, *roles: Role) -> Voter:
    return Voter.of(Actor(TENANT, uuid4(), handle, kind, frozenset(roles)))


SYSTEM = voter("system:servicenow")
PERSON = voter("bob", PrincipalKind.HUMAN, Role.APPROVER)


def tally(*levels: Level) -> Tally:
    return Tally(DIGEST, (AUTHOR,), levels)


class TestExternalLevel:
    def test_its_system_votes(self) -> None:
        asked = tally(OUTSIDE)
        asked.check_voter(SYSTEM)
        after = asked.with_ballot(SYSTEM.id, Answer.APPROVE, DIGEST)
        assert after.standing is Standing.APPROVED
        assert after.ineligible([SYSTEM]) == ()

    def test_no_person_votes(self) -> None:
        with pytest.raises(NotAnApprover):
            tally(OUTSIDE).check_voter(PERSON)
        with pytest.raises(WrongLevel):
            tally(OUTSIDE, Level()).check_voter(PERSON)

    def test_no_other_system_votes(self) -> None:
        with pytest.raises(ServiceVoted):
            tally(OUTSIDE).check_voter(voter("system:jira"))

    def test_no_other_service_votes_whatever_its_roles(self) -> None:
        for handle in ("servicenow", "robot"):
            with pytest.raises(ServiceVoted):
                tally(OUTSIDE).check_voter(voter(handle, PrincipalKind.SERVICE, Role.APPROVER))

    def test_its_system_votes_nowhere_else(self) -> None:
        for levels in ((Level(),), (Level(), OUTSIDE), ()):
            with pytest.raises(ServiceVoted):
                tally(*levels).check_voter(SYSTEM)

    def test_a_person_with_such_a_name_is_a_person(self) -> None:
        with pytest.raises(NotAnApprover):
            tally(OUTSIDE).check_voter(voter("system:servicenow", PrincipalKind.HUMAN))

    def test_nobody_lends_it_a_vote(self) -> None:
        with pytest.raises(ServiceVoted):
            tally(OUTSIDE).check_voter(SYSTEM, PERSON)


class TestPolicy:
    def test_comes_back_as_it_was_written(self) -> None:
        policy = parse_policy({"levels": [{"roles": ["Approver"]}, {"external": "servicenow"}]})
        assert policy.levels[1] == OUTSIDE
        assert parse_policy(policy.to_json()) == policy

    def test_of_people_says_nothing_of_systems(self) -> None:
        assert "external" not in Level().to_json()

    @pytest.mark.parametrize(
        ("levels", "path"),
        [
            ([{"external": "Service Now"}], "/levels/0/external"),
            ([{"external": 7}], "/levels/0/external"),
            ([{"external": "jira", "roles": ["Approver"]}], "/levels/0"),
            ([{"external": "jira", "quorum": 2}], "/levels/0"),
            ([{"external": "jira"}, {"external": "jira"}], "/levels"),
        ],
    )
    def test_that_asks_for_what_cannot_be_is_refused(self, levels: object, path: str) -> None:
        with pytest.raises(Invalid) as refused:
            parse_policy({"levels": levels})
        assert [fault.path for fault in refused.value.faults] == [path]
