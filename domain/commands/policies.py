"""How often a type of command is tried, how long an attempt takes, and who looks at those that nobody can execute."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from domain.canonical import Json
from domain.commands.bounds import Bounds
from domain.events.event import EventType

LONGEST_SECONDS = 60
"""Of one attempt: what takes longer holds up the commands that were leased with it."""
LONGEST_ALONE: Final = 24 * 60 * 60
"""Of one attempt of what has a workflow of its own."""
LEAST_HEARTBEAT: Final = 0.1
LONG_REST: Final = timedelta(minutes=1)
"""Before another attempt: what rests for longer may be promoted."""


@dataclass(frozen=True)
class TypePolicy(Bounds):
    """`backoff` are the seconds before the second attempt, the third and so on; its last one stays. ValueError.

    In the `lane` "chunk" a command is executed with others, in "workflow" by a workflow of its own: there an attempt
    may take a day, and is given up when its handler tells no progress for `heartbeat_seconds`, where that is said.
    `owner` looks at what is parked, and does what `runbook`, an address, says. What `posts` does so in that scope, in
    the books and on the day that the command says. Nobody edits what stands at a pointer that is `locked`; what moves
    `money`, or posts, is decided about by two where the tenant says so. What is over is kept for `kept_days`, or for
    as long as the installation says. After `promotes_after` attempts that failed, and rest for more than a minute, a
    command of the chunk lane has a workflow of its own from then on. What `follows` events, by the names of their
    types, is sent for each of them.
    """

    max_attempts: int = 3
    backoff: tuple[float, ...] = (10, 60, 300)
    timeout_seconds: float = 30
    owner: str | None = None
    runbook: str | None = None
    posts: str | None = None
    lane: Literal["chunk", "workflow"] = "chunk"
    heartbeat_seconds: float | None = None
    locked: tuple[str, ...] = ()
    money: bool = False
    kept_days: int | None = None
    promotes_after: int | None = None
    follows: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError("at least one attempt")
        if not self.backoff or min(self.backoff) < 0:
            raise ValueError("seconds to rest before another attempt")
        if self.lane not in {"chunk", "workflow"}:
            raise ValueError("a lane that there is")
        if self.alone and self.posts is not None:
            raise ValueError("what posts has no workflow of its own: its period could not be shut meanwhile")
        longest = LONGEST_ALONE if self.alone else LONGEST_SECONDS
        if not 0 < self.timeout_seconds <= longest:
            raise ValueError(f"an attempt of at most {longest} seconds")
        if self.heartbeat_seconds is not None:
            self._check_heartbeat(self.heartbeat_seconds)
        if self.promotes_after is not None:
            self._check_promotion(self.promotes_after)
        if self.kept_days is not None and self.kept_days < 1:
            raise ValueError("kept for at least one day")
        if not all(each.startswith("/") for each in self.locked):
            raise ValueError("pointers below the payload, as /account")
        self._check_following()
        self.check_bounds()

    @property
    def alone(self) -> bool:
        """Whether each command has a workflow of its own."""
        return self.lane == "workflow"

    def attempts(self, wanted: int | None) -> int:
        """What a command wants for itself goes before what its type says."""
        return self.max_attempts if wanted is None else wanted

    def rest(self, attempt: int) -> timedelta:
        """After the attempt of this number, which counts from 1."""
        return timedelta(seconds=self.backoff[min(attempt, len(self.backoff)) - 1])

    def promotes(self, attempt: int, rest: timedelta) -> bool:
        """Whether what failed in this attempt, and is tried again after such a rest, goes on alone."""
        return self.promotes_after is not None and attempt >= self.promotes_after and rest > LONG_REST

    def to_json(self) -> dict[str, Json]:
        return {
            "max_attempts": self.max_attempts,
            "backoff_seconds": list(self.backoff),
            "timeout_seconds": self.timeout_seconds,
            "owner": self.owner,
            "runbook": self.runbook,
            "posts": self.posts,
            "lane": self.lane,
            "heartbeat_seconds": self.heartbeat_seconds,
            "locked": list(self.locked),
            "money": self.money,
            **({"follows": list(self.follows)} if self.follows else {}),
            **({} if self.kept_days is None else {"kept_days": self.kept_days}),
            **({} if self.promotes_after is None else {"promotes_after": self.promotes_after}),
            **self.bounds_json(),
        }

    def _check_following(self) -> None:
        if unknown := set(self.follows) - set(EventType):
            raise ValueError(f"no type of events: {', '.join(sorted(unknown))}")
        if self.follows and self.posts is not None:
            raise ValueError("what posts follows no event: that says neither in whose books nor on which day")

    def _check_heartbeat(self, seconds: float) -> None:
        if not self.alone:
            raise ValueError("only what has a workflow of its own tells its progress")
        if not LEAST_HEARTBEAT <= seconds <= self.timeout_seconds:
            raise ValueError(f"a heartbeat every {LEAST_HEARTBEAT:g} seconds or more, within the time of an attempt")

    def _check_promotion(self, after: int) -> None:
        if self.posts is not None or self.alone:
            raise ValueError("only what does not post, and has no workflow of its own yet, is promoted")
        if after < 1:
            raise ValueError("promoted after at least one attempt")
