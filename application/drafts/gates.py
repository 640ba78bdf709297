"""How a change would be judged: its gates, and where the numbers come from."""

from collections.abc import Sequence
from uuid import UUID

from application.drafts.wanted import under
from domain.canonical import Json
from domain.changes import ChangeSet
from domain.errors import Fault, Invalid
from domain.gates import CohortQuery, MetricQuery, SourceKind, parse_gate_spec, parse_templates
from domain.rollouts import Plan


def gates_of(plan: Plan, raw: Json) -> Json:
    """None of a plan that is not watched."""
    if not plan.gated and raw is None:
        return None
    try:
        return parse_gate_spec(raw if raw is not None else {}).to_json()
    except Invalid as refusal:
        raise type(refusal)(under("/gates", refusal), **refusal.facts) from None


def metrics_of(raw: Json, arms: tuple[str, str] | None) -> Json:
    """`arms` are the candidate and the control; None where whole tenants are compared."""
    given = raw if raw is not None else {"source": SourceKind.TELEMETRY.value}
    if not isinstance(given, dict) or given.get("source") not in list(SourceKind):
        raise Invalid([Fault("/metrics/source", "one of " + ", ".join(SourceKind))])
    known = {"source", "templates", *(("candidate", "control") if arms else ())}
    faults = [Fault(f"/metrics/{name}", "unknown field") for name in sorted(set(given) - known)]
    if faults:
        raise Invalid(faults)
    checked: dict[str, Json] = {"source": given["source"]}
    if arms is not None:
        checked |= {"candidate": arms[0], "control": arms[1]}
    if SourceKind(given["source"]).templated:
        templates = parse_templates(given.get("templates"), "/metrics/templates", cohort=arms is None)
        checked["templates"] = templates.to_json()
    elif given.get("templates") is not None:
        raise Invalid([Fault("/metrics/templates", "not for telemetry")])
    return checked


def query_of(change: ChangeSet, variants: tuple[str, str] | None = None) -> MetricQuery | None:
    """What the gates of this change count; None where it has none, or where they count whole tenants."""
    metrics = change.content.metrics
    if metrics is None or change.content.tenants is not None:
        return None
    candidate, control = variants or (metrics["candidate"], metrics["control"])
    kind = SourceKind(metrics["source"])
    templates = parse_templates(metrics["templates"]) if kind.templated else None
    target = change.target
    return MetricQuery(kind, change.tenant, target.environment, target.key, candidate, control, templates)


def cohort_query_of(change: ChangeSet, tenants: Sequence[tuple[str, UUID]]) -> CohortQuery | None:
    """What the gates of this change count of each tenant, by slug and id; None where it has none for tenants."""
    metrics = change.content.metrics
    if metrics is None or change.content.tenants is None:
        return None
    kind = SourceKind(metrics["source"])
    templates = parse_templates(metrics["templates"], cohort=True) if kind.templated else None
    target = change.target
    key = target.content.get("key", target.key)
    return CohortQuery(kind, change.tenant, tuple(tenants), target.environment, key, templates)
