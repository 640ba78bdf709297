"""The executions of leases, seen from the core: each is carried out once, however often it is asked for."""

from typing import Protocol
from uuid import UUID


class Chunks(Protocol):
    """Each method raises Unavailable when Temporal does not answer."""

    async def start(self, tenant: UUID, domain: str, lease: UUID) -> None:
        """By whoever serves the domain. Starting again what was started changes nothing."""
        ...

    async def over(self, lease: UUID) -> None:
        """Returns once it has ended, however it did, or was never begun."""
        ...

    async def alive(self, lease: UUID) -> bool:
        """Whether anything carries it on."""
        ...

    async def ping(self) -> None: ...
