"""A step is done by one command, and undone by another where it can be."""

from dataclasses import dataclass, replace
from datetime import datetime

from domain.canonical import Json
from domain.commands import CommandRecord, CommandState, Key
from domain.sagas.states import BACK, FORTH, IN_FLIGHT, StepState

_T = StepState


@dataclass(frozen=True)
class Step:
    """`command` does it, until `due_at` where it has a limit, and gives `result`; `undo` is what undid it last.

    `undos` counts the commands that were sent to undo it; `why` says what went wrong with it last.
    """

    name: str
    undoable: bool = False
    state: StepState = StepState.WAITING
    command: Key | None = None
    due_at: datetime | None = None
    result: Json = None
    undo: Key | None = None
    undos: int = 0
    why: str = ""

    @property
    def awaited(self) -> Key | None:
        """The command that it waits for."""
        if self.state not in IN_FLIGHT:
            return None
        return self.command if self.state in FORTH else self.undo

    @property
    def to_undo(self) -> bool:
        return self.undoable and self.state is _T.COMPLETED

    def sent(self, command: Key, due_at: datetime | None) -> "Step":
        return replace(self, state=_T.SENT, command=command, due_at=due_at)

    def undone_by(self, command: Key) -> "Step":
        return replace(self, state=_T.UNDOING, undo=command, undos=self.undos + 1, why="")

    def unsent(self, why: str) -> "Step":
        """Its command could not even be sent."""
        if self.state is _T.WAITING:
            return replace(self, state=_T.FAILED, why=why)
        return replace(self, state=_T.UNDO_FAILED, undos=self.undos + 1, why=why)

    def again(self) -> "Step":
        """It was not undone, and is to be."""
        return replace(self, state=_T.COMPLETED, why="")

    def seen(self, record: CommandRecord) -> "Step":
        """As the command that it waits for stands now."""
        back = self.state in BACK
        match record.state:
            case CommandState.COMPLETED:
                if back:
                    return replace(self, state=_T.UNDONE, why="")
                return replace(self, state=_T.COMPLETED, result=record.result, why="")
            case CommandState.FAILED | CommandState.CANCELED | CommandState.EXPIRED:
                return self.lost(record.error.code if record.error else record.state.value)
            case CommandState.PARKED:
                kind = record.parked.value if record.parked else ""
                return replace(self, state=_T.UNDO_PARKED if back else _T.PARKED, why=kind)
            case _:
                return replace(self, state=_T.UNDOING if back else _T.SENT, why="")

    def lost(self, why: str) -> "Step":
        """Its command is over and was not executed to its end."""
        return replace(self, state=_T.UNDO_FAILED if self.state in BACK else _T.FAILED, why=why)
