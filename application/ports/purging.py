"""Where commands are old, and sampled contexts."""

from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from application.ports.store import Store


class OldCommands(Store, Protocol):
    """What is asked before a tenant is known."""

    async def tenants_of_old_commands(self, age: timedelta) -> list[UUID]:
        """Those with commands that were sent so long ago, or with purged ones that need be remembered no longer."""
        ...


class OldSamples(Store, Protocol):
    """What is asked before a tenant is known."""

    async def tenants_of_old_samples(self, before: datetime) -> list[UUID]:
        """Those with contexts that were seen last before that."""
        ...
