"""Settings and flags leave as a bundle of what is stored, and come in whole or not at all, the way of every write."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Literal, Protocol
from uuid import uuid4

from application.events.telling import tell_import
from application.locking.rules import check_direct
from application.ports.bundles import Sync
from application.ports.records import StoredFlag
from application.ports.signing import Signatures
from application.ports.store import Store, Transaction
from application.recording import record
from application.settings.arriving import BUNDLE, Arrival, check_arrival, order_of_arrival, planned_arrival, told_at
from application.settings.arriving_books import CalendarsApart, planned_books
from application.settings.arriving_flags import FlagsApart, flags_of, planned_flags, write_flags
from application.settings.before import define, proposed_before, written_before
from application.settings.booking import write_bookkeeping
from application.settings.carrying import carried_out
from application.settings.leaving import Exported, Exports
from application.settings.plan import Pen, Plan
from application.settings.reaching import reach_of
from application.settings.rulebook import turn_everywhere
from application.settings.stored import contents
from application.settings.wishes import Affected, Order
from application.settings.writing import SettingWrites
from application.submission import Submitted
from domain.audit import Action
from domain.canonical import Json, canonical_bytes
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Conflict, Fault, Invalid
from domain.people import Actor, Permission
from domain.settings import UNSIGNED, Bundle, Contents, Difference, compared_contents, parse_bundle, timelines
from domain.settings.book_differences import BookThing


class DefinitionsFirst(Conflict):
    """Policy asks for approval here, and a change has values only: define these settings first, then import."""

    kind = "definitions-first"


class DefinitionsDiffer(Conflict):
    """These settings are defined otherwise here than in the bundle; make them agree first."""

    kind = "definitions-differ"


@dataclass(frozen=True)
class Intake:
    """What is to be imported where; `from_tenant` names the tenant that a bundle comes from if it is not this one.

    Without `overwrite` what differs stays; with `prune` values that the bundle does not have are taken back; with
    `sync` it is remembered as what the environment was made to agree with.
    """

    environment: Environment
    raw: Json = field(repr=False)
    reason: str
    dry_run: bool = False
    prune: bool = False
    overwrite: bool = True
    from_tenant: str | None = None
    sync: bool = False


@dataclass(frozen=True)
class Imported:
    """`epoch` is None where nothing was written; `submitted` is the change that waits for approval.

    `needs_approval` says of a dry run that it would wait.
    """

    difference: Difference
    dry_run: bool
    epoch: int | None = None
    submitted: Submitted | None = None
    affected: tuple[Affected, ...] = ()
    needs_approval: bool = False
    wanted: Contents = field(default_factory=Contents, repr=False)
    stored: Contents = field(default_factory=Contents, repr=False)

    @property
    def outcome(self) -> Literal["no_changes", "planned", "applied", "submitted"]:
        if self.submitted is not None:
            return "submitted"
        if self.epoch is not None:
            return "applied"
        return "no_changes" if self.difference.is_empty else "planned"


class Errand(Protocol):
    """Whoever has a bundle imported: asked in the transaction before it, and told in it what came of it."""

    async def begun(self, tx: Transaction) -> None:
        """Raises a refusal when it is not wanted any more."""
        ...

    async def told(self, tx: Transaction, imported: Imported) -> None: ...
    def reached(self, done: int, total: int) -> None:
        """So much of it is done, though not yet committed."""
        ...


Asking = tuple[list[str], Order]
"""The order that has to be approved, and where in the bundle each of its items stands."""


class OwnErrand:
    """Nobody's: the answer says it all."""

    async def begun(self, tx: Transaction) -> None: ...
    async def told(self, tx: Transaction, imported: Imported) -> None: ...
    def reached(self, done: int, total: int) -> None: ...


class SettingTransfer:
    def __init__(self, store: Store, writes: SettingWrites, signatures: Signatures | None = None) -> None:
        self._store = store
        self._writes = writes
        self._signatures = signatures
        self._exports = Exports(store, signatures)

    async def export(self, actor: Actor, environment: Environment, out: BinaryIO) -> Exported:
        return await self._exports.export(actor, environment, out)

    async def read(self, actor: Actor, raw: Json, from_tenant: str | None = None) -> Bundle:
        """The bundle, checked by itself: its form, its checksum, its signature, and whose it is."""
        with told_at([], otherwise=BUNDLE):
            bundle = await asyncio.to_thread(parse_bundle, raw)
        self._check_signature(bundle, raw["checksum"])
        home = await self._store.home(actor.tenant)
        if bundle.tenant != (from_tenant or home.slug):
            message = "expected the tenant that from_tenant names" if from_tenant else (
                "expected this tenant; name another in from_tenant to import its bundle here"
            )  # fmt: skip
            raise Invalid([Fault(f"{BUNDLE}/tenant", message)])
        return bundle

    async def import_(self, actor: Actor, intake: Intake, errand: Errand | None = None) -> Imported:
        """Raises Invalid, DefinitionsFirst, DefinitionsDiffer, NotOneChange, and what a write or a flag refuses."""
        actor.require(Permission.SETTINGS_MANAGE)
        bundle = await self.read(actor, intake.raw, intake.from_tenant)
        async with self._writes.writing(actor, *Environment) as tx:
            told, asking = await _taken(tx, actor, (bundle, intake), errand or OwnErrand())
        if asking is None:
            return told
        places, order = asking
        with told_at(places):
            outcome = await self._writes.write(actor, replace(order, dry_run=intake.dry_run))
        if outcome.submitted is not None:
            async with self._store.transaction(actor.tenant) as tx:
                await _remembered(tx, actor, bundle, intake, outcome.submitted)
        return replace(told, submitted=outcome.submitted, affected=outcome.affected, needs_approval=True)

    def _check_signature(self, bundle: Bundle, checksum: str) -> None:
        """One that is there must hold; whether one must be there is for the installation to say."""
        signature, signatures = bundle.signature, self._signatures
        fault = None
        if signature is None:
            if signatures is not None and signatures.required:
                fault = Fault(f"{BUNDLE}/signature", "expected one: only signed bundles are taken here")
        elif signatures is None or not signatures.knows(signature):
            fault = Fault(f"{BUNDLE}/signature/key", "expected a key that is trusted here")
        elif not signatures.holds(checksum, signature):
            fault = Fault(f"{BUNDLE}/signature/value", "expected the signature of this bundle: it is of something else")
        if fault is not None:
            raise Invalid([fault])


async def _taken(
    tx: Transaction, actor: Actor, given: tuple[Bundle, Intake], errand: Errand
) -> tuple[Imported, Asking | None]:
    """What came of it, and what has to be asked for instead where policy wants approval."""
    bundle, intake = given
    await errand.begun(tx)
    arrival = await _beside(tx, bundle, intake)
    told = Imported(arrival.difference, intake.dry_run, wanted=arrival.wanted, stored=arrival.stored)
    if await written_before(tx, actor):
        return replace(told, dry_run=False, epoch=await tx.settings.epoch(intake.environment)), None
    if await proposed_before(tx, actor):  # the change that is there has all
        return told, ([], Order(intake.environment, (), intake.reason))
    pen = replace(Pen.of(actor), origin="import")
    plan = await planned_arrival(tx, pen, arrival)
    if plan.steps:
        await check_direct(tx, intake.environment, Kind.SETTING)
    flags = await planned_flags(tx, actor, flags_of(arrival))
    things = await planned_books(tx, actor, arrival)
    told = replace(told, affected=tuple(plan.affected()))
    if not await _asks(tx, arrival, plan):
        done = await _arrived(tx, (actor, pen), arrival, (plan, flags, things), told, errand)
        await _remembered(tx, actor, bundle, intake)
        await errand.told(tx, done)
        return done, None
    if flags:
        raise FlagsApart(keys=[each.key for each in flags][:100])
    if things:
        raise CalendarsApart
    if arrival.difference.missing:
        raise DefinitionsFirst(keys=arrival.difference.missing)
    return told, await order_of_arrival(tx, arrival)


async def _beside(tx: Transaction, bundle: Bundle, intake: Intake) -> Arrival:
    at = await turn_everywhere(tx)  # a definition is everywhere
    stored = await contents(tx, intake.environment, at)
    wanted = Contents(
        {each.key: each for each in bundle.definitions}, timelines(bundle.lines, at), bundle.flags, bundle.books
    )
    difference = compared_contents(wanted, stored, prune=intake.prune, overwrite=intake.overwrite)
    arrival = Arrival(bundle, wanted, stored, difference, intake.environment, intake.reason, at)
    if difference.clashing:
        raise DefinitionsDiffer(keys=difference.clashing)
    check_arrival(arrival)
    return arrival


async def _asks(tx: Transaction, arrival: Arrival, plan: Plan) -> bool:
    """Whether policy asks for approval of what would be written."""
    if not (plan.steps or arrival.difference.missing):
        return False
    policies = [await tx.policies.get(each, Kind.SETTING) for each in plan.environments]
    reach = await asyncio.to_thread(reach_of, plan) if any(policy.asks for policy in policies) else None
    return reach is not None and any(policy.decided(reach).levels for policy in policies)


async def _arrived(
    tx: Transaction,
    by: tuple[Actor, Pen],
    arrival: Arrival,
    plans: tuple[Plan, tuple[StoredFlag, ...], list[BookThing]],
    told: Imported,
    errand: Errand,
) -> Imported:
    (actor, pen), (plan, flags, things) = by, plans
    if told.dry_run or told.difference.is_empty:
        return told
    missing = arrival.difference.missing
    total = len(missing) + len(plan.steps) + len(flags) + len(things)
    for number, key in enumerate(missing):
        await define(tx, actor, arrival, key, first=number == 0)
        errand.reached(number + 1, total)
    await carried_out(tx, pen, plan, arrival.reason)
    errand.reached(len(missing) + len(plan.steps), total)
    await write_flags(tx, actor, flags_of(arrival), flags)
    await write_bookkeeping(tx, actor, arrival, things)
    errand.reached(total, total)
    changed = {"defined": len(missing), "changed": len(plan.steps), "flags_changed": len(flags)}
    changed["bookkeeping_changed"] = len(things)
    await record(
        tx, Action.BUNDLE_IMPORTED, ("setting_bundle", arrival.environment.value), actor=actor, reason=arrival.reason,
        after={**_summary(arrival.bundle), **changed},
    )  # fmt: skip
    await tell_import(tx, actor, arrival.environment)
    epochs = {
        environment: await tx.settings.bump(environment)
        for environment in Environment
        if environment is arrival.environment or missing
    }
    return replace(told, epoch=epochs[arrival.environment])


async def _remembered(
    tx: Transaction, actor: Actor, bundle: Bundle, intake: Intake, submitted: Submitted | None = None
) -> None:
    """As what the environment agrees with from now on, or from when the change has taken effect."""
    if not intake.sync or intake.dry_run:
        return
    change = submitted.change.id if submitted else None
    last = await tx.bundles.synced(intake.environment)
    if change is None and last is not None and last.checksum == bundle.checksum:
        return
    content = canonical_bytes({name: intake.raw[name] for name in intake.raw.keys() - UNSIGNED})
    await tx.bundles.sync(Sync(uuid4(), intake.environment, bundle.checksum, content, actor.id, tx.now, change))
    await record(
        tx, Action.BUNDLE_SYNCED, ("setting_bundle", intake.environment.value), actor=actor, reason=intake.reason,
        change=change, after={"checksum": bundle.checksum},
    )  # fmt: skip


def _summary(bundle: Bundle) -> Json:
    return {
        "tenant": bundle.tenant, "environment": bundle.environment.value, "checksum": bundle.checksum,
        "definitions": len(bundle.definitions), "values": len(bundle.lines), "flags": len(bundle.flags or {}),
    }  # fmt: skip
