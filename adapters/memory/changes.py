"""Change sets and the policies that they meet, in memory."""

from dataclasses import replace
from uuid import UUID

from adapters.memory.rows import Rows, as_stored
from application.ports.store import Place
from domain.approvals import ApprovalPolicy, default_policy, parse_policy
from domain.changes import ChangeSet, Content, Kind
from domain.environments import Environment
from domain.errors import Stale


class MemoryChanges:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def add(self, change: ChangeSet) -> bool:
        if change.id in self._rows.changes:
            return False
        self._rows.changes[change.id] = _unshared(change)
        return True

    async def get(self, change: UUID, *, lock: bool = False) -> ChangeSet | None:
        del lock
        found = self._rows.changes.get(change)
        return _unshared(found) if found else None

    async def page(self, before: Place | None, limit: int) -> list[ChangeSet]:
        wanted = [change for change in self._rows.changes.values() if before is None or _place(change) < before]
        return [_unshared(c) for c in sorted(wanted, key=_place, reverse=True)[:limit]]

    async def save_status(self, change: ChangeSet) -> None:
        found = self._rows.changes.get(change.id)
        if found is not None:
            self._rows.changes[change.id] = replace(
                found, status=change.status, revision=change.revision, reach=change.reach or found.reach
            )


class MemoryPolicies:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def get(self, environment: Environment, kind: Kind) -> ApprovalPolicy:
        versions = self._rows.policies.get((environment, kind))
        return versions[-1] if versions else default_policy(environment, kind)

    async def version(self, environment: Environment, kind: Kind) -> int:
        return len(self._rows.policies.get((environment, kind), ()))

    async def at(self, environment: Environment, kind: Kind, version: int) -> ApprovalPolicy:
        versions = self._rows.policies.get((environment, kind), ())
        return versions[version - 1] if 1 <= version <= len(versions) else default_policy(environment, kind)

    async def put(
        self, environment: Environment, kind: Kind, policy: ApprovalPolicy, *, expected: int | None = None
    ) -> int:
        versions = self._rows.policies.get((environment, kind), ())
        if expected is not None and expected != len(versions):
            raise Stale(version=len(versions), expected=expected)
        self._rows.policies[environment, kind] = (*versions, parse_policy(as_stored(policy.to_json())))
        return len(versions) + 1


def _unshared(change: ChangeSet) -> ChangeSet:
    content = change.content
    targets = tuple(replace(target, content=as_stored(target.content)) for target in content.targets)
    rest = (as_stored(part) for part in (content.plan, content.gates, content.metrics, content.tenants))
    return replace(change, content=Content(targets, *rest))


def _place(change: ChangeSet) -> Place:
    return change.created_at, change.id
