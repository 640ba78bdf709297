"""What a message says of a change is read when it is sent, and kept nowhere."""

import json
import re
from typing import Final
from uuid import UUID

from application.every_subject import subject_of
from application.ports.notify import Section
from application.ports.store import Transaction
from domain.canonical import Json
from domain.changes import ChangeSet, Reach
from domain.settings import shown

MOST_LINES: Final = 12
LONGEST_VALUE: Final = 120

_ABOUT: Final = re.compile(r"/(approvals|changes|rollouts)/([0-9a-f-]{36})")


def about(link: str) -> UUID | None:
    """The change that a message is about: approvals and rollouts have its id."""
    found = _ABOUT.fullmatch(link)
    return UUID(found[2]) if found else None


async def summary(tx: Transaction, change_id: UUID) -> tuple[Section, ...]:
    """What is to change, how far it reaches, how it is judged, and how it is taken back; nothing when it is gone."""
    change = await tx.changes.get(change_id)
    if change is None:
        return ()
    found = await subject_of(change.target.kind).difference(tx, change)
    sections = (
        Section("What changes", _cut([_line(each) for each in found["changes"]])),
        Section("How far it reaches", _reach(change.reach)),
        Section("How it is judged", _gates(change)),
        Section("How it is taken back", (_way_back(change),)),
    )
    return tuple(each for each in sections if each.lines)


def _line(line: Json) -> str:
    """One line of a difference; of a secret its fingerprint, of a long value its beginning and how much follows."""
    path = line["path"] or "everything"
    before, after = (_text(line[side]) if side in line else None for side in ("before", "after"))
    if line["op"] == "added":
        return f"+ {path}: {after}"
    if line["op"] == "removed":
        return f"- {path}" + (f" (was {before})" if before is not None else "")
    return f"~ {path}: {before} -> {after}"


def _text(value: Json) -> str:
    text = json.dumps(shown(value), ensure_ascii=False, sort_keys=True)
    if len(text) <= LONGEST_VALUE:
        return text
    return f"{text[:LONGEST_VALUE]}… ({len(text) - LONGEST_VALUE} more characters)"


def _cut(lines: list[str]) -> tuple[str, ...]:
    if len(lines) <= MOST_LINES:
        return tuple(lines)
    return (*lines[:MOST_LINES], f"… and {len(lines) - MOST_LINES} more lines")


def _reach(reach: Reach | None) -> tuple[str, ...]:
    if reach is None:
        return ()
    where = "the tenant itself and all below it" if reach.tenant_wide else f"{_count(reach.scopes, 'scope')}"
    said = [f"Written at {where}; another value holds at {_count(reach.leaves, 'place')} then."]
    if reach.sensitivities:
        said.append("Sensitivity: " + ", ".join(reach.sensitivities) + (", financial" if reach.financial else ""))
    return tuple(said)


def _gates(change: ChangeSet) -> tuple[str, ...]:
    gates = change.content.gates
    if not gates:
        return ()
    said = []
    if rate := gates.get("error_rate"):
        said.append(
            f"Errors may grow by {rate['increase']:.0%}; worse than {rate['max_tolerable_ratio']:g} times is stopped."
        )
    if latency := gates.get("latency"):
        said.append(f"Latency (p{latency['quantile'] * 100:g}) may be {latency['ratio']:g} times that of the control.")
    return tuple(said)


def _way_back(change: ChangeSet) -> str:
    plan, count = change.content.plan, len(change.content.targets)
    strategy = plan.get("strategy", "canary") if isinstance(plan, dict) else "canary"
    what = "the value" if count == 1 else f"all {count} values, in reverse order,"
    back = f"By writing {what} of before as a new version"
    if strategy == "direct":
        return f"{back}, by whoever reverts it."
    return f"{back}, by itself when a gate fails, or by whoever aborts it."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
