"""Everything that may be done with commands from outside, over one store."""

from dataclasses import dataclass
from typing import Self

from application.commands.acts import Acts
from application.commands.awaiting import Awaiting
from application.commands.batches import BatchCases
from application.commands.canceling import Canceling
from application.commands.keeping import Keeping
from application.commands.lineage import Lineages
from application.commands.looking import LookingAtCommands
from application.commands.repairing import Repairing
from application.commands.resting import Dependencies
from application.commands.sending import Sending
from application.commands.troubleshooting import Troubleshooting
from application.ports.processes import Processes
from application.ports.store import Store


@dataclass(frozen=True)
class CommandCases:
    sending: Sending
    looking: LookingAtCommands
    troubleshooting: Troubleshooting
    acts: Acts
    batches: BatchCases
    repairing: Repairing
    lineages: Lineages
    awaiting: Awaiting
    canceling: Canceling
    dependencies: Dependencies
    keeping: Keeping

    @classmethod
    def over(cls, store: Store, processes: Processes | None = None) -> Self:
        """Without processes, what asks another person is begun by whoever looks for such decisions."""
        return cls(
            Sending(store),
            LookingAtCommands(store),
            Troubleshooting(store),
            Acts(store, processes),
            BatchCases(store),
            Repairing(store, processes),
            Lineages(store),
            Awaiting(store, processes),
            Canceling(store, Acts(store, processes)),
            Dependencies(store),
            Keeping(store),
        )
