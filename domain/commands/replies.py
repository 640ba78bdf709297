"""Whoever sends a command says who is told how it ended: a module, a destination of the tenant, or a workflow."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.canonical import Json


class ReplyKind(StrEnum):
    COMMAND = "command"
    WEBHOOK = "webhook"
    WORKFLOW = "workflow"


PARTS: Final = {
    ReplyKind.COMMAND: ("type", "schema_version", "prefix"),
    ReplyKind.WEBHOOK: ("destination",),
    ReplyKind.WORKFLOW: ("workflow", "signal"),
}
EVERY_PART: Final = tuple(name for names in PARTS.values() for name in names)


@dataclass(frozen=True)
class ReplyTo:
    """A command has a `type` in a version, and an id that begins with `prefix`; a webhook has the name of a
    `destination`, which holds the address; a workflow has its id and the name of a `signal`.

    A workflow is told only when its id says that it waits for replies: "reply/<tenant>/...".
    """

    kind: ReplyKind
    type: str | None = None
    schema_version: int | None = None
    prefix: str | None = None
    destination: str | None = None
    workflow: str | None = None
    signal: str | None = None

    @classmethod
    def by_command(cls, type: str, prefix: str, schema_version: int = 1) -> "ReplyTo":  # noqa: A002 -- the command's
        return cls(ReplyKind.COMMAND, type, schema_version, prefix)

    @classmethod
    def by_webhook(cls, destination: str) -> "ReplyTo":
        return cls(ReplyKind.WEBHOOK, destination=destination)

    @classmethod
    def by_signal(cls, workflow: str, signal: str) -> "ReplyTo":
        return cls(ReplyKind.WORKFLOW, workflow=workflow, signal=signal)

    @classmethod
    def of_json(cls, said: Mapping[str, Json]) -> "ReplyTo":
        return cls(**{**said, "kind": ReplyKind(said["kind"])})

    def to_json(self) -> dict[str, Json]:
        """Only what belongs to its kind."""
        return {"kind": self.kind.value, **{name: getattr(self, name) for name in PARTS[self.kind]}}

    @property
    def strange(self) -> list[str]:
        """What is given though it belongs to another kind."""
        own = PARTS[self.kind]
        return [name for name in EVERY_PART if name not in own and getattr(self, name) is not None]

    def waits_in(self, tenant: UUID) -> bool:
        """Whether it is a workflow of this tenant; what is none belongs to no other."""
        return self.workflow is None or self.workflow.startswith(f"reply/{tenant}/")
