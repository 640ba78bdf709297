"""What a change or a draft would do to contexts is known before anybody votes: to sampled ones, or to those given."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from application.flag_impact.collecting import KEPT
from application.going_before import left_to
from application.ports.records import FlagSetRecord
from application.ports.store import Transaction
from domain.canonical import Json
from domain.changes import ChangeSet, Kind, Target
from domain.environments import Environment
from domain.errors import Conflict
from domain.flags import BUCKETING, SHARED_RULES, Bucketing
from domain.flags.impact import Impact, Side, impact
from domain.flags.publishing import published
from domain.flags.redacted import Redaction
from domain.flags.sampling import TARGETING_KEY, tokens
from domain.flags.whole import bucketing_of

LONGEST_SECONDS: Final = 5.0

Contexts = Sequence[Mapping[str, Any]]


class Source(StrEnum):
    SAMPLED = "sampled"
    GIVEN = "given"


class NoContexts(Conflict):
    """Nothing was sampled here, so give contexts, or turn sampling on."""

    kind = "no-contexts"


class ImpactTooCostly(Conflict):
    """To evaluate these flags for these contexts takes too long: give fewer, or rules that take less work."""

    kind = "impact-too-costly"


@dataclass(frozen=True)
class Drawn:
    """Contexts as they were given, or with a `redaction` what was kept of those that were sampled."""

    contexts: Contexts
    redaction: Redaction | None = None


@dataclass(frozen=True)
class Weighed:
    """What was found, and from which contexts, which only some may be shown."""

    impact: Impact
    drawn: Drawn

    @property
    def source(self) -> Source:
        return Source.GIVEN if self.drawn.redaction is None else Source.SAMPLED

    @property
    def hashed(self) -> bool:
        """Another subject stands for each: shares are right, and who is in them is not told."""
        redaction = self.drawn.redaction
        return redaction is not None and TARGETING_KEY in redaction.hashed

    def told(self) -> Json:
        """Numbers, and nothing of any context."""
        return {"source": self.source.value, "hashed": self.hashed, **counted(self.impact)}


async def weighed(tx: Transaction, change: ChangeSet) -> Json:
    """What sampled contexts say of a change, in numbers; None where it is not about flags, or they say nothing."""
    if not flags_of(change):
        return None
    try:
        return (await changed(tx, change, None)).told()
    except (NoContexts, ImpactTooCostly):
        return None


def counted(of: Impact) -> Json:
    return {
        "contexts": of.contexts,
        "changed": of.changed,
        "unchanged": of.unchanged,
        "unknown": of.unknown,
        "between": list(of.between) if of.between else None,
        "touched": of.touched,
        "flags": [
            {
                "key": flag.key, "changed": flag.changed, "unchanged": flag.unchanged, "unknown": flag.unknown,
                "values": flag.values, "variants": flag.variants,
                "moves": [
                    {"before": move.before._asdict(), "after": move.after._asdict(), "times": move.times}
                    for move in flag.moves
                ],
            }
            for flag in of.flags
        ],
        "segments": [dict(vars(segment)) for segment in of.segments],
    }  # fmt: skip


def flags_of(change: ChangeSet) -> list[Target]:
    """What other tenants receive is seen by their contexts, and not by those of this one."""
    if change.content.tenants is not None:
        return []
    return [target for target in change.content.targets if target.kind is Kind.FLAG]


async def changed(tx: Transaction, change: ChangeSet, given: Contexts | None) -> Weighed:
    environment = change.target.environment
    asked, left = await drawn(tx, environment, given), await left_to(tx, change.content)
    before = after = await tx.flags.flag_set(environment)
    for target in flags_of(change):
        base = left.get(target.place) or await tx.flags.version(environment, target.key, target.base_version)
        before, after = with_flag(before, target.key, base), with_flag(after, target.key, target.content)
    return await seen(tx, asked, before, after)


async def drawn(tx: Transaction, environment: Environment, given: Contexts | None) -> Drawn:
    """Those that are given, or that were sampled; NoContexts where none were."""
    if given is not None:
        return Drawn(given)
    stored = await tx.flag_samples.sampling(environment)
    samples = await tx.flag_samples.samples(environment, tx.now - KEPT) if stored else []
    if stored is None or not samples:
        raise NoContexts(environment=environment.value)
    redaction = Redaction(stored.sampling.plain, stored.sampling.hashed, tokens(stored.secret))
    return Drawn([each.context for each in samples], redaction)


def with_flag(stored: FlagSetRecord, key: str, definition: Json) -> FlagSetRecord:
    """The same set with this definition, or without the flag; one that is archived is not published."""
    if key == SHARED_RULES:
        return replace(stored, evaluators=definition or {})
    if key == BUCKETING:
        return replace(stored, bucketing=bucketing_of(definition).value)
    flags = {name: flag for name, flag in stored.flags.items() if name != key}
    if definition is not None:
        flags[key] = definition
    return replace(stored, flags=flags)


async def seen(tx: Transaction, asked: Drawn, before: FlagSetRecord, after: FlagSetRecord) -> Weighed:
    """In a thread: many contexts of many flags take a while."""
    at, until = tx.now.timestamp(), time.monotonic() + LONGEST_SECONDS

    def look() -> None:
        if time.monotonic() > until:
            raise ImpactTooCostly

    def weigh() -> Impact:
        sides = _side(before), _side(after)
        return impact(*sides, asked.contexts, at=at, redaction=asked.redaction, look=look)

    return Weighed(await asyncio.to_thread(weigh), asked)


def _side(stored: FlagSetRecord) -> Side:
    bucketing = Bucketing(stored.bucketing)
    return Side(*published(stored.flags, stored.evaluators, bucketing), bucketing)
