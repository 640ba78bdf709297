"""Before a window ends, whoever may still post into it is told."""

from datetime import datetime

from application.ports.store import Store
from application.reopenings.stand import ReopenStep, locked
from application.reopenings.telling import tell_window
from domain.closures import ReopeningState


class Reminding:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def remind(self, step: ReopenStep, at: datetime) -> None:
        """Once for each moment; one that was shut meanwhile has told so itself."""
        async with self._store.transaction(step.tenant) as tx:
            reopening = await locked(tx, step.reopening)
            if reopening.state is ReopeningState.OPEN:
                await tell_window(tx, reopening, at.isoformat(timespec="minutes"))
