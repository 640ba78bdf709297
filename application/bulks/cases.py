"""Everything that is done with bulk operations, over one store."""

from dataclasses import dataclass
from typing import Self

from application.bulks.asking import Asking
from application.bulks.carrying import Carrying
from application.bulks.looking import Looking
from application.bulks.operating import Operating
from application.ports.processes import Processes
from application.ports.store import Store


@dataclass(frozen=True)
class BulkCases:
    asking: Asking
    carrying: Carrying
    looking: Looking
    operating: Operating

    @classmethod
    def over(cls, store: Store, processes: Processes) -> Self:
        return cls(Asking(store, processes), Carrying(store), Looking(store), Operating(store, processes))
