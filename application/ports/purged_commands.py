"""What remains of the commands of a tenant that were purged, and which may be."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Protocol

from domain.commands import Key
from domain.commands.purging import OldCommand, PurgedCommand, TenantRetention


class PurgedCommands(Protocol):
    """Beside `Commands`, which answers whoever sends one of them again."""

    async def get(self, key: Key) -> PurgedCommand | None:
        """While it is remembered."""
        ...

    async def old(self, sent_before: datetime, after: tuple[datetime, str, str] | None, limit: int) -> list[OldCommand]:
        """In the order in which they were sent, whether they are over or not."""
        ...

    async def purge(self, keys: Collection[Key], known: timedelta) -> list[PurgedCommand]:
        """Those that are gone now: only what was over for a day, and no other record of this product points to."""
        ...

    async def retention(self) -> TenantRetention:
        """What the tenant says for itself."""
        ...

    async def put_retention(self, said: TenantRetention) -> bool:
        """Whether it took the place of the version before it, which may be none."""
        ...

    async def forget(self, limit: int) -> int:
        """How many that need be remembered no longer are not."""
        ...
