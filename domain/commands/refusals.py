"""What the command bus says no to."""

from domain.errors import Conflict, Invalid


class CommandConflict(Conflict):
    """A command with this id was sent before, and it says something else."""

    kind = "command-conflict"


class CommandTypeMissing(Invalid):
    """No handler has said that there are commands of this type and version."""

    kind = "command-type-missing"


class WrongCommandState(Conflict):
    """The command does not stand where this can be done."""

    kind = "wrong-command-state"
