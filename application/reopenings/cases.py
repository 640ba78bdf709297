"""Everything that is done with reopenings, over one store."""

from dataclasses import dataclass
from typing import Self

from application.closures.starting import Starting
from application.ports.processes import Processes
from application.ports.store import Store
from application.reopenings.asking import Asking
from application.reopenings.looking import Looking
from application.reopenings.opening import Opening
from application.reopenings.recertifying import Recertifying
from application.reopenings.reminding import Reminding
from application.reopenings.shutting import Shutting


@dataclass(frozen=True)
class ReopeningCases:
    """Each is its own."""

    asking: Asking
    opening: Opening
    shutting: Shutting
    recertifying: Recertifying
    reminding: Reminding
    looking: Looking

    @classmethod
    def over(cls, store: Store, processes: Processes, starting: Starting) -> Self:
        return cls(
            Asking(store, processes),
            Opening(store),
            Shutting(store, processes),
            Recertifying(store, starting),
            Reminding(store),
            Looking(store),
        )
