"""Contexts that were sampled, and what is to be kept of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.environments import Environment
from domain.flags.sampling import Sample, Sampling


@dataclass(frozen=True)
class StoredSampling:
    """`secret` keys the hashes; it is drawn anew whenever something else is kept, and is shown to nobody."""

    environment: Environment
    version: int
    sampling: Sampling
    secret: bytes
    written_by: UUID
    written_at: datetime
    request: UUID | None = None


@dataclass(frozen=True)
class Sampled:
    """Contexts of one flag set, and when the one was seen that was not seen again for longest."""

    contexts: int
    since: datetime | None


class FlagSamples(Protocol):
    """The one place where anything of a context is kept."""

    async def sampling(self, environment: Environment, *, lock: bool = False) -> StoredSampling | None:
        """None where nobody ever chose any."""
        ...

    async def put_sampling(self, stored: StoredSampling, *, keep: bool) -> None:
        """Over the version before; what was sampled goes, unless it is to be kept as far as there is room for it.

        StaleGeneration when that is not the version that is there.
        """
        ...

    async def add(self, stored: StoredSampling, samples: Sequence[Sample]) -> None:
        """Those whose marks are among the smallest; one that is there was seen again."""
        ...

    async def samples(self, environment: Environment, since: datetime) -> list[Sample]:
        """Seen since then, in the order of their marks."""
        ...

    async def sampled(self, environment: Environment) -> Sampled: ...
    async def forget(self, before: datetime) -> None:
        """What was seen last before that."""
        ...
