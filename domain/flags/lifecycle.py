"""The state of a flag's life is read from evidence each time somebody asks, and stored nowhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.flags.authoring import plain
from domain.flags.authoring.about import LIFETIME, PERMANENT
from domain.json_value import Json

YOUNG: Final = timedelta(days=7)
SETTLED: Final = timedelta(days=7)
QUIET: Final = timedelta(days=30)
ARCHIVED: Final = "archived"


class Lifecycle(StrEnum):
    NEW = "new"
    ACTIVE = "active"
    LAUNCHED = "launched"
    STALE = "stale"
    ARCHIVED = "archived"


class Cause(StrEnum):
    YOUNG = "young"
    UNCOUNTED = "uncounted"
    UNUSED = "unused"
    OVERDUE = "overdue"
    ONE_VARIANT = "one-variant"
    EVALUATED = "evaluated"
    UNSCANNED = "unscanned"
    SCAN_OLD = "scan-old"
    REFERENCED = "referenced"


@dataclass(frozen=True)
class Finding:
    """`text` says the same to people, with the facts."""

    cause: Cause
    text: str


@dataclass(frozen=True)
class Given:
    """When a variant was given, to the minute; the empty one is the default in the application's own code."""

    variant: str
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class Heard:
    """From when until when evaluations were counted in an environment, of any flag."""

    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class Scan:
    """When the sources of a repository were searched for the flag, and at how many places they name it."""

    repository: str
    scanned_at: datetime
    places: int = 0


@dataclass(frozen=True)
class Evidence:
    """What is known of one flag; `changed_at` is when its present definition was written."""

    definition: Json
    created_at: datetime
    changed_at: datetime
    given: tuple[Given, ...] = ()
    heard: Heard | None = None
    scans: tuple[Scan, ...] = ()

    @property
    def metadata(self) -> Json:
        return plain(self.definition).get("metadata") or {}

    @property
    def last(self) -> Given | None:
        """The variant that was given last."""
        return max(self.given, key=lambda each: (each.last_at, each.variant), default=None)

    @property
    def silence(self) -> timedelta:
        """For how long others were evaluated in the environment and this one was not."""
        if self.heard is None:
            return timedelta()
        since = self.last.last_at if self.last else self.created_at
        return self.heard.last_at - max(since, self.heard.first_at)


@dataclass(frozen=True)
class Standing:
    state: Lifecycle
    reasons: tuple[Finding, ...] = ()


def standing(evidence: Evidence, now: datetime) -> Standing:
    """Where a flag stands, and why. A flag whose metadata says `permanent` is never launched and never stale."""
    if is_archived(evidence.definition):
        return Standing(Lifecycle.ARCHIVED)
    lasting = evidence.metadata.get(PERMANENT) is True
    stale = () if lasting else tuple(_stale(evidence, now))
    if stale:
        return Standing(Lifecycle.STALE, stale)
    if now - evidence.created_at < YOUNG:
        return Standing(Lifecycle.NEW, (Finding(Cause.YOUNG, f"made on {_day(evidence.created_at)}"),))
    launched = None if lasting else _launched(evidence)
    if launched is not None:
        return Standing(Lifecycle.LAUNCHED, (launched,))
    return Standing(Lifecycle.ACTIVE, () if evidence.heard else (_UNCOUNTED,))


def is_archived(definition: Json) -> bool:
    """Such a flag is kept with all its versions, and served to nobody."""
    metadata = definition.get("metadata") if isinstance(definition, dict) else None
    return isinstance(metadata, dict) and metadata.get(ARCHIVED) is True


def archived(definition: Json) -> Json:
    return {**definition, "metadata": {**(definition.get("metadata") or {}), ARCHIVED: True}}


def unarchived(definition: Json) -> Json:
    metadata = {name: each for name, each in definition["metadata"].items() if name != ARCHIVED}
    rest = {name: each for name, each in definition.items() if name != "metadata"}
    return {**rest, "metadata": metadata} if metadata else rest


def against_removal(evidence: Evidence, now: datetime) -> tuple[Finding, ...]:
    """Every reason not to remove the flag; what is not known is one. Empty only where evidence speaks for it."""
    return (*_in_use(evidence), *_in_sources(evidence, now))


def _stale(evidence: Evidence, now: datetime) -> Iterator[Finding]:
    days = evidence.metadata.get(LIFETIME)
    if type(days) in (int, float) and days > 0 and (now - evidence.created_at) / timedelta(days=1) > days:
        yield Finding(Cause.OVERDUE, f"expected to live {days:g} days from {_day(evidence.created_at)} on")
    if evidence.silence >= QUIET:
        told = f"evaluated last on {_day(evidence.last.last_at)}" if evidence.last else "never evaluated"
        yield Finding(Cause.UNUSED, f"{told}, while others here were for {evidence.silence.days} days")
    alone = _alone(evidence)
    if alone is not None and alone.last_at - alone.first_at >= QUIET:
        yield _one_variant(alone)


def _launched(evidence: Evidence) -> Finding | None:
    """One variant by definition and by evidence."""
    definition, alone = plain(evidence.definition), _alone(evidence)
    if alone is None or definition["state"] != "ENABLED" or definition.get("targeting"):
        return None
    since = max(alone.first_at, evidence.changed_at)
    if alone.variant != (definition.get("defaultVariant") or "") or alone.last_at - since < SETTLED:
        return None
    return _one_variant(Given(alone.variant, since, alone.last_at))


def _alone(evidence: Evidence) -> Given | None:
    """The variant that was given last, from when on no other was."""
    last = evidence.last
    if last is None:
        return None
    others = [each.last_at for each in evidence.given if each is not last]
    return Given(last.variant, max([last.first_at, *others]), last.last_at)


def _in_use(evidence: Evidence) -> Iterator[Finding]:
    if evidence.heard is None:
        yield _UNCOUNTED
    elif evidence.silence < QUIET:
        told = f"evaluated last on {_day(evidence.last.last_at)}" if evidence.last else "not evaluated"
        text = f"{told}, {max(evidence.silence, timedelta()).days} of {QUIET.days} days of silence"
        yield Finding(Cause.EVALUATED, text)


def _in_sources(evidence: Evidence, now: datetime) -> Iterator[Finding]:
    searched = [each for each in evidence.scans if each.scanned_at >= evidence.created_at]
    if not searched:
        yield Finding(Cause.UNSCANNED, "no sources were searched for it since it was made")
    for scan in searched:
        if now - scan.scanned_at > QUIET:
            text = f"{scan.repository} was searched last on {_day(scan.scanned_at)}"
            yield Finding(Cause.SCAN_OLD, text)
    for scan in evidence.scans:
        if scan.places:
            yield Finding(
                Cause.REFERENCED, f"{scan.repository} names it at {scan.places} place{'s' if scan.places > 1 else ''}"
            )


def _one_variant(alone: Given) -> Finding:
    named = f"only {alone.variant}" if alone.variant else "only the default in the code"
    return Finding(Cause.ONE_VARIANT, f"{named} was given from {_day(alone.first_at)} to {_day(alone.last_at)}")


def _day(at: datetime) -> str:
    return at.date().isoformat()


_UNCOUNTED: Final = Finding(Cause.UNCOUNTED, "nothing was ever counted in this environment, so nothing is known of use")
