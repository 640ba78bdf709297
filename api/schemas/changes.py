"""Change sets and their differences on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from api.schemas.common import Comment, Handle, In, Object, Out, PrincipalId, Reason, TargetKey, TargetOut, Version
from api.schemas.flag_impact import CountedOut
from api.schemas.targets import ChosenIn, FlagTargetIn, TargetIn
from application.proposals import MOST_TARGETS, Proposal
from domain.canonical import Json
from domain.changes import ChangeSet, ChangeStatus, Reach, Target
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.settings import shown


class ChangeIn(In):
    """Of one flag, `key`, `definition` and the `base_version` that was edited (0 for a new flag); otherwise `targets`.

    Targets are written in their order, and taken back in reverse. `plan` {} takes the defaults. `tenants` chooses those
    below that receive it in the place of the tenant itself.
    """

    environment: Environment
    key: TargetKey | None = None
    definition: Object | None = None
    base_version: Version | None = None
    targets: list[TargetIn] | None = Field(default=None, min_length=1, max_length=MOST_TARGETS)
    tenants: ChosenIn | None = None
    reason: Reason
    plan: Object = Field(default_factory=dict)
    gates: Object | None = None
    metrics: Object | None = None
    ticket: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    contributors: list[PrincipalId | Handle] = Field(default_factory=list, max_length=50)

    def proposal(self, new: UUID, contributors: tuple[UUID, ...]) -> Proposal:
        """Invalid unless it is about one flag or about targets."""
        self._check_shape()
        targets = tuple(each.wanted(f"/targets/{place}") for place, each in enumerate(self.targets or ()))
        return Proposal(
            new, self.environment, self.key or "", self.definition, self.base_version or 0, self.plan, self.gates,
            self.metrics, self.reason, self.ticket, contributors, targets=targets,
            tenants=self.tenants.choice() if self.tenants else None,
        )  # fmt: skip

    def _check_shape(self) -> None:
        of_one: dict[str, object] = {"key": self.key, "definition": self.definition}
        if self.tenants is None:
            of_one["base_version"] = self.base_version
        missing = [Fault(f"/{name}", "Field required") for name, given in of_one.items() if given is None]
        if self.targets is None and missing:
            raise Invalid(missing)
        if self.targets is not None and (self.base_version is not None or len(missing) < len(of_one)):
            raise Invalid([Fault("/targets", "either targets, or key, definition and base_version of one flag")])
        if self.tenants is None:
            _check_bases(self.targets or ())


def _check_bases(targets: Sequence[TargetIn]) -> None:
    """A value may go over whichever is there, a flag may not."""
    faults = [
        Fault(f"/targets/{place}/base_version", "Field required")
        for place, each in enumerate(targets)
        if isinstance(each, FlagTargetIn) and each.base_version is None
    ]
    if faults:
        raise Invalid(faults)


class WithdrawIn(In):
    reason: Comment = ""


class OneTargetOut(Out):
    """One thing that the change writes; a change of a flag has one of them."""

    kind: str
    key: str
    base_version: int
    content: Object

    @classmethod
    def of(cls, target: Target) -> "OneTargetOut":
        return cls(
            kind=target.kind.value, key=target.key, base_version=target.base_version, content=shown(target.content)
        )


class ReachOut(Out):
    """`scopes` are written; at `leaves` another value comes into force. `tenant_wide`: at the tenant itself.

    `tenants` receive it, which are `tenant_share` of those below; 0 where only the tenant itself does.
    """

    scopes: int
    leaves: int
    tenant_wide: bool
    sensitivities: list[str]
    financial: bool
    tenants: int
    tenant_share: float

    @classmethod
    def of(cls, reach: Reach) -> "ReachOut":
        return cls(**reach.to_json() | {"tenants": reach.tenants, "tenant_share": reach.tenant_share})


class ChangeOut(Out):
    """`reach` is how far it went when it was submitted, null before; `reverts` the change that it takes back.

    `tenants` chooses those below that receive it, null where the tenant itself does.
    """

    id: UUID
    target: TargetOut
    base_version: int
    definition: Object
    targets: list[OneTargetOut]
    tenants: Object | None
    plan: Object
    gates: Object | None
    metrics: Object | None
    digest: str
    status: ChangeStatus
    revision: int
    author: UUID
    contributors: list[UUID]
    reason: str
    ticket: str | None
    supersedes: UUID | None
    reverts: UUID | None
    reach: ReachOut | None
    created_at: datetime

    @classmethod
    def of(cls, change: ChangeSet) -> "ChangeOut":
        target, content = change.target, change.content
        return cls(
            id=change.id,
            target=TargetOut(environment=target.environment, kind=target.kind.value, key=change.label),
            base_version=target.base_version,
            definition=shown(target.content),
            targets=[OneTargetOut.of(each) for each in content.targets],
            tenants=content.tenants,
            plan=content.plan,
            gates=content.gates,
            metrics=content.metrics,
            digest=change.digest,
            status=change.status,
            revision=change.revision,
            author=change.author,
            contributors=list(change.contributors),
            reason=change.reason,
            ticket=change.ticket,
            supersedes=change.supersedes,
            reverts=change.reverts,
            reach=ReachOut.of(change.reach) if change.reach else None,
            created_at=change.created_at,
        )


class ChangePage(Out):
    items: list[ChangeOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[ChangeSet], str | None]) -> "ChangePage":
        return cls(items=[ChangeOut.of(change) for change in page[0]], next_cursor=page[1])


class DiffOut(Out):
    """`changes` are lines of `op` (added, removed, changed), `path` (JSON Pointer), `before` and `after`.

    `impact`: what a change of flags would do to sampled contexts, null where these say nothing.
    """

    target: TargetOut
    base_version: int
    present_version: int
    moved: bool
    changes: list[dict[str, Any]]
    impact: CountedOut | None

    @classmethod
    def of(cls, diff: Json) -> "DiffOut":
        return cls(
            target=TargetOut(**diff["target"]), base_version=diff["base_version"],
            present_version=diff["present_version"], moved=diff["moved"], changes=diff["changes"],
            impact=CountedOut.told(diff["impact"]),
        )  # fmt: skip
