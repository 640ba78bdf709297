"""Bundles of settings and flags on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from api.schemas.common import In, Object, Out, Reason
from api.schemas.rollouts import SubmittedOut
from application.ports.imports import Upload
from application.settings.syncing import Drifted
from application.settings.transfer import Imported, Intake
from domain.environments import Environment
from domain.settings import Line, Move, Op, Side

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$", examples=["acme"])]
FromTenant = Annotated[Slug | None, Field(description="The tenant of a bundle that is not from this one.")]


class BundleOut(Out):
    """What is stored, never what is in force; checksum, signature and `exported_at` are outside of the checksum."""

    format: str
    version: str
    tenant: str
    environment: Environment
    exported_at: datetime
    definitions: list[Object]
    values: list[Object]
    flags: list[Object]
    evaluators: Object
    legal_entities: list[Object]
    fiscal_calendars: list[Object]
    entity_books: list[Object]
    posting_scopes: list[Object]
    checksum: str
    signature: Object | None


class Wanted(In):
    """`prune` takes back what the bundle does not have; without `overwrite` what differs stays as it is.

    `sync` remembers the bundle as what the environment was made to agree with.
    """

    environment: Environment
    dry_run: bool = False
    prune: bool = False
    overwrite: bool = True
    sync: bool = False
    from_tenant: FromTenant = None
    reason: Reason


class BundleIn(Wanted):
    bundle: Object

    def intake(self) -> Intake:
        return Intake(
            self.environment, self.bundle, self.reason, self.dry_run, self.prune, self.overwrite, self.from_tenant,
            self.sync,
        )  # fmt: skip


class DefinitionStep(Out):
    key: str
    op: Op


class ValueStep(Out):
    """What the place says before and after, as lines of a bundle in order of time."""

    key: str
    scope: str
    op: Op
    before: list[Object]
    after: list[Object]


class FlagStep(Out):
    """Definitions before and after; `$evaluators` are the rules that flags share."""

    key: str
    op: Op
    before: Object | None
    after: Object | None


class BookStep(Out):
    """An entity, a scope, the rule of a calendar, one of its years, or the books of an entity."""

    kind: Literal["entity", "scope", "calendar", "year", "books"]
    name: str
    op: Op


class HiddenOut(Out):
    """A narrower scope whose own value would count no more, or not as written: `how` is shadowed or clamped."""

    key: str
    scope: str
    how: str
    by: str


class ImportOut(Out):
    """What was done, or would be; what is equal is counted only."""

    outcome: Literal["no_changes", "planned", "applied", "submitted"]
    definitions: list[DefinitionStep]
    values: list[ValueStep]
    flags: list[FlagStep]
    bookkeeping: list[BookStep]
    affected: list[HiddenOut]
    equal: int
    needs_approval: bool
    epoch: int | None
    submitted: SubmittedOut | None

    @classmethod
    def of(cls, imported: Imported) -> Self:
        found, wanted, stored = imported.difference, imported.wanted, imported.stored
        new, old = wanted.flags or {}, stored.flags or {}
        return cls(
            outcome=imported.outcome,
            definitions=[DefinitionStep(key=key, op=op) for key, op in found.definitions.items() if op is not Op.EQUAL],
            values=[
                ValueStep(
                    key=key, scope=scope, op=op, before=_said(stored.timelines.get((key, scope), ())),
                    after=_said(wanted.timelines.get((key, scope), ())),
                )
                for (key, scope), op in found.places.items()
                if op is not Op.EQUAL
            ],
            flags=[
                FlagStep(key=key, op=op, before=old.get(key), after=new.get(key))
                for key, op in found.flags.items()
                if op is not Op.EQUAL
            ],
            bookkeeping=[
                BookStep.model_validate({"kind": kind, "name": name, "op": op})
                for (kind, name), op in found.books.items()
                if op is not Op.EQUAL
            ],
            affected=[
                HiddenOut(key=each.key, scope=each.scope, how=each.how, by=each.by) for each in imported.affected
            ],
            equal=found.equal, needs_approval=imported.needs_approval, epoch=imported.epoch,
            submitted=SubmittedOut.of(imported.submitted) if imported.submitted else None,
        )  # fmt: skip


class UploadOut(Out):
    """`digest` is of the bytes that came."""

    id: UUID
    bytes: int
    digest: str
    expires_at: datetime

    @classmethod
    def of(cls, upload: Upload) -> Self:
        return cls(id=upload.id, bytes=upload.size or 0, digest=upload.digest or "", expires_at=upload.expires_at)


class DriftIn(In):
    """The desired state: a bundle, or the upload of one that is too large for a request."""

    environment: Environment
    bundle: Object | None = None
    upload: UUID | None = None
    from_tenant: FromTenant = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.bundle is None) == (self.upload is None):
            raise ValueError("expected a bundle or an upload, and not both")
        return self


class BaseOut(Out):
    """What was synced last."""

    checksum: str
    synced_at: datetime
    synced_by: UUID
    change: UUID | None


class DriftItem(Out):
    """`side` says who moved since the last sync; null is nothing: no value, no flag, no definition."""

    kind: Literal["definition", "value", "flag"]
    key: str
    scope: str
    side: Side
    move: Move
    base: Any
    desired: Any
    stored: Any


class DriftOut(Out):
    """`base` is null where nothing was synced yet: the comparison begins with nothing then."""

    base: BaseOut | None
    items: list[DriftItem]

    @classmethod
    def of(cls, drifted: Drifted) -> Self:
        told, base = None, drifted.base
        if base is not None:
            told = BaseOut(checksum=base.checksum, synced_at=base.at, synced_by=base.by, change=base.change)
        items = [
            DriftItem.model_validate(
                {
                    "kind": each.thing[0], "key": each.thing[1], "scope": each.thing[2], "side": each.side,
                    "move": each.move, "base": each.base, "desired": each.desired, "stored": each.stored,
                }
            )
            for each in drifted.drifts
        ]  # fmt: skip
        return cls(base=told, items=items)


def _said(lines: tuple[Line, ...]) -> list[Object]:
    return [line.to_json() for line in lines]
