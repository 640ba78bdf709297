"""Bundles of settings on the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.schemas.common import In, Object, Out, Reason
from api.schemas.rollouts import SubmittedOut
from application.settings.transfer import Imported, Intake
from domain.environments import Environment
from domain.settings import Op

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$", examples=["acme"])]


class BundleOut(Out):
    """What is stored, never what is in force; `exported_at` is outside of the checksum."""

    format: str
    version: str
    tenant: str
    environment: Environment
    exported_at: datetime
    definitions: list[Object]
    values: list[Object]
    checksum: str


class BundleIn(In):
    """`prune` takes back what the bundle does not have; without `overwrite` what differs stays as it is."""

    environment: Environment
    bundle: Object
    dry_run: bool = False
    prune: bool = False
    overwrite: bool = True
    from_tenant: Annotated[Slug | None, Field(description="The tenant of a bundle that is not from this one.")] = None
    reason: Reason

    def intake(self) -> Intake:
        return Intake(
            self.environment, self.bundle, self.reason, self.dry_run, self.prune, self.overwrite, self.from_tenant
        )


class DefinitionStep(Out):
    key: str
    op: Op


class ValueStep(Out):
    key: str
    scope: str
    op: Op


class ImportOut(Out):
    """What was done, or would be; what is equal is counted only."""

    outcome: Literal["no_changes", "planned", "applied", "submitted"]
    definitions: list[DefinitionStep]
    values: list[ValueStep]
    equal: int
    epoch: int | None
    submitted: SubmittedOut | None

    @classmethod
    def of(cls, imported: Imported) -> "ImportOut":
        difference = imported.difference
        return cls(
            outcome=imported.outcome,
            definitions=[DefinitionStep(key=key, op=op) for key, op in difference.definitions.items()
                         if op is not Op.EQUAL],
            values=[ValueStep(key=key, scope=scope, op=op) for (key, scope), op in difference.places.items()
                    if op is not Op.EQUAL],
            equal=len(difference.having(Op.EQUAL)), epoch=imported.epoch,
            submitted=SubmittedOut.of(imported.submitted) if imported.submitted else None,
        )  # fmt: skip
