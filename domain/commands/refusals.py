"""What the command bus says no to."""

from domain.errors import Conflict, Invalid


class CommandConflict(Conflict):
    """A command with this id was sent before, and it says something else."""

    kind = "command-conflict"


class UniqueKeyTaken(Conflict):
    """Another command that is not over has this unique key."""

    kind = "unique-key-taken"


class CommandTypeMissing(Invalid):
    """No handler has said that there are commands of this type and version."""

    kind = "command-type-missing"


class CancelAsked(Conflict):
    """Somebody has asked already that this command be canceled."""

    kind = "cancel-asked"


class WillNotRun(Conflict):
    """The command cannot be executed any more, so there is no result to wait for."""

    kind = "command-will-not-run"


class WrongCommandState(Conflict):
    """The command does not stand where this can be done."""

    kind = "wrong-command-state"
