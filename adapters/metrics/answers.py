"""An answer of Prometheus is one number, a histogram, or the reason why it is neither."""

import json
import math
from typing import Any

from domain.gates import Buckets, Counts

Series = list[dict[str, Any]]
Steps = dict[float, Series]
"""By instant, in seconds."""

_OK = 200
_BAD_QUERY = {400, 422}
WORTH_ANOTHER_TRY = frozenset({408, 425, 429, 500, 502, 503, 504})


class Unanswered(Exception):
    """`reason` as in ProviderError; `again` when another try may help, not sooner than after `wait` seconds."""

    def __init__(self, reason: str, *, again: bool = False, detail: str = "", wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason, self.again, self.detail, self.wait = reason, again, detail, wait


def series_of(status: int, body: bytes) -> Series:
    """The series of a successful answer; a scalar counts as one series without labels."""
    kind, result = _result(status, body)
    try:
        if kind == "scalar":
            return [{"metric": {}, "value": result}]
        if kind != "vector":
            raise Unanswered("bad_query", detail=f"returns a {kind}; an instant vector is needed"[:500])
        return [{"metric": dict(each["metric"]), "value": list(each["value"])} for each in result]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unanswered(_reason(status)) from error


def steps_of(status: int, body: bytes) -> Steps:
    """The series of a range by instant, in seconds."""
    kind, result = _result(status, body)
    if kind != "matrix":
        raise Unanswered("bad_query", detail=f"returns a {kind}; a range of instant vectors is needed"[:500])
    steps: Steps = {}
    try:
        for each in result:
            for at, value in each["values"]:
                steps.setdefault(round(float(at), 3), []).append({"metric": each["metric"], "value": [at, value]})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unanswered(_reason(status)) from error
    return steps


def _result(status: int, body: bytes) -> tuple[str, Any]:
    if status != _OK and status not in _BAD_QUERY:
        raise Unanswered(f"http_{status}", again=status in WORTH_ANOTHER_TRY)
    try:
        answer = json.loads(body)
        if answer["status"] != "success":
            raise Unanswered("bad_query", detail=str(answer.get("error", ""))[:500])
        return answer["data"]["resultType"], answer["data"]["result"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unanswered(_reason(status)) from error


def _reason(status: int) -> str:
    return f"http_{status}" if status in _BAD_QUERY else "malformed_answer"


def by_tenant(series: Series) -> dict[str, Series]:
    """The series of each tenant, as its label says."""
    found: dict[str, Series] = {}
    for one in series:
        tenant = one["metric"].get("tenant")
        if not tenant:
            raise Unanswered("series_without_tenant", detail="returns a series without tenant; aggregate by (tenant)")
        found.setdefault(tenant, []).append(one)
    return found


def number_of(series: Series) -> float | None:
    """The one number; None for no series, NaN, infinity or less than zero."""
    if len(series) > 1:
        raise Unanswered("ambiguous_series", detail=f"returns {len(series)} series; aggregate them to one")
    return _finite(series[0]) if series else None


def _finite(one: dict[str, Any]) -> float | None:
    try:
        number = float(one["value"][1])
    except (ValueError, TypeError, IndexError) as error:
        raise Unanswered("malformed_answer") from error
    return number if math.isfinite(number) and number >= 0 else None


def counter_of(number: float) -> int:
    return round(number)


def buckets_of(series: Series) -> Buckets:
    """Ascending buckets; empty for no series or where a height is no number."""
    heights: dict[float, int] = {}
    for one in series:
        number = _finite(one)
        if number is None:
            return ()
        try:
            bound = float(one["metric"]["le"])
        except (KeyError, ValueError, TypeError) as error:
            raise Unanswered("buckets_without_le", detail="returns a series without le; aggregate by (le)") from error
        if bound in heights:
            raise Unanswered("ambiguous_series", detail=f"returns le={bound} twice; aggregate by (le)")
        heights[bound] = counter_of(number)
    buckets = tuple(sorted(heights.items()))
    try:
        return Counts(0, 0, buckets).buckets
    except ValueError as error:
        raise Unanswered("malformed_buckets", detail="buckets must accumulate and end at le=+Inf") from error
