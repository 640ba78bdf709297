"""A source is asked once for what was before the rollout, and at each check for what is now."""

from dataclasses import replace
from datetime import datetime

from application.ports.metrics import MetricSource
from domain.gates import (
    Baseline,
    CohortQuery,
    GateSpec,
    GateState,
    MetricQuery,
    NamedGate,
    NamedState,
    Observation,
    ProviderError,
    SourceKind,
    baseline_of,
    cohort_baseline_of,
    parse_templates,
)
from domain.gates.baseline import FINE_STEP, FINE_WINDOWS, STEP, WINDOWS

Query = MetricQuery | CohortQuery


async def observed(metrics: MetricSource, query: Query, at: datetime) -> Observation:
    if isinstance(query, CohortQuery):
        return await metrics.read_cohort(query, at)
    return await metrics.read(query, at)


async def all_observed(
    metrics: MetricSource, query: Query, spec: GateSpec, at: datetime
) -> tuple[Observation, dict[str, Observation]]:
    """What the guardrails count, and by name what each signal and info counts."""
    named = {gate.name: await observed(metrics, asked_by(gate, query), at) for gate in (*spec.signals, *spec.infos)}
    return await observed(metrics, query, at), named


async def with_past(
    metrics: MetricSource, query: Query, spec: GateSpec, state: GateState, until: datetime
) -> GateState | ProviderError:
    """The state of a gate that has not looked yet, with what was before `until`, for each of its metrics."""
    past = await baseline(metrics, query, until, spec)
    if isinstance(past, ProviderError):
        return past
    named: dict[str, NamedState] = {}
    for gate in (*spec.signals, *spec.infos):
        own = await baseline(metrics, asked_by(gate, query), until, GateSpec(latency=gate.latency))
        known = Baseline() if isinstance(own, ProviderError) else own  # what only holds or tells may go without
        named[gate.name] = NamedState(GateState(baseline=known))
    return replace(state, baseline=past, named=named)


async def baseline(metrics: MetricSource, query: Query, until: datetime, spec: GateSpec) -> Baseline | ProviderError:
    """A day in quarters of an hour, and its last hour by the minute."""
    if isinstance(query, CohortQuery):
        days, hours = [
            await metrics.past_cohort(query, until, *each) for each in ((STEP, WINDOWS), (FINE_STEP, FINE_WINDOWS))
        ]
        if isinstance(days, ProviderError):
            return days
        return hours if isinstance(hours, ProviderError) else cohort_baseline_of(days, hours, spec.latencies)
    day, hour = [await metrics.past(query, until, *each) for each in ((STEP, WINDOWS), (FINE_STEP, FINE_WINDOWS))]
    if isinstance(day, ProviderError):
        return day
    return hour if isinstance(hour, ProviderError) else baseline_of(day, hour)


def asked_by(gate: NamedGate, query: Query) -> Query:
    """The same question about the metrics of a named gate."""
    if gate.metrics is None or "key" in gate.metrics:
        key = query.key if isinstance(query, CohortQuery) else query.flag
        wanted = key if gate.metrics is None else gate.metrics["key"]
        kind = SourceKind.TELEMETRY if gate.metrics is not None else query.source
        templates = None if gate.metrics is not None else query.templates
        if isinstance(query, CohortQuery):
            return replace(query, source=kind, key=wanted, templates=templates)
        return replace(query, source=kind, flag=wanted, templates=templates)
    cohort = isinstance(query, CohortQuery)
    templates = parse_templates(gate.metrics["templates"], cohort=cohort)
    kind = query.source if query.source.templated else SourceKind.PROMETHEUS
    return replace(query, source=kind, templates=templates)
