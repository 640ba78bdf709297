"""A change is proposed as a draft, read with its difference, and submitted or left."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from application.definitions import checked_definition
from application.every_subject import subject_of
from application.ports.metrics import MetricSource
from application.ports.store import Place, Store, Transaction
from application.recording import record, reverted
from domain.audit import Action
from domain.canonical import Json
from domain.changes import (
    BaseVersionConflict,
    ChangeSet,
    Content,
    Kind,
    NothingChanges,
    NotRebasable,
    Target,
    difference,
    merged,
)
from domain.environments import Environment
from domain.errors import Fault, Invalid, Missing
from domain.flags import SHARED_RULES, check_key
from domain.gates import MetricQuery, SourceKind, parse_gate_spec, parse_templates
from domain.people import Actor, Permission
from domain.rollouts import Plan, check_exposure, parse_plan

LEAST_REASON = 3
MOST_REASON = 2000


@dataclass(frozen=True)
class Proposal:
    """What a client asks for: `id` makes asking twice the same as asking once."""

    id: UUID
    environment: Environment
    key: str
    content: Json
    base_version: int
    plan: Json
    gates: Json
    metrics: Json
    reason: str
    ticket: str | None = None
    contributors: tuple[UUID, ...] = ()
    supersedes: UUID | None = None
    reverts: UUID | None = None


class Changes:
    def __init__(self, store: Store, metrics: MetricSource) -> None:
        self._store = store
        self._metrics = metrics

    async def propose(self, actor: Actor, proposal: Proposal) -> ChangeSet:
        """A checked draft; Invalid names every fault, BaseVersionConflict a target that has moved."""
        actor.require(Permission.CHANGE_PROPOSE)
        async with self._store.transaction(actor.tenant) as tx:
            change = await _drafted(tx, actor, proposal)
        query = query_of(change)
        if query is not None:
            await self._metrics.probe(query)
        async with self._store.transaction(actor.tenant) as tx:
            if await tx.changes.add(change):
                await record(
                    tx, Action.CHANGE_CREATED, ("change", change.id), actor=actor, change=change.id,
                    reason=change.reason, after={"digest": change.digest, "content": change.content.to_json()},
                )  # fmt: skip
                if change.reverts is not None:
                    await reverted(tx, actor, change.reverts, change.id, change.reason)
            return await existing_change(tx, change.id)

    async def get(self, actor: Actor, change: UUID) -> ChangeSet:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await existing_change(tx, change)

    async def page(self, actor: Actor, before: Place | None, limit: int) -> list[ChangeSet]:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.changes.page(before, limit)

    async def diff(self, actor: Actor, change: UUID) -> Json:
        """JSON Patch-like lines from the base version to the new content, and whether the base has moved."""
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await existing_change(tx, change)
            return await subject_of(found.target.kind).difference(tx, found)

    async def rebase(self, actor: Actor, change: UUID, new: UUID) -> ChangeSet:
        """A new draft on the present version; BaseVersionConflict lists what both sides changed."""
        actor.require(Permission.CHANGE_PROPOSE)
        found = await self.get(actor, change)
        target = found.target
        if target.kind is not Kind.FLAG:
            raise NotRebasable
        async with self._store.transaction(actor.tenant) as tx:
            base = await tx.flags.version(target.environment, target.key, target.base_version)
            present = await tx.flags.get(target.environment, target.key)
            if present is None:
                raise Missing(kind_of_thing="flag", key=target.key)
            content, conflicts = merged(base or {}, target.content, present.definition)
            if conflicts:
                raise BaseVersionConflict(paths=conflicts, present_version=present.version)
        contributors = tuple(person for person in found.authors if person != actor.id)
        return await self.propose(
            actor,
            Proposal(
                new, target.environment, target.key, content, present.version, found.content.plan,
                found.content.gates, found.content.metrics, found.reason, found.ticket, contributors, found.id,
            ),
        )  # fmt: skip


async def existing_change(tx: Transaction, change: UUID, *, lock: bool = False) -> ChangeSet:
    found = await tx.changes.get(change, lock=lock)
    if found is None:
        raise Missing(kind_of_thing="change", id=str(change))
    return found


def plan_of(change: ChangeSet) -> Plan:
    return parse_plan(change.content.plan, change.target.environment)


def query_of(change: ChangeSet, variants: tuple[str, str] | None = None) -> MetricQuery | None:
    """What the gates of this change count; None where the plan has no gates."""
    metrics = change.content.metrics
    if metrics is None:
        return None
    candidate, control = variants or (metrics["candidate"], metrics["control"])
    kind = SourceKind(metrics["source"])
    templates = parse_templates(metrics["templates"]) if kind is SourceKind.PROMETHEUS else None
    target = change.target
    return MetricQuery(kind, change.tenant, target.environment, target.key, candidate, control, templates)


async def _drafted(tx: Transaction, actor: Actor, proposal: Proposal) -> ChangeSet:
    faults = _reason_faults(proposal)
    plan = _collect(faults, "/plan", lambda: parse_plan(proposal.plan, proposal.environment))
    _collect(faults, "/key", lambda: _keyed(proposal.key))
    if plan is not None and plan.gated and proposal.key == SHARED_RULES:
        faults.append(Fault("/plan/strategy", "shared rules have no variants to compare: direct"))
    if plan is not None and plan.apply_at is not None and plan.apply_at <= tx.now:
        faults.append(Fault("/plan/apply_at", "in the future"))
    if faults or plan is None:
        raise Invalid(faults)
    try:
        definition = await checked_definition(tx, proposal.environment, proposal.key, proposal.content)
    except Invalid as refusal:
        raise _under("/content", refusal) from None
    present = await tx.flags.get(proposal.environment, proposal.key)
    version = present.version if present else 0
    if version != proposal.base_version:
        raise BaseVersionConflict(present_version=version, base_version=proposal.base_version)
    base = present.definition if present else None
    if base is not None and not difference(base, definition):
        raise NothingChanges([Fault("/content", "equals the present definition")])
    gates = _gates(proposal, plan)
    metrics = None
    if plan.gated:
        try:
            check_exposure(base, definition)
        except Invalid as refusal:
            raise _under("/content", refusal) from None
        metrics = _metrics(proposal, definition["defaultVariant"], (base or {})["defaultVariant"])
    target = Target(proposal.environment, Kind.FLAG, proposal.key, version, definition)
    content = Content((target,), plan.to_json(), gates, metrics)
    return ChangeSet(
        id=proposal.id,
        tenant=actor.tenant,
        author=actor.id,
        content=content,
        digest=content.digest,
        reason=proposal.reason,
        created_at=tx.now,
        ticket=proposal.ticket,
        contributors=tuple(person for person in dict.fromkeys(proposal.contributors) if person != actor.id),
        supersedes=proposal.supersedes,
        reverts=proposal.reverts,
    )


def _reason_faults(proposal: Proposal) -> list[Fault]:
    if LEAST_REASON <= len(proposal.reason.strip()) <= MOST_REASON:
        return []
    return [Fault("/reason", f"{LEAST_REASON} to {MOST_REASON} characters that say why")]


def _gates(proposal: Proposal, plan: Plan) -> Json:
    if not plan.gated:
        return None
    try:
        return parse_gate_spec(proposal.gates if proposal.gates is not None else {}).to_json()
    except Invalid as refusal:
        raise _under("/gates", refusal) from None


def _metrics(proposal: Proposal, candidate: str, control: str) -> Json:
    raw = proposal.metrics if proposal.metrics is not None else {"source": SourceKind.TELEMETRY.value}
    if not isinstance(raw, dict) or raw.get("source") not in list(SourceKind):
        raise Invalid([Fault("/metrics/source", "one of " + ", ".join(SourceKind))])
    known = {"source", "templates", "candidate", "control"}
    faults = [Fault(f"/metrics/{name}", "unknown field") for name in sorted(set(raw) - known)]
    if faults:
        raise Invalid(faults)
    checked: dict[str, Json] = {"source": raw["source"], "candidate": candidate, "control": control}
    if raw["source"] == SourceKind.PROMETHEUS:
        checked["templates"] = parse_templates(raw.get("templates"), "/metrics/templates").to_json()
    elif raw.get("templates") is not None:
        raise Invalid([Fault("/metrics/templates", "only for prometheus")])
    return checked


def _collect(faults: list[Fault], pointer: str, step: Callable[[], Plan | None]) -> Plan | None:
    try:
        return step()
    except Invalid as refusal:
        faults.extend(_under(pointer, refusal).faults)
        return None


def _keyed(key: str) -> None:
    if key != SHARED_RULES:
        check_key(key)


def _under(pointer: str, refusal: Invalid) -> Invalid:
    faults = [replace(fault, path=pointer + fault.path) for fault in refusal.faults]
    return type(refusal)(faults, **refusal.facts)
