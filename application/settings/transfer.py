"""Settings leave as a bundle of what is stored, and come in whole or not at all, the way of every write."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from application.ports.settings import StoredDefinition
from application.ports.store import Store, Transaction
from application.recording import record
from application.settings.arriving import Arrival, check_arrival, order_of_arrival, planned_arrival, told_at
from application.settings.carrying import carried_out
from application.settings.plan import Pen
from application.settings.rulebook import turn_everywhere
from application.settings.wishes import Order
from application.settings.writing import SettingWrites
from application.submission import Submitted
from domain.audit import Action
from domain.canonical import Json
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Conflict, Fault, Invalid
from domain.people import Actor, Permission
from domain.settings import (
    MOST_VALUES,
    Bundle,
    Contents,
    Difference,
    Entry,
    compared_contents,
    lines_of,
    parse_bundle,
    parse_setting_definition,
    timelines,
    travels,
)

_PAGE = 500


class BundleTooLarge(Conflict):
    """More values are stored here than one bundle holds."""

    kind = "bundle-too-large"


class DefinitionsFirst(Conflict):
    """Policy asks for approval here, and a change has values only: define these settings first, then import."""

    kind = "definitions-first"


class DefinitionsDiffer(Conflict):
    """These settings are defined otherwise here than in the bundle; make them agree first."""

    kind = "definitions-differ"


@dataclass(frozen=True)
class Intake:
    """What is to be imported where; `from_tenant` names the tenant that a bundle comes from if it is not this one.

    Without `overwrite` values that differ stay; with `prune` values that the bundle does not have are taken back.
    """

    environment: Environment
    raw: Json
    reason: str
    dry_run: bool = False
    prune: bool = False
    overwrite: bool = True
    from_tenant: str | None = None


@dataclass(frozen=True)
class Imported:
    """`epoch` is None where nothing was written; `submitted` is the change that waits for approval."""

    difference: Difference
    dry_run: bool
    epoch: int | None = None
    submitted: Submitted | None = None

    @property
    def outcome(self) -> Literal["no_changes", "planned", "applied", "submitted"]:
        if self.submitted is not None:
            return "submitted"
        if self.epoch is not None:
            return "applied"
        return "no_changes" if self.difference.is_empty else "planned"


class SettingTransfer:
    def __init__(self, store: Store, writes: SettingWrites) -> None:
        self._store = store
        self._writes = writes

    async def export(self, actor: Actor, environment: Environment) -> tuple[Bundle, datetime]:
        """Every definition, and what scopes say and plan to; the export is an event in the trail."""
        actor.require(Permission.SETTINGS_READ)
        home = await self._store.home(actor.tenant)
        async with self._store.transaction(actor.tenant) as tx:
            held = await _contents(tx, environment, tx.now)
            lines = tuple(line for each in held.timelines.values() for line in each)
            if len(lines) > MOST_VALUES:
                raise BundleTooLarge(most=MOST_VALUES, values=len(lines))
            bundle = Bundle(home.slug, environment, tuple(held.definitions.values()), lines)
            await record(
                tx, Action.BUNDLE_EXPORTED, ("setting_bundle", environment.value), actor=actor, after=_summary(bundle)
            )
            return bundle, tx.now

    async def import_(self, actor: Actor, intake: Intake) -> Imported:
        """Raises Invalid, DefinitionsFirst, DefinitionsDiffer, NotOneChange, and whatever a write raises."""
        actor.require(Permission.SETTINGS_MANAGE)
        with told_at([], otherwise="/bundle"):
            bundle = parse_bundle(intake.raw)
        await self._check_origin(actor, bundle, intake.from_tenant)
        async with self._writes.writing(actor, *Environment) as tx:
            at = await turn_everywhere(tx)  # a definition is everywhere
            stored = await _contents(tx, intake.environment, at)
            wanted = Contents({each.key: each for each in bundle.definitions}, timelines(bundle.lines, at))
            difference = compared_contents(wanted, stored, prune=intake.prune, overwrite=intake.overwrite)
            arrival = Arrival(bundle, wanted, stored, difference, intake.environment, intake.reason, at)
            if difference.clashing:
                raise DefinitionsDiffer(keys=difference.clashing)
            check_arrival(arrival)
            if await _written(tx, actor):
                return Imported(difference, dry_run=False, epoch=await tx.settings.epoch(intake.environment))
            places: list[str] = []
            if await _proposed(tx, actor):
                order = Order(intake.environment, (), intake.reason)  # the change that is there has all
            elif difference.is_empty:
                return Imported(difference, intake.dry_run)
            elif not (await tx.policies.get(intake.environment, Kind.SETTING)).asks:
                return await _arrived(tx, actor, arrival, dry_run=intake.dry_run)
            elif difference.missing:
                raise DefinitionsFirst(keys=difference.missing)
            else:
                places, order = await order_of_arrival(tx, arrival)
        with told_at(places):
            outcome = await self._writes.write(actor, replace(order, dry_run=intake.dry_run))
        written = not intake.dry_run and outcome.submitted is None  # no rule of the policy asks anybody for this
        return Imported(difference, intake.dry_run, outcome.epoch if written else None, outcome.submitted)

    async def _check_origin(self, actor: Actor, bundle: Bundle, named: str | None) -> None:
        """A bundle of another tenant is never imported by accident."""
        home = await self._store.home(actor.tenant)
        if bundle.tenant != (named or home.slug):
            message = "expected the tenant that from_tenant names" if named else (
                "expected this tenant; name another in from_tenant to import its bundle here"
            )  # fmt: skip
            raise Invalid([Fault("/bundle/tenant", message)])


async def _contents(tx: Transaction, environment: Environment, at: datetime) -> Contents:
    """What may stand in a bundle of all that is stored."""
    rows, after = [], ""
    while page := await tx.settings.definitions(after, _PAGE):
        rows += page
        after = page[-1].key
    definitions = {row.key: parse_setting_definition(row.definition) for row in rows}
    shelves: dict[tuple[str, str], list[Entry]] = {}
    for each in await tx.settings.entries(environment, None, None, at):
        if travels(definitions[each.key]):
            shelves.setdefault((each.key, each.scope), []).append(each.entry)
    lines = {place: lines_of(*place, entries, at) for place, entries in sorted(shelves.items())}
    return Contents(definitions, {place: said for place, said in lines.items() if said})


async def _written(tx: Transaction, actor: Actor) -> bool:
    """Whether this very request was carried out before."""
    if actor.request is None:
        return False
    return bool(await tx.settings.written(actor.request) or await tx.settings.defined(actor.request))


async def _proposed(tx: Transaction, actor: Actor) -> bool:
    return actor.request is not None and await tx.changes.get(actor.request) is not None


async def _arrived(tx: Transaction, actor: Actor, arrival: Arrival, *, dry_run: bool) -> Imported:
    pen = replace(Pen.of(actor), origin="import")
    plan = await planned_arrival(tx, pen, arrival)
    if dry_run:
        return Imported(arrival.difference, dry_run)
    for number, key in enumerate(arrival.difference.missing):
        request = actor.request if number == 0 else None
        definition = arrival.wanted.definitions[key].to_json()
        stored = StoredDefinition(key, 1, definition, actor.id, tx.now, request)
        await tx.settings.put_definition(stored, expected=0)
        await record(
            tx, Action.SETTING_DEFINED, ("setting_definition", key), actor=actor, reason=arrival.reason,
            after={"version": 1, "definition": definition},
        )  # fmt: skip
    await carried_out(tx, pen, plan, arrival.reason)
    await record(
        tx, Action.BUNDLE_IMPORTED, ("setting_bundle", arrival.environment.value), actor=actor, reason=arrival.reason,
        after={**_summary(arrival.bundle), "changed": len(plan.steps)},
    )  # fmt: skip
    epochs = {
        environment: await tx.settings.bump(environment)
        for environment in Environment
        if environment is arrival.environment or arrival.difference.missing
    }
    return Imported(arrival.difference, dry_run, epochs[arrival.environment])


def _summary(bundle: Bundle) -> Json:
    return {
        "tenant": bundle.tenant, "environment": bundle.environment.value, "checksum": bundle.checksum,
        "definitions": len(bundle.definitions), "values": len(bundle.lines),
    }  # fmt: skip
