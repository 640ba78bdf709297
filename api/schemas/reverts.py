"""Taking a change back, on the wire."""

from uuid import UUID

from api.schemas.changes import ReachOut
from api.schemas.common import In, Object, Out, Reason
from api.schemas.rollouts import SubmittedOut
from application.reverting import Reverted, RevertWish


class RevertIn(In):
    """`merge` takes back what does not collide with later changes; `dry_run` only tells."""

    reason: Reason
    merge: bool = False
    dry_run: bool = False

    def wish(self) -> RevertWish:
        return RevertWish(self.reason, self.merge, self.dry_run)


class RevertedKeyOut(Out):
    """`lines` have `path`, `base` (before the change), `theirs` (now), `ours` (taken back) and whether they collide.

    Where it collides it stays as it is now. Of a secret there is only that it changed.
    """

    key: str
    touched: bool
    lines: list[Object]


class RevertOut(Out):
    """`submitted` is the change that waits for approval; `written` is true where none was needed."""

    reverts: UUID
    keys: list[RevertedKeyOut]
    written: bool
    submitted: SubmittedOut | None
    reach: ReachOut | None
    levels: int

    @classmethod
    def of(cls, done: Reverted) -> "RevertOut":
        return cls(
            reverts=done.change,
            keys=[RevertedKeyOut(**each.to_json()) for each in done.reversals],
            written=done.written,
            submitted=SubmittedOut.of(done.submitted) if done.submitted else None,
            reach=ReachOut.of(done.reach) if done.reach else None,
            levels=done.levels,
        )
