"""The ways a change is refused."""

from domain.errors import Conflict, Forbidden, Invalid


class ChangeNotDraft(Conflict):
    """This change has been submitted; edit it by making a new one."""

    kind = "change-not-draft"


class TargetBusy(Conflict):
    """Another rollout holds this target."""

    kind = "target-busy"


class BaseVersionConflict(Conflict):
    """The target has moved since this change was written; rebase it."""

    kind = "base-version-conflict"


class ApprovalRequired(Conflict):
    """In this environment such a change needs approval; propose it as a change set."""

    kind = "approval-required"


class NotRebasable(Conflict):
    """A value with a time of its own, and what settings mean, is not rebased; write it again over what is there now."""

    kind = "not-rebasable"


class NotSucceeded(Conflict):
    """Only a change that has succeeded can be taken back."""

    kind = "not-succeeded"


class TouchedSince(Conflict):
    """Later changes touched the same keys; look at both sides, and ask for what does not collide if that is enough."""

    kind = "touched-since"


class NothingLeft(Conflict):
    """Nothing is left of this change that could be taken back."""

    kind = "nothing-left"


class DigestTampered(Forbidden):
    """The content is not the content that was approved."""

    kind = "digest-tampered"


class NothingChanges(Invalid):
    """The new content equals the present content."""

    kind = "nothing-changes"
