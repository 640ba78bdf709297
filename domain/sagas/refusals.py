"""What processes are not started for, and what is not done with them."""

from domain.errors import Conflict, Invalid


class ProcessConflict(Conflict):
    """A process of this type was started under this id before, and it says something else."""

    kind = "process-conflict"


class ProcessTypeMissing(Invalid):
    """No worker has said that there are processes of this type and version."""

    kind = "process-type-missing"


class WrongProcessState(Conflict):
    """The process does not stand where this can be done."""

    kind = "wrong-process-state"
