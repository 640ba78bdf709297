"""How flags are used, and what names them, on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, field_validator

from api.schemas.common import In, Key, Out, Reason
from api.schemas.flags import FlagOut
from application.flag_usage.looking import Living, Used
from application.flag_usage.reporting import Report
from application.ports.flag_usage import StoredScan
from domain.environments import Environment
from domain.flags.lifecycle import Finding, Lifecycle, Standing
from domain.flags.references import Reference

MOST_REFERENCES = 10_000
MOST_LINES = 1_000


class ReferenceIn(In):
    """A file that names a flag, and the lines where it does; never what stands there."""

    key: Key
    path: Annotated[str, Field(min_length=1, max_length=1000, examples=["src/checkout.py"])]
    lines: Annotated[
        list[Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]], Field(min_length=1, max_length=MOST_LINES)
    ]


class ReportIn(In):
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$", examples=["3f2a91c"])] | None = None
    references: Annotated[list[ReferenceIn], Field(max_length=MOST_REFERENCES)]

    @field_validator("references")
    @classmethod
    def distinct(cls, references: list[ReferenceIn]) -> list[ReferenceIn]:
        if len({(each.key, each.path) for each in references}) < len(references):
            raise ValueError("expected one reference for each key and path")
        return references

    def of(self, environment: Environment, repository: str) -> Report:
        found = [Reference(each.key, each.path, tuple(sorted({*each.lines}))) for each in self.references]
        return Report(environment, repository, self.revision, found)


class ScanOut(Out):
    """Sources that were searched for every key of an environment."""

    environment: Environment
    repository: str
    revision: str | None
    scanned_at: datetime
    scanned_by: UUID

    @classmethod
    def of(cls, scan: StoredScan) -> "ScanOut":
        return cls(
            environment=scan.environment, repository=scan.repository, revision=scan.revision,
            scanned_at=scan.scanned_at, scanned_by=scan.scanned_by,
        )  # fmt: skip


class ReferenceOut(Out):
    repository: str
    path: str
    lines: list[int]


class ReferencePage(Out):
    items: list[ReferenceOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[tuple[str, Reference]], str | None]) -> "ReferencePage":
        items = [ReferenceOut(repository=name, path=each.path, lines=list(each.lines)) for name, each in page[0]]
        return cls(items=items, next_cursor=page[1])


class FindingOut(Out):
    """`text` says the same as `cause`, with the facts."""

    cause: str
    text: str

    @classmethod
    def of(cls, finding: Finding) -> "FindingOut":
        return cls(cause=finding.cause.value, text=finding.text)


class LifecycleOut(Out):
    state: Lifecycle
    reasons: list[FindingOut]

    @classmethod
    def of(cls, standing: Standing) -> "LifecycleOut":
        return cls(state=standing.state, reasons=[FindingOut.of(each) for each in standing.reasons])


class LivingOut(FlagOut):
    lifecycle: LifecycleOut

    @classmethod
    def of_living(cls, living: Living) -> "LivingOut":
        return cls(**FlagOut.of(living.flag).model_dump(), lifecycle=LifecycleOut.of(living.standing))


class LivingPage(Out):
    items: list[LivingOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Living], str | None]) -> "LivingPage":
        return cls(items=[LivingOut.of_living(each) for each in page[0]], next_cursor=page[1])


class ArchiveIn(In):
    """`confirm` archives it although evidence does not say that it is out of use."""

    reason: Annotated[Reason, Field(min_length=10)]
    confirm: bool = False


class TimesOut(Out):
    """`variant` is empty where the default in the application's own code held."""

    variant: str
    reason: str
    times: int


class GivenOut(Out):
    variant: str
    first_at: datetime
    last_at: datetime


class SearchedOut(Out):
    """Sources that were searched, and at how many lines they name the flag."""

    repository: str
    revision: str | None
    scanned_at: datetime
    places: int


class UsageOut(Out):
    """`times` since that instant, `given` from the beginning; what is not known speaks `against_removal`, too."""

    environment: Environment
    key: str
    since: datetime
    times: list[TimesOut]
    given: list[GivenOut]
    scans: list[SearchedOut]
    lifecycle: LifecycleOut
    against_removal: list[FindingOut]

    @classmethod
    def of(cls, used: Used) -> "UsageOut":
        return cls(
            environment=used.flag.environment, key=used.flag.key, since=used.since,
            times=[TimesOut(variant=each.variant, reason=each.reason, times=each.times) for each in used.times],
            given=[GivenOut(variant=e.variant, first_at=e.first_at, last_at=e.last_at) for e in used.given],
            scans=[
                SearchedOut(repository=s.repository, revision=s.revision, scanned_at=s.scanned_at, places=places)
                for s, places in used.scans
            ],
            lifecycle=LifecycleOut.of(used.standing),
            against_removal=[FindingOut.of(each) for each in used.against_removal],
        )  # fmt: skip
