"""What would change, from which version, how it would be rolled out and how it would be judged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from domain.canonical import Json, digest_of
from domain.changes.reach import Reach
from domain.environments import Environment

LONGEST_KEY = 200
"""Characters of a target in a label, which is a search attribute: Temporal takes no value of more than 2 KiB."""


class Kind(StrEnum):
    FLAG = "flag"
    SETTING = "setting"
    SETTING_DEFINITION = "setting-definition"
    SETTING_RULES = "setting-rules"
    POLICY = "policy"
    PERIOD_CLOSE = "period-close"
    PERIOD_REOPEN = "period-reopen"
    FISCAL_CALENDAR = "fiscal-calendar"
    ENTITY_BOOKS = "entity-books"
    COMMAND_REPAIR = "command-repair"


class ChangeStatus(StrEnum):
    """A submitted change goes on as its rollout, which has states of its own."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    WITHDRAWN = "WITHDRAWN"
    SUPERSEDED = "SUPERSEDED"


@dataclass(frozen=True)
class Target:
    """One thing that changes. `base_version` 0 means that it does not exist yet."""

    environment: Environment
    kind: Kind
    key: str
    base_version: int
    content: Json

    @property
    def place(self) -> tuple[Kind, str]:
        return self.kind, self.key

    def to_json(self) -> dict[str, Json]:
        return {
            "environment": self.environment.value,
            "kind": self.kind.value,
            "key": self.key,
            "base_version": self.base_version,
            "content": self.content,
        }


@dataclass(frozen=True)
class Content:
    """What the digest covers: targets in order, strategy, gates and where the metrics come from.

    `tenants` says which of the tenants below receive it, None that it is for the tenant itself.
    """

    targets: tuple[Target, ...]
    plan: Json
    gates: Json
    metrics: Json
    tenants: Json | None = None

    def to_json(self) -> dict[str, Json]:
        chosen = {} if self.tenants is None else {"tenants": self.tenants}
        return {
            "targets": [target.to_json() for target in self.targets],
            "plan": self.plan,
            "gates": self.gates,
            "metrics": self.metrics,
            **chosen,
        }

    def over(self, bases: Mapping[tuple[Kind, str], int]) -> "Content":
        """The same, written over these versions of the targets that are named."""
        return replace(
            self,
            targets=tuple(
                replace(each, base_version=bases.get((each.kind, each.key), each.base_version)) for each in self.targets
            ),
        )

    def same_as(self, other: "Content") -> bool:
        """Byte for byte, whatever it is written over and however much traffic was measured beside it."""
        return _nowhere(self).digest == _nowhere(other).digest

    @cached_property
    def digest(self) -> str:
        return digest_of(self.to_json())


@dataclass(frozen=True)
class ChangeSet:
    """`revision` counts status changes and is what If-Match compares; content and digest never change.

    `reach` is how far it reached when it was submitted; `reverts` is the change that it takes back.
    """

    id: UUID
    tenant: UUID
    author: UUID
    content: Content
    digest: str
    reason: str
    created_at: datetime
    ticket: str | None = None
    contributors: tuple[UUID, ...] = ()
    supersedes: UUID | None = None
    reverts: UUID | None = None
    reach: Reach | None = None
    status: ChangeStatus = ChangeStatus.DRAFT
    revision: int = 1
    authors: tuple[UUID, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "authors", tuple(dict.fromkeys((self.author, *self.contributors))))

    @property
    def target(self) -> Target:
        """The first target, whose environment is that of all."""
        return self.content.targets[0]

    @property
    def salt(self) -> str:
        """What tenants are put in order by: of the target and not of the change, so a retry meets the same ones."""
        return f"{self.target.kind.value}/{self.target.key}"

    @property
    def label(self) -> str:
        """What people call it by: the target, and how many others there are; a long one is cut, and stays its own."""
        others, key = len(self.content.targets) - 1, self.target.key
        if len(key) > LONGEST_KEY:
            key = f"{key[: LONGEST_KEY - 10]}~{digest_of(key)[-8:]}"
        return key + (f" and {others} more" if others else "")

    @property
    def intact(self) -> bool:
        """Whether the stored digest is still the digest of the stored content."""
        return self.content.digest == self.digest

    def about(self, targets: Iterable[Target]) -> "ChangeSet":
        """A part of it, or the same over other versions; the digest stays that of the whole."""
        return replace(self, content=replace(self.content, targets=tuple(targets)))


def _nowhere(content: Content) -> Content:
    gates = content.gates
    if isinstance(gates, dict):
        gates = {name: value for name, value in gates.items() if name != "min_detectable_ratio"}
    return replace(content.over({each.place: 0 for each in content.targets}), gates=gates)
