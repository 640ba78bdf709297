"""What a test puts in a store of settings: definitions, rulebooks, and entries by numbered days."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from application.ports.settings import Rulebook, StoredDefinition, StoredEntry
from domain.settings import Entry, EntryState
from tests.contract.homes import LONG_AGO, PRODUCTION, Home

SOON = datetime(2100, 1, 1, tzinfo=UTC)
KEY, ROOT, SITE = "upload.limit", "", "company:de/site:berlin"


def day(number: int) -> datetime:
    return SOON + timedelta(days=number)


def defined(home: Home, version: int = 1, key: str = KEY, **given: Any) -> StoredDefinition:
    definition = {"key": key, "type": "integer", "default": version}
    return replace(StoredDefinition(key, version, definition, home.ada.id, LONG_AGO), **given)


def book(home: Home, version: int = 1, **given: Any) -> Rulebook:
    return replace(Rulebook(version, [{"name": "r", "version": version}], home.ada.id, LONG_AGO), **given)


def entry(home: Home, version: int = 1, since: int = 0, until: int | None = None, **given: Any) -> Entry:
    end = None if until is None else day(until)
    facts: dict[str, Any] = {
        "version": version, "state": EntryState.SET, "value": version, "enforced": False, "constraint": None,
        "since": day(since), "until": end, "written_by": home.ada.id, "written_at": LONG_AGO, "change": None,
        "reason": "because", "meant_until": end,
    }  # fmt: skip
    return Entry(**(facts | given))


def stored(what: Entry, key: str = KEY, scope: str = ROOT, **given: Any) -> StoredEntry:
    return replace(StoredEntry(PRODUCTION, key, scope, what, "api"), **given)


async def put(home: Home, *entries: StoredEntry) -> None:
    """The entries, after a definition of each of their keys."""
    async with home.transaction() as tx:
        for key in {each.key for each in entries}:
            if await tx.settings.definition(key) is None:
                await tx.settings.put_definition(defined(home, key=key), expected=0)
        for each in entries:
            await tx.settings.put(each)
