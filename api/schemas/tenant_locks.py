"""What a tenant says of settings for all below it, on the wire."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field, model_validator

from api.schemas.common import In, Object, Out, Reason
from application.ports.tenants import StoredLock
from application.tenancy import Locked
from domain.canonical import Json
from domain.environments import Environment

MOST_SHOWN = 1_000


class LockIn(In):
    """A value, a constraint, or both; `enforced` keeps every tenant below from saying otherwise."""

    value: Any = None
    enforced: bool = False
    constraint: Object | None = Field(None, examples=[{"maximum": 100}])
    reason: Reason
    dry_run: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> "LockIn":
        if "value" not in self.model_fields_set and self.constraint is None:
            raise ValueError("expected a value, a constraint, or both")
        return self

    def says(self) -> Json:
        said: dict[str, Json] = {"enforced": self.enforced}
        if "value" in self.model_fields_set:
            said["value"] = self.value
        if self.constraint is not None:
            said["constraint"] = self.constraint
        return said


class LockOut(Out):
    """`lock` is null where it was let go, and has `value` and `constraint` where there are any."""

    environment: Environment
    key: str
    version: int
    lock: Object | None
    written_by: UUID | None
    written_at: datetime
    reason: str

    @classmethod
    def of(cls, stored: StoredLock) -> "LockOut":
        return cls(**_told(stored))


class HiddenOut(Out):
    """A scope of a tenant below whose own value counts no more (`shadowed`), or not as written (`clamped`)."""

    tenant: str
    scope: str
    how: str


class LockedOut(LockOut):
    """`tenants`: how many stand below; `affected` has at most 1,000 of the values that it hides."""

    tenants: int
    affected: list[HiddenOut]
    affected_count: int

    @classmethod
    def of_locked(cls, locked: Locked) -> "LockedOut":
        shown = [HiddenOut(tenant=each.tenant, scope=each.scope, how=each.how) for each in locked.hidden[:MOST_SHOWN]]
        return cls(
            **_told(locked.lock), tenants=locked.tenants, affected=shown, affected_count=len(locked.hidden)
        )  # fmt: skip


class LockPage(Out):
    items: list[LockOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[StoredLock], str | None]) -> "LockPage":
        return cls(items=[LockOut.of(each) for each in page[0]], next_cursor=page[1])


def _told(stored: StoredLock) -> dict[str, Any]:
    return {
        "environment": stored.environment,
        "key": stored.key,
        "version": stored.version,
        "lock": stored.lock,
        "written_by": stored.written_by,
        "written_at": stored.written_at,
        "reason": stored.reason,
    }
