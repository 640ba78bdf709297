"""Levels say something or take it back, and are asked for an answer on the first of June."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.settings import Definition, Entry, EntryState, Level, Resolution, SettingType, resolve

NOW = datetime(2026, 6, 1, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
ADA = UUID(int=1)
LIMIT = Definition("upload.limit", SettingType.INTEGER, default=10, nullable=True)


def said(value: Any, **parts: Any) -> Entry:
    facts: dict[str, Any] = {
        "version": 1,
        "state": EntryState.SET,
        "enforced": False,
        "constraint": None,
        "since": LONG_AGO,
        "until": None,
        "written_by": ADA,
        "written_at": LONG_AGO,
        "change": None,
        "reason": "asked for",
    }
    return Entry(value=value, **(facts | parts))


def unset(**parts: Any) -> Entry:
    return said(None, state=EntryState.UNSET, **parts)


def answer(*levels: tuple[str, Entry | None], definition: Definition = LIMIT, at: datetime = NOW) -> Resolution:
    chain = [Level(label, () if entry is None else (entry,)) for label, entry in levels]
    return resolve(definition, chain, at)


def states(resolution: Resolution) -> list[str]:
    return [line.state.value for line in resolution.trace]
