"""Everything that may be done with processes from outside, over one store."""

from dataclasses import dataclass
from typing import Self

from application.ports.store import Store
from application.sagas.acts import SagaActs
from application.sagas.looking import LookingAtSagas
from application.sagas.starting import Starting


@dataclass(frozen=True)
class SagaCases:
    starting: Starting
    looking: LookingAtSagas
    acts: SagaActs

    @classmethod
    def over(cls, store: Store) -> Self:
        return cls(Starting(store), LookingAtSagas(store), SagaActs(store))
