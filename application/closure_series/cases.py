"""Everything that is done with series of closes, over one store."""

from dataclasses import dataclass
from typing import Self

from application.closure_series.asking import Asking
from application.closure_series.beginning import Beginning
from application.closure_series.ending import Ending
from application.closure_series.looking import Looking
from application.closure_series.trying import Trying
from application.closures.cases import ClosureCases
from application.ports.processes import Processes
from application.ports.store import Store


@dataclass(frozen=True)
class SeriesCases:
    """Each is its own."""

    asking: Asking
    beginning: Beginning
    looking: Looking
    ending: Ending
    trying: Trying

    @classmethod
    def over(cls, store: Store, processes: Processes, closures: ClosureCases) -> Self:
        return cls(
            Asking(store, processes),
            Beginning(store, closures.starting),
            Looking(store),
            Ending(store, processes),
            Trying(store, closures.prechecking),
        )
