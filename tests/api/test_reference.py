import json
import re
from pathlib import Path
from typing import Any

from api.app import operations
from api.reference import openapi

COMMITTED = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
PUBLIC = {
    "/a/{token}",
    "/api/v1/approval-systems/{name}/callback",
    "/healthz",
    "/readyz",
    "/metrics",
    "/problems",
    "/problems/{kind}",
    "/openapi.json",
    "/docs",
    "/docs/reference.css",
    "/flagd/v1/{tenant}/{environment}/flags.json",
    "/flagd/v1/flags.json",
}


class TestReference:
    def test_the_committed_document_is_the_present_one(self) -> None:
        """Written anew by `python -m api.reference > docs/reference/openapi.json`."""
        assert json.loads(COMMITTED.read_text()) == json.loads(json.dumps(openapi()))

    def test_every_route_is_described_or_on_the_short_list(self) -> None:
        assert {route.path for route in operations()} == set(openapi()["paths"]) | PUBLIC

    def test_every_described_route_asks_who_acts(self) -> None:
        for path, methods in openapi()["paths"].items():
            for method, operation in methods.items():
                assert operation.get("security") == [{"HTTPBearer": []}], f"{method} {path}"

    def test_every_route_that_changes_something_takes_a_key(self) -> None:
        exempt = {
            "/api/v1/flags/{key}/evaluate",
            "/api/v1/flags/{key}/explain",
            "/api/v1/flags/{key}/impact",
            "/api/v1/changes/{id}/impact",
            "/api/v1/approvals/{id}/assertions",
            "/api/v1/instances/acknowledgements",
            "/api/v1/settings/{key}/check",
            "/api/v1/gates/feasibility",
            "/api/v1/gates/simulate",
            "/api/v1/calendar-drafts",
            "/api/v1/posting-checks",
            "/api/v1/closure-dry-runs",
            "/api/v1/closure-series-dry-runs",
            "/api/v1/calendars/{calendar}/years/{year}/preview",
            "/api/v1/settings/{key}/reveal",
            "/api/v1/settings-bundles/drift",
            "/api/v1/settings-bundles/uploads",
            "/api/v1/rollouts/{id}/preview-tokens",
            "/api/v1/deployments/{id}/preview-tokens",
        }
        for path, methods in openapi()["paths"].items():
            for method in methods.keys() & {"post", "put"}:
                named = {parameter["name"] for parameter in methods[method]["parameters"]}
                assert ("Idempotency-Key" in named) == (path not in exempt), f"{method} {path}"

    def test_requests_refuse_what_they_do_not_know(self) -> None:
        schemas = openapi()["components"]["schemas"]
        assert all(schema["additionalProperties"] is False for name, schema in schemas.items() if name.endswith("In"))

    def test_answers_always_have_every_field(self) -> None:
        schemas = openapi()["components"]["schemas"]
        for name, schema in schemas.items():
            if name.endswith(("Out", "Page")):
                assert set(schema["required"]) == set(schema["properties"]), name

    async def test_the_page_runs_no_script_and_needs_no_network(self, world: Any, house: Any) -> None:
        async with world.client(house) as client:
            page = await client.get("/docs")
            style = await client.get("/docs/reference.css")
        assert (page.status_code, style.status_code) == (200, 200)
        assert re.search(r"<script|\son\w+=|javascript:", page.text) is None
        assert re.findall(r'(?:src|href)="(?!#|/docs/reference\.css|/openapi\.json)', page.text) == []
        assert "style-src 'self'" in page.headers["Content-Security-Policy"]
        assert "url(" not in style.text
