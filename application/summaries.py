"""What a message says of a change is read when it is sent, and kept nowhere."""

import json
import re
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from application.briefing import Brief, briefed
from application.ports.notify import Section
from application.ports.store import Transaction
from domain.canonical import Json
from domain.flags.impact_words import sentences
from domain.settings import shown

MOST_LINES: Final = 12
LONGEST_VALUE: Final = 120

_ABOUT: Final = re.compile(r"/(approvals|changes|rollouts)/([0-9a-f-]{36})")


_REVIEW: Final = re.compile(r"/reviews/([0-9a-f-]{36})")


def reviewed(link: str) -> UUID | None:
    """The review that a message is about."""
    found = _REVIEW.fullmatch(link)
    return UUID(found[1]) if found else None


def about(link: str) -> UUID | None:
    """The change that a message is about: approvals and rollouts have its id."""
    found = _ABOUT.fullmatch(link)
    return UUID(found[2]) if found else None


async def summary(tx: Transaction, change_id: UUID) -> tuple[Section, ...]:
    """What approvers are told of a change, in a few lines each; nothing when it is gone."""
    change = await tx.changes.get(change_id)
    return rendered(await briefed(tx, change)) if change is not None else ()


def rendered(brief: Brief) -> tuple[Section, ...]:
    sections = (
        Section("What changes", _changes(brief)),
        Section("How far it reaches", tuple(_reach(brief))),
        Section("Whom it changes", tuple(sentences(brief.impact)) if brief.impact else ()),
        Section("How it goes out", (_sentence(brief.steps),)),
        Section("How it is judged", tuple(_gates(brief))),
        Section("How it is taken back", (brief.way_back,)),
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


def _changes(brief: Brief) -> tuple[str, ...]:
    """With a count of what is left out, and a warning when it is not there any more what was to be changed."""
    lines = [_line(each) for each in brief.changes[:MOST_LINES]]
    if brief.lines > len(lines):
        lines.append(f"… and {_count(brief.lines - len(lines), 'more line')}")
    if brief.moved:
        lines.append("Somebody changed this since: what is shown is over what is there now.")
    return tuple(lines)


def _reach(brief: Brief) -> Iterator[str]:
    reach = brief.reach
    if reach is not None:
        scopes = _count(reach["scopes"], "scope")
        where = "the tenant itself and all below it" if reach["tenant_wide"] else scopes
        yield f"Written at {where}; another value holds at {_count(reach['leaves'], 'place')} then."
        if tenants := reach.get("tenants"):
            yield f"Received by {_count(tenants, 'tenant')} below."
        if reach["sensitivities"]:
            yield "Sensitivity: " + ", ".join(reach["sensitivities"]) + (", financial." if reach["financial"] else ".")
    if brief.instances:
        yield f"Followed now by {_count(brief.instances, 'instance')}."
    if brief.overlaps:
        yield f"The same targets are held or wanted by {_count(len(brief.overlaps), 'other rollout')}."
    if brief.confounded_with:
        yield f"The same metrics judge {_count(len(brief.confounded_with), 'other rollout')} at the same time."


def _gates(brief: Brief) -> Iterator[str]:
    gates = brief.gates or {}
    if rate := gates.get("error_rate"):
        yield f"Errors may grow by {rate['increase']:.0%}; worse than {rate['max_tolerable_ratio']:g} times is stopped."
    if latency := gates.get("latency"):
        yield f"Latency (p{latency['quantile'] * 100:g}) may be {latency['ratio']:g} times that of the control."
    if brief.sees_from is not None:
        accepted = ", which somebody accepted" if brief.accepted_blind else ""
        yield f"With the traffic of now it sees errors that grow {brief.sees_from:g} times or more{accepted}."
    elif gates.get("acknowledge_infeasible"):
        yield "With the traffic of now it may see nothing, which somebody accepted."


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + "."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
