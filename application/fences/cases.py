"""Everything that may be done about remote modules and their fences, over one store."""

from dataclasses import dataclass
from typing import Self

from application.fences.looking import LookingAtFences
from application.fences.modules import Modules
from application.fences.settling import Heard, Settling
from application.ports.store import Store


@dataclass(frozen=True)
class FenceCases:
    modules: Modules
    settling: Settling
    looking: LookingAtFences

    @classmethod
    def over(cls, store: Store, heard: Heard | None = None) -> Self:
        return cls(Modules(store), Settling(store, heard), LookingAtFences(store))
