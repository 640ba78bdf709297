import json
from typing import Any

import pytest

from api.problems import STATUS, status_of
from application.ports.records import AuditFilter
from domain.errors import Invalid, Refusal
from domain.rollouts import AlreadyTerminal

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
WHY = {"reason": "because of the test"}
CREATE = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
JSON = {"Content-Type": "application/json"}


def _is_problem(answer: Any, status: int, kind: str) -> Any:
    told = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, told["status"], told["type"]) == (status, status, f"/problems/{kind}")
    assert told["title"]
    return told


class TestProblems:
    def test_a_refusal_has_the_status_of_its_nearest_kin(self) -> None:
        assert status_of(AlreadyTerminal(state="SUCCEEDED")) == 409
        assert status_of(Invalid([])) == 422

    def test_every_kind_of_refusal_has_a_status(self) -> None:
        direct = [kind for kind in Refusal.__subclasses__() if kind.__module__ == "domain.errors"]
        assert set(direct) <= set(STATUS)

    async def test_no_such_path(self, ask: Any) -> None:
        told = _is_problem(await ask("ada", "GET", "/nothing"), 404, "not-found")
        assert told["instance"] == "/api/v1/nothing"

    async def test_no_such_method_names_all_that_there_are(self, ask: Any) -> None:
        answer = await ask("ada", "DELETE", "/flags/checkout")
        _is_problem(answer, 405, "method-not-allowed")
        assert answer.headers["Allow"] == "GET, PUT"

    @pytest.mark.parametrize(
        "body", [b"{", b"nope", b'{"key": NaN}', b'{"a": 1e999}', b"[" * 5000, b'"\\ud800"', b"\xff"]
    )
    async def test_what_is_not_json_is_400(self, ask: Any, body: bytes) -> None:
        _is_problem(await ask("ada", "POST", "/flags", content=body, headers=JSON), 400, "malformed-json")

    async def test_a_lone_surrogate_is_400(self, ask: Any) -> None:
        body = json.dumps({**CREATE, "reason": "\ud800 because"}).encode()
        _is_problem(await ask("ada", "POST", "/flags", content=body, headers=JSON), 400, "malformed-json")

    async def test_a_nul_is_422_with_its_place(self, ask: Any) -> None:
        flag = {**FLAG, "metadata": {"owner": "a\x00b"}}
        told = _is_problem(await ask("ada", "POST", "/flags", json={**CREATE, "definition": flag}), 422, "invalid")
        assert told["faults"][0]["path"] == "/definition/metadata/owner"

    async def test_an_escaped_backslash_before_zeros_is_no_nul(self, ask: Any) -> None:
        flag = {**FLAG, "metadata": {"owner": "\\u0000"}}
        assert (await ask("ada", "POST", "/flags", json={**CREATE, "definition": flag})).status_code == 201

    @pytest.mark.parametrize("path", ["/audit-logs?action=a%00b", "/flags?environment=dev&%00=1"])
    async def test_a_nul_in_a_query_is_422(self, ask: Any, path: str) -> None:
        _is_problem(await ask("root", "GET", path), 422, "invalid")

    async def test_a_nul_in_a_path_is_422(self, ask: Any) -> None:
        _is_problem(await ask("ada", "GET", "/flags/a%00b?environment=dev"), 422, "invalid")

    async def test_an_unknown_field_is_422_with_its_place(self, ask: Any) -> None:
        told = _is_problem(await ask("ada", "POST", "/flags", json={**CREATE, "roles": ["Admin"]}), 422, "invalid")
        assert told["faults"][0]["path"] == "/roles"

    async def test_a_body_of_another_type_is_422(self, ask: Any) -> None:
        _is_problem(await ask("ada", "POST", "/flags", content=b"key=checkout"), 422, "invalid")

    @pytest.mark.parametrize("way", ["announced", "in parts"])
    async def test_a_body_beyond_its_bound_is_413(self, ask: Any, way: str) -> None:
        async def parts() -> Any:
            for _ in range(20):
                yield b" " * 64 * 1024

        body = b" " * (1024 * 1024 + 1) if way == "announced" else parts()
        _is_problem(await ask("ada", "POST", "/flags", content=body, headers=JSON), 413, "body-too-large")

    async def test_what_was_sent_is_never_sent_back(self, ask: Any) -> None:
        secret = "hunter2hunter2"
        wrong = {**CREATE, "environment": secret, "key": f"{secret} {secret}", "definition": secret, "reason": ""}
        answer = await ask("ada", "POST", f"/flags?limit={secret}", json=wrong)
        assert answer.status_code == 422
        assert secret not in answer.text
        other = await ask("ada", "GET", f"/changes/{secret}")
        assert secret not in json.dumps(other.json()["faults"])

    async def test_a_defect_tells_nothing(self, ask: Any, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        async def broken(*_: object, **__: object) -> None:
            raise RuntimeError("password=hunter2")

        monkeypatch.setattr(type(world.services.tenants), "people", broken)
        answer = await ask("ada", "GET", "/people")
        _is_problem(answer, 500, "internal")
        assert "hunter2" not in answer.text
        assert answer.headers["X-Request-Id"]

    async def test_several_tenants_ask_which(self, world: Any, house: Any) -> None:
        async with world.client(house) as client:
            token = world.headers(house, "ada")["Authorization"]
            answer = await client.get("/api/v1/me", headers={"Authorization": token})
            if answer.status_code != 200:
                _is_problem(answer, 422, "tenant-ambiguous")
            other = await client.get("/api/v1/me", headers={"Authorization": token, "Changegate-Tenant": "nowhere"})
        _is_problem(other, 401, "principal-unknown")


class TestEveryAnswer:
    @pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/nothing", "/healthz", "/openapi.json"])
    async def test_has_the_headers_that_keep_browsers_safe(self, ask: Any, world: Any, house: Any, path: str) -> None:
        async with world.client(house, "ada") as client:
            headers = (await client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Cache-Control"] == "no-store"

    async def test_bears_the_trace_of_the_caller_and_so_does_the_trail(self, ask: Any, world: Any, house: Any) -> None:
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        parent = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        answer = await ask("ada", "POST", "/flags", json=CREATE, headers=parent)
        assert answer.headers["X-Request-Id"] == trace
        async with world.services.store.transaction(house.id) as tx:
            (row,) = await tx.audit.page(AuditFilter(action="flag:definition:created"), None, 5)
        assert (row.event["trace_id"], row.event["source_ip"]) == (trace, "127.0.0.1")

    @pytest.mark.parametrize(
        "parent", ["00-" + "0" * 32 + "-00f067aa0ba902b7-01", "x", "00-" + "A" * 32 + "-" + "1" * 16]
    )
    async def test_a_trace_that_is_none_is_replaced(self, ask: Any, parent: str) -> None:
        answer = await ask("ada", "GET", "/me", headers={"traceparent": parent})
        assert answer.headers["X-Request-Id"].strip("0") != ""
