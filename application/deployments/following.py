"""Whoever watches a deployment is told of each step and each check once; it is read once for all who watch it here."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from application.convergence import convergence
from application.events.watching import TooManyWatchers
from application.ports.records import Check
from application.ports.store import Store, Transaction
from domain.errors import Missing, Unavailable
from domain.instances import Convergence
from domain.people import Actor, Permission
from domain.rollouts import EXPOSED, Rollout, State, Transition

MOST_WATCHERS: Final = 1000
_AT_ONCE: Final = 500
_KEPT: Final = 2000
_POLL_SECONDS: Final = 1.0

Word = Transition | Check

log = structlog.get_logger()


@dataclass(frozen=True)
class Mark:
    """How many steps and how many checks were told."""

    moves: int = 0
    checks: int = 0

    def behind(self, word: Word) -> bool:
        """Whether this one is still to be told."""
        return word.seq > self.moves if isinstance(word, Transition) else word.number > self.checks

    def past(self, word: Word) -> "Mark":
        if isinstance(word, Transition):
            return replace(self, moves=max(self.moves, word.seq))
        return replace(self, checks=max(self.checks, word.number))


@dataclass
class Followed:
    """One deployment as this process last read it; the words between `floor` and `mark`."""

    rollout: Rollout
    floor: Mark
    mark: Mark
    words: list[Word] = field(default_factory=list)
    convergence: Convergence | None = None
    watchers: int = 0
    growth: asyncio.Event = field(default_factory=asyncio.Event)
    reading: asyncio.Task[None] | None = None

    def grow(self, rollout: Rollout, words: list[Word], converged: Convergence | None) -> None:
        if not words and (rollout, converged) == (self.rollout, self.convergence):
            return
        self.rollout, self.convergence = rollout, converged
        for word in words:
            self.mark = self.mark.past(word)
        self.words += words
        while len(self.words) > _KEPT:
            self.floor = self.floor.past(self.words.pop(0))
        grown, self.growth = self.growth, asyncio.Event()
        grown.set()

    def after(self, mark: Mark) -> list[Word] | None:
        """None where the database has to be asked."""
        if mark.moves < self.floor.moves or mark.checks < self.floor.checks:
            return None
        return [word for word in self.words if mark.behind(word)][:_AT_ONCE]


@dataclass(frozen=True)
class Told:
    """What is new behind `mark`, each with the mark behind it; `ended` when nothing more will come."""

    mark: Mark
    rollout: Rollout
    words: tuple[tuple[Mark, Word], ...] = ()
    convergence: Convergence | None = None
    ended: bool = False


class Following:
    """Raises PermissionMissing, Missing and TooManyWatchers."""

    def __init__(self, store: Store, *, most: int = MOST_WATCHERS, pause: float = _POLL_SECONDS) -> None:
        self._store = store
        self._most = most
        self._pause = pause
        self._followed: dict[tuple[UUID, UUID], Followed] = {}

    @asynccontextmanager
    async def seated(self, actor: Actor, rollout: UUID) -> AsyncIterator[Followed]:
        actor.require(Permission.CHANGE_READ)
        place = (actor.tenant, rollout)
        if place not in self._followed:
            async with self._store.transaction(actor.tenant) as tx:
                present = await _existing(tx, rollout)
            self._followed.setdefault(place, Followed(present, Mark(), Mark()))
        followed = self._followed[place]
        if followed.watchers >= self._most:
            raise TooManyWatchers(retry_after=5)
        followed.watchers += 1
        if followed.reading is None:
            followed.reading = asyncio.create_task(self._read(place, followed))
        try:
            yield followed
        finally:
            followed.watchers -= 1
            if not followed.watchers and self._followed.get(place) is followed:
                del self._followed[place]
                followed.reading.cancel()

    async def next(self, actor: Actor, followed: Followed, last: Told, seconds: float) -> Told:
        """As soon as there is something, or as it is when so many seconds have passed."""
        actor.require(Permission.CHANGE_READ)
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            growth = followed.growth
            told = await self._look(actor, followed, last)
            if told.words or told.ended or told.convergence != last.convergence:
                return told
            try:
                async with asyncio.timeout_at(deadline):
                    await growth.wait()
            except TimeoutError:
                return told

    async def _look(self, actor: Actor, followed: Followed, last: Told) -> Told:
        rollout, converged, mark = followed.rollout, followed.convergence, last.mark
        words = followed.after(mark)
        if words is None:
            async with self._store.transaction(actor.tenant) as tx:
                words = await _words(tx, rollout.id, mark)
        told: list[tuple[Mark, Word]] = []
        for word in words:
            mark = mark.past(word)
            told.append((mark, word))
        ended = rollout.terminal and mark.moves >= rollout.revision and len(words) < _AT_ONCE
        return Told(mark, rollout, tuple(told), converged, ended)

    async def _read(self, place: tuple[UUID, UUID], followed: Followed) -> None:
        while True:
            words: list[Word] = []
            try:
                async with self._store.transaction(place[0]) as tx:
                    rollout = await _existing(tx, place[1])
                    words = await _words(tx, place[1], followed.mark)
                    seen = await convergence(tx, rollout, rollout.stage or 0) if rollout.state in EXPOSED else None
                    followed.grow(rollout, words, seen)
            except (Unavailable, Missing) as refusal:
                log.warning("following.delayed", rollout=str(place[1]), kind=refusal.kind)
            except Exception:  # a defect here must not leave those who watch with nothing but heartbeats
                words = []
                log.exception("following.failed", rollout=str(place[1]))
            if len(words) < _AT_ONCE:
                await asyncio.sleep(self._pause)


async def _words(tx: Transaction, rollout: UUID, mark: Mark) -> list[Word]:
    moves = await tx.deployments.moves(rollout, mark.moves, _AT_ONCE)
    return in_order(moves, await tx.deployments.checks(rollout, mark.checks, _AT_ONCE))


def in_order(moves: Sequence[Transition], checks: Sequence[Check]) -> list[Word]:
    """By time; of the same instant the check is before the step that it caused.

    A check judges counters of some moments ago, for they come late: it is told behind the step that began its stage.
    """
    begun: dict[int | None, datetime] = {}
    for move in moves:
        if move.to_state is State.RUNNING and move.percent > 0:
            begun.setdefault(move.stage, move.at)

    def when(word: Word) -> tuple[datetime, int, int]:
        if isinstance(word, Transition):
            return word.at, 1, word.seq
        since = begun.get(word.stage)
        return (since, 2, word.number) if since and word.judged_at <= since else (word.judged_at, 0, word.number)

    return sorted([*checks, *moves], key=when)


async def _existing(tx: Transaction, rollout: UUID) -> Rollout:
    found = await tx.rollouts.get(rollout)
    if found is None:
        raise Missing(kind_of_thing="rollout", id=str(rollout))
    return found
