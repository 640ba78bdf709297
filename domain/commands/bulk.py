"""A decision about many parked commands: frozen when it is made, carried out in stages, and told for each of them."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.canonical import Json, digest_of
from domain.commands.bulk_gate import StageVerdict
from domain.commands.bulk_stages import ALL_AT_ONCE, USUAL, sizes_of, stage_faults
from domain.commands.command import Key
from domain.commands.operations import LEAST_REASON, MOST_REASON, Act
from domain.commands.states import CommandState
from domain.errors import Conflict, Fault

MOST_ITEMS: Final = 100_000
TOGETHER: Final = 500
"""In one transaction."""
LONGEST_SETTLING: Final = timedelta(days=1)


class BulkState(StrEnum):
    """STOPPED by its gate or by nothing going on, and PAUSED by a person, until a person resumes or aborts it."""

    AWAITING_APPROVAL = "awaiting-approval"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    ABORTING = "aborting"
    DONE = "done"
    ABORTED = "aborted"
    REFUSED = "refused"


class ItemOutcome(StrEnum):
    """WAITING was not touched; RETRIED has not come anywhere yet; DONE is over; FAILED was parked again."""

    WAITING = "waiting"
    RETRIED = "retried"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


class BulkAct(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"


class WrongBulkState(Conflict):
    """The bulk operation does not stand where this can be done."""

    kind = "wrong-bulk-state"


class NothingParked(Conflict):
    """Nothing is parked that fits."""

    kind = "nothing-parked"


class TooManyParked(Conflict):
    """More is parked that fits than one operation may hold."""

    kind = "too-many-parked"


_S = BulkState
OVER: Final = frozenset({_S.DONE, _S.ABORTED, _S.REFUSED})
AT_REST: Final = OVER | {_S.STOPPED}
UNSETTLED: Final = "unsettled"


@dataclass(frozen=True)
class Pace:
    """At most `per_second` commands; after a stage at most `settle_seconds`, and at most the share `most_failed`."""

    per_second: int = 100
    settle_seconds: int = 300
    most_failed: float = 0.05

    def to_json(self) -> dict[str, Json]:
        return {**vars(self)}


@dataclass(frozen=True)
class StageEnd:
    """How a stage ended: `stage` counts from 1."""

    stage: int
    retried: int
    failed: int
    verdict: StageVerdict
    at: datetime

    def to_json(self) -> dict[str, Json]:
        return {
            "stage": self.stage,
            "retried": self.retried,
            "failed": self.failed,
            "passed": self.verdict.passed,
            "proved": self.verdict.proved,
            "sentence": self.verdict.sentence,
            "at": self.at.isoformat(),
        }

    @staticmethod
    def from_json(raw: Json) -> "StageEnd":
        verdict = StageVerdict(raw["passed"], raw["proved"], raw["sentence"])
        return StageEnd(raw["stage"], raw["retried"], raw["failed"], verdict, datetime.fromisoformat(raw["at"]))


@dataclass(frozen=True)
class BulkItem:
    """One command of it, as it was when the operation was made: its version then, and the fingerprint of its error.

    `epoch` is the one that it was retried into in that `stage`; `why` says why it was skipped, or the code of the error
    that it ended with, and `same` whether that is the error that it had before.
    """

    place: int
    key: Key
    version: int
    cause: str | None = None
    outcome: ItemOutcome = ItemOutcome.WAITING
    stage: int | None = None
    epoch: int | None = None
    why: str = ""
    same: bool = False
    state: CommandState | None = None
    """Where its command stands, when it is read."""


@dataclass(frozen=True)
class Bulk:
    """`stage` is the next to be carried out, or that which is, counted from 0; `acted` of it are decided already.

    While it `settles_until` then, nothing more is retried. The version counts its states, and not its progress.
    """

    id: UUID
    tenant: UUID
    act: Act
    requester: UUID
    reason: str
    digest: str
    wanted: Json
    asked_at: datetime
    stages: tuple[str, ...] = USUAL
    pace: Pace = field(default_factory=Pace)
    total: int = 0
    state: BulkState = BulkState.RUNNING
    why: str = ""
    stage: int = 0
    acted: int = 0
    settles_until: datetime | None = None
    ended: tuple[StageEnd, ...] = ()
    approval: UUID | None = None
    version: int = 1

    @property
    def workflow_id(self) -> str:
        """An id of an operation is its asker's own: another tenant's may be the same."""
        return f"command-bulk/{self.tenant}/{self.id}"

    @property
    def over(self) -> bool:
        return self.state in OVER

    @property
    def sizes(self) -> tuple[int, ...]:
        return sizes_of(self.stages, self.total)

    @property
    def place(self) -> int:
        """The stage that it is in, or in which it came to rest; the first is 1."""
        between = self.state in AT_REST and not self.acted
        return min(max(self.stage, 1) if between else self.stage + 1, len(self.sizes))

    @property
    def room(self) -> int:
        """How many commands the stage may still reach."""
        return self.sizes[self.stage] - self.acted if self.stage < len(self.sizes) else 0

    @property
    def to_act(self) -> int:
        """How many are to be decided next, in one transaction."""
        if self.state is not _S.RUNNING or self.settles_until is not None:
            return 0
        return min(self.room, TOGETHER, self.pace.per_second)

    @property
    def settling(self) -> bool:
        return self.state in {_S.RUNNING, _S.ABORTING} and self.settles_until is not None

    def moved(self, state: BulkState, why: str = "") -> "Bulk":
        return replace(self, state=state, why=why, version=self.version + (state is not self.state))

    def awaiting(self, approval: UUID) -> "Bulk":
        """Nothing is touched before others have said yes."""
        return replace(self, approval=approval, state=_S.AWAITING_APPROVAL, why="asked")

    def approved(self) -> "Bulk":
        return self.moved(_S.RUNNING, "approved")

    def begun(self, acted: int, at: datetime, *, nothing_left: bool) -> "Bulk":
        """So many more are decided; what was retried settles once the stage is full or nothing is left."""
        after = replace(self, acted=self.acted + acted)
        if after.room and not nothing_left:
            return after
        if self.act is not Act.RETRY or not after.acted:
            return after.moved(_S.DONE)  # nothing is learnt from what is over at once, or was not there any more
        return after.settling_from(at)

    def judged(self, end: StageEnd, *, nothing_left: bool) -> "Bulk":
        """The next stage is due, or it stops before that; nothing is left to be spared after the last one."""
        after = replace(self, ended=(*self.ended, end), stage=self.stage + 1, acted=0, settles_until=None)
        why = "" if end.verdict.passed else end.verdict.sentence
        if nothing_left:
            return after.moved(_S.DONE, why)
        return after if end.verdict.passed else after.moved(_S.STOPPED, why)

    def unsettled(self) -> "Bulk":
        """Its time is up while something of the stage has not come anywhere."""
        return self.moved(_S.STOPPED, UNSETTLED)

    def acted_on(self, act: BulkAct, at: datetime, *, going: bool) -> "Bulk":
        """By a person; `going` while something that it retried has not come anywhere. WrongBulkState."""
        allowed = {
            BulkAct.PAUSE: {_S.RUNNING},
            BulkAct.RESUME: {_S.PAUSED, _S.STOPPED},
            BulkAct.ABORT: {_S.AWAITING_APPROVAL, _S.RUNNING, _S.PAUSED, _S.STOPPED},
        }
        if self.state not in allowed[act]:
            raise WrongBulkState(state=self.state.value, wanted=act.value)
        if act is BulkAct.PAUSE:
            return self.moved(_S.PAUSED, "paused")
        if act is BulkAct.ABORT:
            return self.settling_from(at).moved(_S.ABORTING, "aborted") if going else self.moved(_S.ABORTED, "aborted")
        again = self.settling_from(at) if self.settles_until is not None else self
        return again.moved(_S.RUNNING, "resumed")

    def aborted(self) -> "Bulk":
        """What it retried has come somewhere, or its time is up."""
        return replace(self, settles_until=None).moved(_S.ABORTED, self.why)

    def settling_from(self, at: datetime) -> "Bulk":
        return replace(self, settles_until=at + timedelta(seconds=self.pace.settle_seconds))


@dataclass(frozen=True)
class BulkDecision:
    """What one person decides about many: `wanted` names them, by fields of the queue."""

    act: Act
    reason: str
    wanted: Json
    stages: tuple[str, ...] | None = None
    pace: Pace = field(default_factory=Pace)

    @property
    def steps(self) -> tuple[str, ...]:
        """What is canceled is over at once, and nothing is learnt from it."""
        return self.stages or (USUAL if self.act is Act.RETRY else ALL_AT_ONCE)

    def digest(self, actor: UUID) -> str:
        said = {"act": self.act.value, "reason": self.reason, "wanted": self.wanted, "stages": list(self.steps),
                "pace": self.pace.to_json(), "actor": str(actor)}  # fmt: skip
        return digest_of(said)

    def faults(self) -> list[Fault]:
        wrong = stage_faults(self.steps)
        if not LEAST_REASON <= len(self.reason.strip()) <= MOST_REASON:
            wrong.append(Fault("/reason", f"{LEAST_REASON} to {MOST_REASON} characters that say why"))
        if self.act is not Act.RETRY and self.stages is not None:
            wrong.append(Fault("/stages", "none: only what is retried is retried in stages"))
        if not any(value is not None for value in self.wanted.values()):
            wrong.append(Fault("/filter", "at least one field that says which"))
        return wrong


@dataclass(frozen=True)
class BulkActEntry:
    """What a person did with a bulk operation, and where it stood afterwards."""

    id: UUID
    bulk: UUID
    act: BulkAct
    actor: UUID
    reason: str
    digest: str
    state: BulkState
    version: int
    at: datetime
