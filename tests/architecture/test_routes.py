"""Every route names its actor, every write can be repeated, every replacement names what it replaces."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from api.auth import QUESTIONS, _acting
from api.idempotency import HEADER as KEY
from api.problems import STATUS
from api.routes import ROUTERS

IF_MATCH = "If-Match"
WRITES = {"POST", "PUT", "PATCH", "DELETE"}
ASKS = {
    "/api/v1/flags/{key}/evaluate": "a question in a body, which changes nothing",
    "/api/v1/flags/{key}/explain": "a question in a body, which changes nothing",
    "/api/v1/flags/{key}/impact": "a question in a body, which changes nothing",
    "/api/v1/changes/{id}/impact": "a question in a body, which changes nothing",
    "/api/v1/settings/{key}/check": "a question in a body, which changes nothing",
    "/api/v1/gates/feasibility": "a question in a body, which changes nothing",
    "/api/v1/gates/simulate": "a question in a body, which changes nothing",
    "/api/v1/posting-checks": "a question in a body, which changes nothing",
    "/api/v1/calendar-drafts": "a question in a body, which changes nothing",
    "/api/v1/closure-dry-runs": "a question in a body, which changes nothing",
    "/api/v1/closure-series-dry-runs": "a question in a body, which changes nothing",
    "/api/v1/calendars/{calendar}/years/{year}/preview": "a question in a body, which changes nothing",
    "/api/v1/settings/{key}/reveal": "a secret must be read anew each time, and is never kept to be answered again",
    "/api/v1/settings-bundles/drift": "a question in a body, which changes nothing",
    "/api/v1/settings-bundles/uploads": "bytes that count for nothing until an import names them, and go after a day",
    "/api/v1/instances/acknowledgements": "the same word said again changes nothing",
    "/api/v1/rollouts/{id}/preview-tokens": "a token must be made anew each time, and expires by itself",
    "/api/v1/deployments/{id}/preview-tokens": "a token must be made anew each time, and expires by itself",
    "/api/v1/approvals/{id}/assertions": "a proof must be made anew each time, and counts nothing by itself",
}
WHOLE = {
    "/api/v1/flag-references/{repository}": "a report is whole, and the newest is the true one",
    "/api/v1/closure-evidence/{id}": "evidence is removed once, and never changes otherwise",
    "/api/v1/calendars/{calendar}/years/{year}": "a year is removed whole, and never changes otherwise",
    "/api/v1/freezes/{id}": "a freeze is lifted once, and never changes otherwise",
    "/api/v1/blocks/{id}": "a block is lifted once, and never changes otherwise",
    "/api/v1/posting-exceptions/{id}": "an exception is revoked once, and never changes otherwise",
    "/api/v1/people/{handle}/roles": "roles are few, set whole and by one administrator; the trail has the ones before",
}
ROUTES: list[Any] = [route for router in ROUTERS for route in router.routes]


def named(route: Any) -> str:
    return f"{'/'.join(sorted(route.methods))} {route.path}"


def dependants(root: Any) -> Iterator[Any]:
    yield root
    for each in root.dependencies:
        yield from dependants(each)


def headers(route: Any) -> set[str]:
    return {field.alias for each in dependants(route.dependant) for field in each.header_params}


@pytest.mark.parametrize("route", ROUTES, ids=named)
class TestRoute:
    def test_its_signature_names_the_actor(self, route: Any) -> None:
        assert _acting in {each.call for each in dependants(route.dependant)}

    def test_a_write_takes_an_idempotency_key(self, route: Any) -> None:
        assert not route.methods & WRITES or route.path in ASKS or KEY in headers(route)

    def test_a_replacement_takes_if_match(self, route: Any) -> None:
        assert not route.methods & {"PUT", "PATCH", "DELETE"} or route.path in WHOLE or IF_MATCH in headers(route)

    def test_it_has_a_summary(self, route: Any) -> None:
        assert route.summary


class TestOrder:
    @pytest.mark.req("CB-D16")
    def test_none_hides_behind_an_earlier_one(self) -> None:
        """A word that an earlier route takes for an id is never asked for."""
        asked = [(each, re.sub(r"\{[^}]+\}", "x", each.path)) for each in ROUTES]
        hidden = [
            f"{named(later)} by {earlier.path}"
            for place, (later, path) in enumerate(asked)
            for earlier in ROUTES[:place]
            if earlier.methods & later.methods and earlier.path_regex.fullmatch(path)
        ]
        assert hidden == []


class TestExceptions:
    def test_none_outlives_its_route(self) -> None:
        assert (ASKS.keys() | WHOLE.keys() | QUESTIONS) - {route.path for route in ROUTES} == set()

    def test_statuses_of_refusals_are_errors_of_the_client_or_a_part_that_is_away(self) -> None:
        assert {status for status in STATUS.values() if not 400 <= status < 500} == {503}
