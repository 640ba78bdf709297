from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from domain.people import Role
from domain.periods import GateKey, Grantee, Operation, PostingException

EVE, BOB = uuid4(), uuid4()
NOON = datetime(2024, 4, 2, 12, tzinfo=UTC)
FIVE = datetime(2024, 4, 2, 17, tzinfo=UTC)
GRANTED = PostingException(
    uuid4(), GateKey("de", UUID(int=3), "AP"), Grantee.PERSON, str(EVE), frozenset({Operation.TRANSACTION}),
    "late invoice", BOB, NOON, NOON, FIVE,
)  # fmt: skip


def holds(granted: PostingException, operation: Operation = Operation.TRANSACTION, person: UUID = EVE,
          roles: frozenset[Role] = frozenset(), at: datetime = NOON) -> bool:  # fmt: skip
    return granted.holds(operation, person, roles, at)


@pytest.mark.req("FP36")
class TestException:
    def test_holds_from_its_beginning_until_just_before_its_end(self) -> None:
        moments = [NOON - timedelta(microseconds=1), NOON, FIVE - timedelta(seconds=1), FIVE, FIVE + timedelta(days=1)]
        assert [holds(GRANTED, at=moment) for moment in moments] == [False, True, True, False, False]

    def test_is_for_whom_it_names(self) -> None:
        assert not holds(GRANTED, person=BOB)
        for_role = replace(GRANTED, grantee=Grantee.ROLE, who=Role.OPERATOR.value)
        assert holds(for_role, person=BOB, roles=frozenset({Role.OPERATOR, Role.VIEWER}))
        assert not holds(for_role, roles=frozenset({Role.VIEWER}))

    def test_a_person_is_not_taken_for_a_role(self) -> None:
        assert not holds(replace(GRANTED, who=Role.OPERATOR.value), roles=frozenset({Role.OPERATOR}))
        assert not holds(replace(GRANTED, grantee=Grantee.ROLE))

    def test_is_for_what_it_names_and_never_for_closing_or_reports(self) -> None:
        assert not holds(GRANTED, Operation.ADJUSTMENT)
        every = replace(GRANTED, operations=frozenset(Operation))
        assert [holds(every, operation) for operation in Operation] == [True, True, False, False]

    def test_ends_when_it_is_revoked_or_used_up(self) -> None:
        assert not holds(replace(GRANTED, revoked_at=NOON, revoked_by=BOB))
        assert [holds(replace(GRANTED, most_entries=2, used=used)) for used in range(3)] == [True, True, False]
