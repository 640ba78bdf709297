"""For how long a tenant keeps its commands, on the wire."""

from typing import Annotated

from pydantic import Field

from api.schemas.common import In, Out
from api.schemas.parked_commands import Why
from domain.commands.purging import LONGEST_DAYS, TenantRetention

Days = Annotated[int, Field(strict=True, ge=1, le=LONGEST_DAYS)]


class RetentionIn(In):
    """In days; null leaves it to the installation.

    `held_days`, for what belongs to a change or moves money, can only be longer than there.
    """

    kept_days: Days | None = None
    held_days: Days | None = None
    known_days: Days | None = None
    reason: Why

    def wanted(self, version: int) -> TenantRetention:
        return TenantRetention(self.kept_days, self.held_days, self.known_days, version)


class RetentionOut(Out):
    """What the tenant says; null is as the installation says."""

    kept_days: int | None
    held_days: int | None
    known_days: int | None
    version: int

    @classmethod
    def of(cls, said: TenantRetention) -> "RetentionOut":
        return cls(**vars(said))
