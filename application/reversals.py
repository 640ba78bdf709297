"""What would take one document of a change back: what was there before it, what it wrote and what is there now."""

from application.calendars.places import calendar_at
from application.calendars.rulings import Ruling
from application.calendars.subject import calendar_version, version_of
from application.periods.bookkeeping import books_content
from application.periods.places import books_of
from application.policy_documents import policy_at, policy_version
from application.ports.calendars import StoredCalendar
from application.ports.settings import StoredDefinition
from application.ports.store import Transaction
from application.settings.definitions import existing_definition
from domain.canonical import Json
from domain.changes import ChangeSet, Kind, Reversal, Target
from domain.errors import Missing
from domain.flags import WHOLE


async def whole(tx: Transaction, change: ChangeSet, present: int, *, touched: bool) -> Reversal:
    """Of what is one document: a flag, what flags have in common, a definition, or the rulebook."""
    target = change.target
    before, now = await _at(tx, change, target.base_version), await _at(tx, change, present)
    if before is None:  # the change made it: there is nothing to go back to but its absence of effect
        before = _without_effect(target)
    return Reversal(change.label, before, target.content, now, touched)


async def present_version(tx: Transaction, change: ChangeSet) -> int:
    """The version that is there now."""
    target = change.target
    if target.kind is Kind.FLAG:
        flag = await tx.flags.get(target.environment, target.key)
        if flag is None:
            raise Missing(kind_of_thing="flag", key=target.key)
        return flag.version
    if target.kind is Kind.FISCAL_CALENDAR:
        return version_of(await _calendar(tx, target))
    if target.kind is Kind.ENTITY_BOOKS:
        return (await books_of(tx, target.key)).version
    if target.kind is Kind.POLICY:
        return await policy_version(tx, target.environment, target.key)
    if target.kind is Kind.SETTING_DEFINITION:
        return (await existing_definition(tx, target.content["key"])).version
    return (await tx.settings.rulebook()).version


async def _at(tx: Transaction, change: ChangeSet, version: int) -> Json:
    """The document at one version; None before there was any."""
    target = change.target
    if target.kind is Kind.FLAG:
        return await tx.flags.version(target.environment, target.key, version) if version else None
    if target.kind is Kind.FISCAL_CALENDAR:
        return await _rule_at(tx, target, version) if version else None
    if target.kind is Kind.ENTITY_BOOKS:
        books = await tx.books.at(target.key, version)
        return await books_content(tx, books) if books else None
    if target.kind is Kind.POLICY:
        return await policy_at(tx, target.environment, target.key, version)
    if target.kind is Kind.SETTING_DEFINITION:
        found: list[StoredDefinition] = await tx.settings.definition_versions(target.content["key"], version + 1, 1)
        return found[0].definition
    return {"rules": (await tx.settings.rulebook(version)).rules}


async def _calendar(tx: Transaction, target: Target) -> StoredCalendar:
    return await calendar_at(tx, Ruling.of(target.content).place)


async def _rule_at(tx: Transaction, target: Target, version: int) -> Json:
    """From which year on it held is not taken back: another rule is for years that nobody has made."""
    then = await calendar_version(tx, await _calendar(tx, target), version)
    return {**target.content, "rule": then.rule, "short_periods": then.short_periods}


def _without_effect(target: Target) -> Json:
    if target.kind in {Kind.FISCAL_CALENDAR, Kind.ENTITY_BOOKS}:  # they stay
        return target.content
    return WHOLE.get(target.key, {**target.content, "state": "DISABLED"})
