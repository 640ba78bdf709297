"""Everything that may be done with commands from outside, over one store."""

from dataclasses import dataclass
from typing import Self

from application.commands.acts import Acts
from application.commands.batches import BatchCases
from application.commands.looking import LookingAtCommands
from application.commands.sending import Sending
from application.commands.troubleshooting import Troubleshooting
from application.ports.store import Store


@dataclass(frozen=True)
class CommandCases:
    sending: Sending
    looking: LookingAtCommands
    troubleshooting: Troubleshooting
    acts: Acts
    batches: BatchCases

    @classmethod
    def over(cls, store: Store) -> Self:
        return cls(Sending(store), LookingAtCommands(store), Troubleshooting(store), Acts(store), BatchCases(store))
