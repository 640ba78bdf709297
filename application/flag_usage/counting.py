"""Evaluations are counted in memory and written down together, so that nobody who asks waits for it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from application.ports.flag_usage import Counted
from application.ports.store import Store
from domain.environments import Environment
from domain.errors import Missing, Unavailable
from domain.flags import ErrorCode, Evaluation

KEPT: Final = timedelta(days=90)
"""For how long counts by the hour are kept."""
_PAUSE_SECONDS: Final = 5.0
_MOST_KEPT: Final = 200_000
_FORGET: Final = timedelta(hours=1)

Place = tuple[UUID, Environment]
Outcome = tuple[str, str, str]
"""The key, the variant, which is empty where the code's own default holds, and the reason."""

log = structlog.get_logger()


class _Count:
    __slots__ = ("evaluation", "times")

    def __init__(self, evaluation: Evaluation, times: int) -> None:
        self.evaluation = evaluation
        self.times = times


class Tally:
    """What is evaluated at one place; used on the one thread of the event loop.

    Outcomes that flags share among contexts are told apart by their identity, which costs less than their hash.
    """

    __slots__ = ("_answered", "_counts", "_failed", "_kept", "_repeated")

    def __init__(self) -> None:
        self._counts: dict[int, _Count] = {}
        self._failed: Counter[str] = Counter()
        self._answered: dict[str, Sequence[Evaluation]] = {}
        self._repeated: Counter[str] = Counter()
        self._kept = 0

    def add(self, evaluation: Evaluation, times: int = 1) -> None:
        count = self._counts.get(id(evaluation))
        if count is not None:  # it holds its evaluation, so that no other has the same id
            count.times += times
        elif evaluation.error_code is None:
            self._counts[id(evaluation)] = _Count(evaluation, times)
        elif evaluation.error_code is not ErrorCode.FLAG_NOT_FOUND:
            self._failed[evaluation.key] += times

    def add_all(self, evaluations: Sequence[Evaluation], tag: str | None = None) -> None:
        """`tag` names the answer, which may be asked for `again`."""
        if tag is not None:
            self._keep(evaluations, tag)
        counts = self._counts
        for evaluation in evaluations:
            count = counts.get(id(evaluation))
            if count is None:
                self.add(evaluation)
            else:  # as `add` does, without a call for each flag
                count.times += 1

    def again(self, tag: str) -> bool:
        """Counts what was answered under the tag once more; False where that is not known any more."""
        if tag not in self._answered:
            return False
        self._repeated[tag] += 1
        return True

    def taken(self) -> Counter[Outcome]:
        """What was counted since it was taken last."""
        self._unfold()
        found: Counter[Outcome] = Counter()
        for count in self._counts.values():
            evaluation = count.evaluation
            found[evaluation.key, evaluation.variant or "", evaluation.reason.value] += count.times
        for key, times in self._failed.items():
            found[key, "", "ERROR"] += times
        self._counts, self._failed = {}, Counter()
        return found

    def _keep(self, evaluations: Sequence[Evaluation], tag: str) -> None:
        if self._kept + len(evaluations) > _MOST_KEPT:
            self._unfold()
            self._answered.clear()
            self._kept = 0
        self._kept += len(evaluations)
        self._answered[tag] = evaluations

    def _unfold(self) -> None:
        for tag, times in self._repeated.items():
            for evaluation in self._answered[tag]:
                self.add(evaluation, times)
        self._repeated.clear()


class Tallies:
    """What this process evaluated, by place, until somebody takes it."""

    def __init__(self) -> None:
        self._tallies: dict[Place, Tally] = {}
        self._untaken: dict[Place, Counter[Outcome]] = {}
        self._reasons: Counter[str] = Counter()

    def of(self, tenant: UUID, environment: Environment) -> Tally:
        """The same one as long as the process lives."""
        return self._tallies.setdefault((tenant, environment), Tally())

    def by_reason(self) -> Counter[str]:
        """Of all places since the process began."""
        self._collect()
        return self._reasons

    def take(self) -> dict[Place, Counter[Outcome]]:
        self._collect()
        taken, self._untaken = self._untaken, {}
        return taken

    def put_back(self, place: Place, outcomes: Counter[Outcome]) -> None:
        self._untaken.setdefault(place, Counter()).update(outcomes)

    def _collect(self) -> None:
        for place, tally in self._tallies.items():
            if taken := tally.taken():
                self.put_back(place, taken)
                for (_, _, reason), times in taken.items():
                    self._reasons[reason] += times


class UsageCounts:
    """Writes down what was counted; it is lost only with the process, and then what is of a few seconds."""

    def __init__(self, store: Store, tallies: Tallies) -> None:
        self._store = store
        self._tallies = tallies
        self._forgotten: dict[UUID, datetime] = {}
        self._writing = asyncio.Lock()

    async def follow(self) -> None:
        """Runs as long as the process; an outage of the database only delays it."""
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            # What has begun ends, also when this is cancelled: nothing is written twice, and nothing forgotten.
            await asyncio.shield(asyncio.ensure_future(self.settle()))

    async def settle(self) -> None:
        """Everything that was counted so far is written down, or kept for the next time."""
        try:
            await self.flush()
        except Unavailable as refusal:
            log.warning("flag_usage.delayed", kind=refusal.kind)

    async def flush(self) -> None:
        """Unavailable leaves what is not written yet for the next time."""
        async with self._writing:
            places: dict[UUID, dict[Environment, Counter[Outcome]]] = {}
            for (tenant, environment), outcomes in self._tallies.take().items():
                places.setdefault(tenant, {})[environment] = outcomes
            refused: Unavailable | None = None
            for tenant, counted in places.items():
                try:
                    await self._write(tenant, counted)
                except Missing:
                    log.warning("flag_usage.of_nobody", tenant=str(tenant))
                except Unavailable as refusal:
                    refused = refusal
                    for environment, outcomes in counted.items():
                        self._tallies.put_back((tenant, environment), outcomes)
                except Exception:  # a defect here must silence nothing else that follows
                    log.exception("flag_usage.failed", tenant=str(tenant))
            if refused is not None:
                raise refused

    async def _write(self, tenant: UUID, places: dict[Environment, Counter[Outcome]]) -> None:
        async with self._store.transaction(tenant) as tx:
            counted = [
                Counted(environment, *outcome, tx.now, times)
                for environment, outcomes in places.items()
                for outcome, times in outcomes.items()
            ]
            await tx.flag_usage.add(counted)
            if tx.now - self._forgotten.get(tenant, tx.now - KEPT) >= _FORGET:
                await tx.flag_usage.forget(tx.now - KEPT)
                self._forgotten[tenant] = tx.now
