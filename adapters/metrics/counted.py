"""The series that answer the templates are the counts of an arm, or of each tenant."""

from adapters.metrics.answers import Series, Unanswered, buckets_of, by_tenant, counter_of, number_of
from domain.gates import CohortQuery, Counts, MetricQuery, PrometheusTemplates

Answers = dict[str, Series]
"""The series of each template, by its name."""


def templates_of(query: MetricQuery | CohortQuery) -> PrometheusTemplates:
    if query.templates is None:
        raise Unanswered("no_templates")
    return query.templates


def counts_of(answers: Answers) -> Counts | None:
    """None where the requests or the errors are no number."""
    requests, errors = number_of(answers["requests"]), number_of(answers["errors"])
    buckets = buckets_of(answers["latency_buckets"]) if "latency_buckets" in answers else ()
    return None if requests is None or errors is None else Counts(counter_of(requests), counter_of(errors), buckets)


def tenants_of(query: CohortQuery, answers: Answers) -> dict[str, Counts]:
    """By slug, each tenant of the query that has counts."""
    parted = {name: by_tenant(series) for name, series in answers.items()}
    found = {
        slug: counts_of({name: tenants.get(slug, []) for name, tenants in parted.items()}) for slug, _ in query.tenants
    }
    return {slug: counts for slug, counts in found.items() if counts is not None}


def check_form(name: str, series: Series, *, cohort: bool) -> None:
    """Raises Unanswered where the answer has not the form that its template needs."""
    parts = by_tenant(series).values() if cohort and name != "synthetic" else [series]
    for part in parts:
        buckets_of(part) if name == "latency_buckets" else number_of(part)
