"""A gate is asked before it is relied on what it could see and would have said, and afterwards whether it said so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from application.changes import existing_change, plan_of
from application.drafts.gates import cohort_query_of, metrics_of, query_of
from application.gates.feasibility import foreseen, known_past
from application.gates.observing import Query
from application.gates.replaying import ReplayedCheck, replayed_check
from application.ports.metrics import MetricSource
from application.ports.store import Store
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Fault, Invalid, Missing, Unavailable
from domain.gates import (
    Baseline,
    GateSpec,
    GateState,
    Judgement,
    Measured,
    MetricQuery,
    ProviderError,
    SourceKind,
    StageClock,
    observation_from_json,
    parse_gate_spec,
    parse_templates,
)
from domain.gates.feasibility import Feasibility
from domain.gates.simulating import Look, looks_of, simulated
from domain.people import Actor, Permission
from domain.rollouts import parse_plan

MOST_CHECKS = 2000


@dataclass(frozen=True)
class Soak:
    """One imagined stage."""

    least: timedelta = timedelta(minutes=10)
    most: timedelta = timedelta(hours=1)


@dataclass(frozen=True)
class SourcePast:
    """The checks that would have been made from `since` to `until`, one each `interval`."""

    query: MetricQuery
    since: datetime
    until: datetime
    interval: timedelta
    soak: Soak


@dataclass(frozen=True)
class BroughtPast:
    """Readings that somebody brings, judged as one stage."""

    readings: Sequence[Measured]
    soak: Soak


Past = BroughtPast | SourcePast | UUID
"""The last is a rollout, whose evidence is there."""


class Gates:
    def __init__(self, store: Store, metrics: MetricSource) -> None:
        self._store = store
        self._metrics = metrics

    async def feasibility(self, actor: Actor, query: MetricQuery, plan: Json, gates: Json) -> Feasibility:
        """What such gates could see in such a plan, with the traffic of the last day."""
        actor.require(Permission.CHANGE_PROPOSE)
        parsed = parse_plan(plan, query.environment)
        async with self._store.transaction(actor.tenant) as tx:
            now = tx.now
        return foreseen(parsed, parse_gate_spec(gates), await known_past(self._metrics, query, now))

    async def feasibility_of(self, actor: Actor, change_id: UUID) -> Feasibility:
        """The same of a change, for whoever is to approve it; Missing where it has no gates."""
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            change, now = await existing_change(tx, change_id), tx.now
            parts = await tx.parts.of(change_id)
        tenants = list(dict.fromkeys((part.slug, part.tenant) for part in parts))
        query: Query | None = query_of(change) or (cohort_query_of(change, tenants) if tenants else None)
        if query is None:
            raise Missing(kind_of_thing="gate", id=str(change_id))
        past = await known_past(self._metrics, query, now)
        return foreseen(plan_of(change), parse_gate_spec(change.content.gates or {}), past)

    async def simulate(self, actor: Actor, past: Past, gates: Json) -> list[Judgement]:
        """What such gates would have said; Unavailable where the source says nothing of the past."""
        actor.require(Permission.CHANGE_PROPOSE)
        spec = parse_gate_spec(gates)
        if isinstance(past, BroughtPast):
            return _judged(spec, past.readings, past.soak, None)
        if isinstance(past, SourcePast):
            return await self._of_source(past, spec)
        return await self._of_rollout(actor, past, spec)

    async def _of_source(self, past: SourcePast, spec: GateSpec) -> list[Judgement]:
        windows = int((past.until - past.since) / past.interval)
        if not 1 <= windows <= MOST_CHECKS:
            raise Invalid([Fault("/past/until", f"1 to {MOST_CHECKS} intervals after since")])
        readings = await self._metrics.past(past.query, past.until, past.interval, windows)
        if isinstance(readings, ProviderError):
            raise Unavailable(reason=readings.reason)
        return _judged(spec, readings, past.soak, await known_past(self._metrics, past.query, past.since))

    async def _of_rollout(self, actor: Actor, rollout: UUID, spec: GateSpec) -> list[Judgement]:
        """Stage by stage, with the past that it knew."""
        async with self._store.transaction(actor.tenant) as tx:
            checks = await tx.evidence.all(rollout)
        if not checks:
            raise Missing(kind_of_thing="evidence", id=str(rollout))
        looks = [
            Look(observation_from_json(check.record["observation"]), StageClock.from_json(check.record["stage"]))
            for check in checks
        ]
        befores = (GateState.from_json(check.record["before"]).baseline for check in checks)
        return simulated(spec, looks, next((known for known in befores if known is not None), None))

    async def replay(self, actor: Actor, rollout: UUID) -> list[ReplayedCheck]:
        """Every stored check, judged again."""
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            if await tx.rollouts.get(rollout) is None:
                raise Missing(kind_of_thing="rollout", id=str(rollout))
            checks = await tx.evidence.all(rollout)
        return [replayed_check(check.number, check.record, check.state) for check in checks]


def asked_query(actor: Actor, environment: Environment, key: str, metrics: Json) -> MetricQuery:
    """The question that `metrics` ask about two variants; Invalid names what they lack."""
    given = metrics if isinstance(metrics, dict) else {}
    arms = (given.get("candidate"), given.get("control"))
    faults = [
        Fault(f"/metrics/{name}", "the name of a variant")
        for name, variant in zip(("candidate", "control"), arms, strict=True)
        if not isinstance(variant, str)
    ]
    if faults:
        raise Invalid(faults)
    checked = metrics_of({"source": SourceKind.TELEMETRY.value, **given}, (str(arms[0]), str(arms[1])))
    kind = SourceKind(checked["source"])
    templates = parse_templates(checked["templates"]) if kind.templated else None
    return MetricQuery(kind, actor.tenant, environment, key, checked["candidate"], checked["control"], templates)


def _judged(spec: GateSpec, readings: Sequence[Measured], soak: Soak, past: Baseline | None) -> list[Judgement]:
    looks = looks_of(readings, soak.least.total_seconds(), soak.most.total_seconds())
    return simulated(spec, looks, past)
