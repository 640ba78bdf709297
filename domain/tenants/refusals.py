"""The ways in which something about a tenant is refused."""

from domain.errors import Conflict, Forbidden, Invalid


class TenantSuspended(Forbidden):
    """This tenant is suspended: its people can read, and change nothing."""

    kind = "tenant-suspended"


class TenantNotBelow(Forbidden):
    """Only who manages a tenant above this one may change it."""

    kind = "tenant-not-below"


class TenantNameTaken(Conflict):
    """A tenant has this id, or had it."""

    kind = "tenant-name-taken"


class LifecycleConflict(Conflict):
    """The tenant's status does not allow this."""

    kind = "tenant-status"


class RecoveryOver(Conflict):
    """This tenant was deleted more than 30 days ago; it does not come back, and its id stays reserved."""

    kind = "recovery-over"


class LockDoesNotFit(Conflict):
    """A tenant below cannot have this: it means something else there, or breaks a rule that holds there."""

    kind = "lock-does-not-fit"


class SubtreeTooLarge(Conflict):
    """More tenants stand below this one than one lock reaches."""

    kind = "subtree-too-large"


class TreeTooDeep(Invalid):
    """No tenant stands deeper than this."""

    kind = "tenant-tree-too-deep"
