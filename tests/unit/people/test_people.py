from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.people import GRANTS, Actor, Permission, PermissionMissing, Role, permissions_of
from domain.people.acts import LIFETIME, Act, AssertionExpired

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def actor(*roles: Role) -> Actor:
    return Actor(UUID(int=1), UUID(int=2), "ada", roles=frozenset(roles))


class TestRoles:
    def test_every_role_is_in_the_table(self) -> None:
        assert set(GRANTS) == set(Role)

    def test_an_admin_neither_approves_nor_breaks_glass(self) -> None:
        assert set(Permission) - GRANTS[Role.ADMIN] == {Permission.CHANGE_APPROVE, Permission.CHANGE_BREAKGLASS}

    def test_nobody_proposes_and_approves_by_one_role(self) -> None:
        both = {Permission.CHANGE_PROPOSE, Permission.CHANGE_APPROVE}
        assert [role for role in Role if both <= GRANTS[role]] == []

    def test_roles_add_up(self) -> None:
        assert permissions_of({Role.APPROVER, Role.AUDITOR}) == GRANTS[Role.APPROVER] | GRANTS[Role.AUDITOR]
        assert permissions_of(()) == frozenset()

    def test_a_missing_permission_is_named(self) -> None:
        actor(Role.APPROVER).require(Permission.CHANGE_APPROVE)
        with pytest.raises(PermissionMissing) as refused:
            actor(Role.VIEWER).require(Permission.CHANGE_APPROVE)
        assert refused.value.facts == {"permission": "change.approve"}


class TestAct:
    def act(self, lasts: timedelta) -> Act:
        return Act(UUID(int=1), UUID(int=2), UUID(int=3), "approve", "x", None, NOW + lasts)

    @pytest.mark.parametrize("lasts", [timedelta(0), -LIFETIME, LIFETIME + timedelta(seconds=1)])
    def test_is_proof_for_minutes_only(self, lasts: timedelta) -> None:
        with pytest.raises(ValueError, match="expires"):
            self.act(lasts).check_issue(NOW)

    def test_ends_when_it_ends(self) -> None:
        act = self.act(LIFETIME)
        act.check_issue(NOW)
        act.check_use(NOW + LIFETIME - timedelta(microseconds=1))
        with pytest.raises(AssertionExpired):
            act.check_use(NOW + LIFETIME)
