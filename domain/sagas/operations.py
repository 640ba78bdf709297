"""What a person decides about a process: each decision is made once, with a reason, about what was seen."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.canonical import digest_of
from domain.commands.operations import LEAST_REASON, MOST_REASON
from domain.errors import Fault
from domain.sagas.starting import SagaKey, name_of
from domain.sagas.states import SagaState


class SagaAct(StrEnum):
    CANCEL = "cancel"
    RETRY = "retry"


@dataclass(frozen=True)
class SagaDecision:
    act: SagaAct
    reason: str

    def digest(self, actor: UUID, key: SagaKey) -> str:
        """The same for the same decision of one person about one process."""
        said = {"act": self.act.value, "reason": self.reason, "actor": str(actor), "process": name_of(key)}
        return digest_of(said)

    def faults(self) -> list[Fault]:
        if LEAST_REASON <= len(self.reason.strip()) <= MOST_REASON:
            return []
        return [Fault("/reason", f"{LEAST_REASON} to {MOST_REASON} characters that say why")]


@dataclass(frozen=True)
class SagaOperation:
    """A decision as it was made; `state` and `version` are those of its process afterwards."""

    id: UUID
    key: SagaKey
    act: SagaAct
    actor: UUID
    reason: str
    digest: str
    state: SagaState
    version: int
    at: datetime
