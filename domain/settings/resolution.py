"""What is in force for a key is what its chain of levels says from broad to narrow, and every level's part can be told.

The answer is never outside the constraint in force, whichever level it comes from. A level whose value cannot be moved
inside has no say, and the next broader one stands; an enforcement of such a value still silences those below it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from domain.canonical import Json
from domain.settings.constraints import Constraint
from domain.settings.definition import Definition
from domain.settings.entries import Entry, EntryState, Level, Standing
from domain.settings.merging import Merge, counts, merge
from domain.settings.values import UNSET, SettingType, Unset, seconds_of

DEFAULT_LABEL: Final = "default"
"""The definition's default, which stands before every level."""


_SET, _UNSET = EntryState.SET, EntryState.UNSET  # a member of an Enum costs more to look up than to compare


class TraceState(StrEnum):
    DEFAULT = "default"
    SET = "set"
    UNSET = "unset"
    NONE = "none"
    SHADOWED = "shadowed"
    ENFORCED = "enforced"
    CLAMPED = "clamped"
    EXPIRED = "expired"
    SCHEDULED = "scheduled"


class TraceLine(NamedTuple):
    """What one level says: `value` as it counts here (the `entry` has it as written), UNSET where it has no say.

    The entry is the one in force, else the next that begins, else the last that ended. A shadowed value is as written.
    """

    label: str
    state: TraceState
    value: Json | Unset
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Resolution:
    """`value` is UNSET unless `found`; `winner` is the narrowest level that it comes from, `seconds` of a duration.

    Until `next_change` the answer stays as it is.
    """

    value: Json | Unset
    found: bool
    seconds: float | None
    winner: str | None
    trace: tuple[TraceLine, ...]
    constraint: Constraint | None
    next_change: datetime | None

    @property
    def won(self) -> TraceLine | None:
        """The line of the winner."""
        return next((line for line in self.trace if line.label == self.winner), None)

    @property
    def enforced_by(self) -> TraceLine | None:
        """The line that silences those after it."""
        heard = (TraceState.ENFORCED, TraceState.CLAMPED)
        return next((line for line in self.trace if line.state in heard and line.entry and line.entry.enforced), None)


def resolve(definition: Definition, levels: Sequence[Level], at: datetime) -> Resolution:
    """The answer at one instant for whoever stands at the last of `levels`, which come from broad to narrow."""
    standings = [level.standing(at) for level in levels]
    heard, constraint, next_change = _in_force(standings)
    said, value = _joined(definition.merge, UNSET, definition.default, constraint)
    winner = None if value is UNSET else DEFAULT_LABEL
    trace = [_default_line(definition.default, said)]
    for place, (level, standing) in enumerate(zip(levels, standings, strict=True)):
        entry = standing.present
        if entry is None or entry.state is _UNSET:
            trace.append(_silent(level.label, standing))
        elif place >= heard:
            trace.append(TraceLine(level.label, TraceState.SHADOWED, entry.value, entry))
        else:
            broad = value
            said, value = _joined(definition.merge, broad, entry.value, constraint)
            if said is not UNSET and counts(definition.merge, broad, said):
                winner = level.label
            trace.append(_spoken(level.label, said, entry))
    return Resolution(
        value=value,
        found=value is not UNSET,
        seconds=seconds_of(value) if definition.type is SettingType.DURATION and isinstance(value, str) else None,
        winner=winner,
        trace=tuple(trace),
        constraint=constraint,
        next_change=next_change,
    )


def _in_force(standings: Sequence[Standing]) -> tuple[int, Constraint | None, datetime | None]:
    """How many levels are heard, what all of them demand, and when what one of them says changes."""
    constraint = next_change = None
    for place, standing in enumerate(standings):
        change = standing.changes_at
        if change is not None and (next_change is None or change < next_change):
            next_change = change
        entry = standing.present
        if entry is None:
            continue
        if entry.constraint is not None:
            constraint = entry.constraint if constraint is None else constraint.narrowed(entry.constraint)
        if entry.enforced and entry.state is _SET:
            return place + 1, constraint, next_change
    return len(standings), constraint, next_change


def _joined(
    strategy: Merge, broad: Json | Unset, narrow: Json | Unset, constraint: Constraint | None
) -> tuple[Json | Unset, Json | Unset]:
    """The narrower value as it counts, and both together; UNSET and the broader one where it has no say."""
    if constraint is None or narrow is UNSET:
        return narrow, broad if narrow is UNSET else merge(strategy, broad, narrow)
    said = constraint.clamped(narrow)
    together = UNSET if said is UNSET else constraint.clamped(merge(strategy, broad, said))
    return (UNSET, broad) if together is UNSET else (said, together)


def _default_line(default: Json | Unset, said: Json | Unset) -> TraceLine:
    if default is UNSET:
        return TraceLine(DEFAULT_LABEL, TraceState.NONE, UNSET, None)
    return TraceLine(DEFAULT_LABEL, TraceState.DEFAULT if said is default else TraceState.CLAMPED, said, None)


def _spoken(label: str, said: Json | Unset, entry: Entry) -> TraceLine:
    if said is not entry.value:
        return TraceLine(label, TraceState.CLAMPED, said, entry)
    return TraceLine(label, TraceState.ENFORCED if entry.enforced else TraceState.SET, said, entry)


def _silent(label: str, standing: Standing) -> TraceLine:
    if standing.present is not None:
        return TraceLine(label, TraceState.UNSET, UNSET, standing.present)
    if standing.coming is not None:
        return TraceLine(label, TraceState.SCHEDULED, UNSET, standing.coming)
    return TraceLine(label, TraceState.NONE if standing.past is None else TraceState.EXPIRED, UNSET, standing.past)
