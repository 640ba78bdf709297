"""What a module in another database, or who operates it, is refused."""

from domain.errors import Conflict, Forbidden, Missing


class EpochUnknown(Conflict):
    """This gate never had this epoch."""

    kind = "epoch-unknown"


class FenceSettled(Conflict):
    """Nobody waits for this fence any more."""

    kind = "fence-settled"


class RemoteModuleMissing(Missing):
    """No such module is in service for these books."""

    kind = "remote-module-missing"


class NotItsSpeaker(Forbidden):
    """Only the account that speaks for this module may say this."""

    kind = "not-its-speaker"
