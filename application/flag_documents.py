"""Flags come from other tools and from flagd the way of every write: at once, or as a change that waits for a yes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from uuid import uuid4

from application.changes import Changes
from application.drafts.wanted import Wanted
from application.flags import asked
from application.ports.records import StoredFlag
from application.ports.store import Store, Transaction
from application.proposals import MOST_TARGETS, Proposal
from application.settings.arriving_flags import FlagArrival, check_whole, planned_flags, write_flags
from application.submission import Submission, Submitted
from domain.canonical import Json
from domain.changes import EVERYWHERE, Kind
from domain.environments import Environment
from domain.errors import Conflict, Fault, Invalid
from domain.flags import BUCKETING, SHARED_RULES, Bucketing
from domain.flags.evaluators import rules_of
from domain.flags.flagd import FlagdDocument
from domain.flags.importers import Fidelity, Translation
from domain.flags.lifecycle import ARCHIVED, is_archived
from domain.flags.limits import pointer
from domain.flags.publishing import published
from domain.people import Actor, Permission
from domain.settings import Contents, compared_contents

DOCUMENT = "/document"
PLAN: Json = {"strategy": "direct"}
_TOLD = 100


class FlagsUntranslated(Invalid):
    """Some of these flags cannot be said here: look at a dry run, name others, or allow a part of the document."""

    kind = "flags-untranslated"


class TooManyForOneChange(Conflict):
    """Policy asks for approval of flags here, and a change holds only so many: name some of them at a time."""

    kind = "too-many-for-one-change"


@dataclass(frozen=True)
class FlagIntake:
    """What is to be imported where; of `keys` only these, and with `allow_partial` what can be said of the rest."""

    environment: Environment
    translation: Translation
    reason: str
    dry_run: bool = False
    allow_partial: bool = False
    keys: frozenset[str] | None = None

    @property
    def narrowed(self) -> Translation:
        """Only what was named; Invalid where the document has no such flag."""
        found = self.translation
        if self.keys is None:
            return found
        unknown = sorted(self.keys - {report.key for report in found.reports})
        if unknown:
            raise Invalid([Fault("/keys", f"no flag {key} in the document") for key in unknown[:_TOLD]])
        flags = {key: flag for key, flag in found.flags.items() if key in self.keys}
        used = {name for flag in flags.values() for name in rules_of(flag)}
        evaluators = {name: rule for name, rule in found.evaluators.items() if name in used}
        return replace(
            found, flags=flags, evaluators=evaluators,
            reports=tuple(report for report in found.reports if report.key in self.keys),
        )  # fmt: skip


@dataclass(frozen=True)
class FlagsImported:
    """`ops` say what was done, or would be; `waiting` are flags that can be proposed once their shared rules stand."""

    outcome: Literal["no_changes", "planned", "applied", "submitted"]
    arrival: FlagArrival
    translation: Translation
    needs_approval: bool = False
    submitted: Submitted | None = None
    waiting: tuple[str, ...] = ()


class FlagDocuments:
    """Each raises PermissionMissing and, where it writes, what a write of flags or a change refuses."""

    def __init__(self, store: Store, changes: Changes, submission: Submission) -> None:
        self._store = store
        self._changes = changes
        self._submission = submission

    async def export(self, actor: Actor, environment: Environment, *, authored: bool = False) -> FlagdDocument:
        """What flagd takes, or what people wrote, with the metadata by which the set says which one it is."""
        actor.require(Permission.FEATURES_READ)
        home = await self._store.home(actor.tenant)
        async with self._store.transaction(actor.tenant) as tx:
            stored = await tx.flags.flag_set(environment)
        about = {"flagSetId": f"{home.slug}/{environment.value}", "version": stored.revision}
        metadata = {**stored.metadata, **about, "bucketing": stored.bucketing}
        if authored:
            return FlagdDocument(stored.flags, stored.evaluators, metadata)
        return FlagdDocument(*published(stored.flags, stored.evaluators, Bucketing(stored.bucketing)), metadata)

    async def import_(self, actor: Actor, intake: FlagIntake) -> FlagsImported:
        """FlagsUntranslated, TooManyForOneChange or Invalid; shared rules are a change of their own, and first."""
        actor.require(Permission.FEATURES_MANAGE)
        translation = intake.narrowed
        if not (intake.dry_run or intake.allow_partial):
            _check_whole(translation)
        async with self._store.transaction(actor.tenant) as tx:
            await _check_bucketing(tx, intake)
            arrival, stored = await _beside(tx, intake, translation)
            told = FlagsImported("planned" if arrival.changed else "no_changes", arrival, translation)
            if await asked(tx, actor):
                return replace(told, outcome="applied")
            known = await tx.changes.get(actor.request) if actor.request else None
            policy = await tx.policies.get(intake.environment, Kind.FLAG)
            if known is None and not policy.decided(EVERYWHERE).levels:
                flags = await planned_flags(tx, actor, arrival)
                if intake.dry_run or not flags:
                    return told
                await write_flags(tx, actor, arrival, flags)
                return replace(told, outcome="applied")
        told = replace(told, needs_approval=bool(arrival.changed))
        if known is None:
            if not arrival.changed:
                return told
            told, proposal = _proposed(actor, intake, told, stored)
            if intake.dry_run:
                return told
            known = await self._changes.propose(actor, proposal)
        submitted = await self._submission.submit(actor, known.id)
        return replace(told, outcome="submitted", submitted=submitted)


async def _check_bucketing(tx: Transaction, intake: FlagIntake) -> None:
    """The same flags would put other people into the arms of their splits."""
    said, ours = intake.translation.bucketing, (await tx.flags.linked(intake.environment, ())).bucketing
    if said is not None and said != ours:
        why = f"this flag set splits by {ours}: leave it out, or first change that of the set, by the key {BUCKETING}"
        raise Invalid([Fault(f"{DOCUMENT}/metadata/bucketing", why)])


def _check_whole(translation: Translation) -> None:
    lost = [each for each in translation.reports if each.fidelity is Fidelity.UNTRANSLATED]
    if lost:
        faults = (Fault(DOCUMENT + each.path, f"{each.key}: {'; '.join(each.notes)}") for each in lost)
        raise FlagsUntranslated(faults)


async def _beside(
    tx: Transaction, intake: FlagIntake, translation: Translation
) -> tuple[FlagArrival, Mapping[str, StoredFlag]]:
    """Shared rules that the document does not have stay: other flags may name them."""
    stored = await tx.bundles.flags(intake.environment)
    there = {key: flag.definition for key, flag in stored.items()}
    wanted = dict(translation.flags)
    if translation.evaluators:
        wanted[SHARED_RULES] = {**there.get(SHARED_RULES, {}), **translation.evaluators}
    ops = compared_contents(Contents(flags=wanted), Contents(flags=there)).flags
    places = {report.key: DOCUMENT + report.path for report in translation.reports}
    places[SHARED_RULES] = DOCUMENT + pointer("", SHARED_RULES)
    faults = [
        Fault(f"{places[key]}/metadata/{ARCHIVED}", "is set by archiving the flag")
        for key, flag in translation.flags.items()
        if is_archived(flag) and not is_archived(there.get(key, {}))
    ]
    if faults:
        raise Invalid(faults)
    arrival = FlagArrival(intake.environment, intake.reason, wanted, there, ops, places)
    await check_whole(tx, arrival, there)
    return arrival, stored


def _proposed(
    actor: Actor, intake: FlagIntake, told: FlagsImported, stored: Mapping[str, StoredFlag]
) -> tuple[FlagsImported, Proposal]:
    """One change: of the shared rules where they differ, otherwise of the flags."""
    arrival, targets = told.arrival, told.arrival.changed
    if SHARED_RULES in targets:
        told = replace(told, waiting=tuple(key for key in targets if key != SHARED_RULES))
        targets = [SHARED_RULES]
    if len(targets) > MOST_TARGETS:
        raise TooManyForOneChange(most=MOST_TARGETS, flags=len(targets))
    wanted = tuple(
        Wanted(
            Kind.FLAG, key, arrival.wanted[key], stored[key].version if key in stored else 0, arrival.places[key]
        )
        for key in targets
    )  # fmt: skip
    new = actor.request or uuid4()
    proposal = Proposal(
        new, intake.environment, "", None, 0, PLAN, None, None, intake.reason, targets=wanted
    )  # fmt: skip
    return told, proposal
