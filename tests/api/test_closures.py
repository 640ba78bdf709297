"""Closes over the API: begun once, worked on by the right people, proven at the end."""

import hashlib
from typing import Any

import pytest
import pytest_asyncio

from domain.canonical import canonical_bytes
from tests.api.bookkeeping import V0, WHY
from tests.api.closing import KIT, Closing

SAID: dict[str, Any] = {"statement_balance": "10.00", "book_balance": "10.00"}


@pytest_asyncio.fixture
async def closing(ask: Any, world: Any, house: Any) -> Closing:
    made = Closing(ask, world, house)
    await made.settle_in()
    return made


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


class TestBegin:
    @pytest.mark.req("FP45")
    async def test_one_at_a_time_and_the_same_request_is_the_same_close(self, closing: Closing, ask: Any) -> None:
        wish, key = {**KIT, **WHY}, {"Idempotency-Key": "close-january"}
        first = await ask("root", "POST", "/period-closures", json=wish, headers=key)
        assert (first.status_code, first.json()["state"], first.json()["attempt"]) == (202, "INITIATED", 1)
        assert first.json()["scopes"] == ["GL"]
        again = await ask("root", "POST", "/period-closures", json=wish, headers=key)
        assert again.json() == first.json()
        other = await ask("root", "POST", "/period-closures", json=wish)
        assert told(other) == (409, "period-closing")
        assert other.json()["run"] == first.json()["id"]
        listed = await ask("eve", "GET", "/period-closures?entity=kit")
        assert [each["id"] for each in listed.json()["items"]] == [first.json()["id"]]

    @pytest.mark.req("FP63")
    async def test_a_dry_run_says_what_would_be_in_the_way_and_changes_nothing(
        self, closing: Closing, ask: Any
    ) -> None:
        before = (await ask("eve", "GET", "/entities/kit/periods/2025-01")).json()
        found = await closing.ok("eve", "POST", "/closure-dry-runs", json=KIT)
        assert found["blockers"] == []
        assert {each["check"] for each in found["checks"]} >= {"unposted", "trial-balance", "chronology"}
        assert (await ask("eve", "GET", "/entities/kit/periods/2025-01")).json() == before
        assert (await ask("eve", "GET", "/period-closures")).json()["items"] == []

    async def test_what_is_not_open_is_not_closed(self, closing: Closing, ask: Any) -> None:
        answer = await ask("root", "POST", "/period-closures", json={**KIT, "period": "2025-02", **WHY})
        assert answer.status_code == 409, answer.text
        answer = await ask("root", "POST", "/period-closures", json={**KIT, "period": "2031-02", **WHY})
        assert answer.status_code == 404, answer.text


class TestTemplates:
    async def test_people_are_named_by_handle_or_by_id(self, closing: Closing, ask: Any) -> None:
        ada, bob = str(closing.house.ada.id), str(closing.house.bob.id)
        tasks = [closing.task("bank", owner="ada", reviewer=bob), closing.task("cash", owner=ada, reviewer="bob")]
        await closing.template(*tasks)
        found = (await ask("eve", "GET", "/closure-templates/monthly")).json()
        assert [(each["owner"], each["reviewer"]) for each in found["tasks"]] == [(ada, bob), (ada, bob)]
        assert found["handles"] == {ada: "ada", bob: "bob"}
        assert (await ask("eve", "GET", "/closure-templates")).json()["items"] == [found]

    async def test_who_is_not_here_is_named_by_the_place_where_they_stand(self, closing: Closing, ask: Any) -> None:
        strange = "00000000-0000-4000-8000-000000000009"
        tasks = [closing.task("bank", owner="ada", reviewer="nobody"), closing.task("cash", owner=strange)]
        for wish, paths in ((tasks, {"/tasks/0/reviewer"}), (tasks[1:], {"/tasks/0/owner"})):
            body = {"tasks": wish, **WHY}
            answer = await ask("root", "PUT", "/closure-templates/monthly", json=body, headers=V0)
            assert told(answer) == (422, "invalid")
            assert {each["path"] for each in answer.json()["faults"]} == paths

    async def test_nobody_reviews_themself_under_another_name(self, closing: Closing, ask: Any) -> None:
        body = {"tasks": [closing.task("bank", owner="ada", reviewer=str(closing.house.ada.id))], **WHY}
        answer = await ask("root", "PUT", "/closure-templates/monthly", json=body, headers=V0)
        assert told(answer) == (403, "sod-violation")


class TestTasks:
    @pytest.mark.req("FP50")
    async def test_a_circle_is_refused_and_named(self, closing: Closing, ask: Any) -> None:
        tasks = [closing.task("a", after=["b"]), closing.task("b", after=["a"])]
        wish = {"tasks": tasks, **WHY}
        answer = await ask("root", "PUT", "/closure-templates/monthly", json=wish, headers=V0)
        assert told(answer) == (422, "dependency-cycle")
        assert {each["path"] for each in answer.json()["faults"]} == {"/tasks/0/after/0", "/tasks/1/after/0"}

    @pytest.mark.req("FP50", "FP51")
    async def test_are_done_in_order_and_by_two_people(self, closing: Closing, ask: Any) -> None:
        bank = closing.task("bank", kind="reconciliation", reviewer=str(closing.house.bob.id), after=["cut-off"])
        await closing.template(closing.task("cut-off"), bank)
        close = await closing.begin(template="monthly")
        await closing.frozen(close)

        async def act(handle: str, task: str, verb: str, **wish: Any) -> Any:
            return await ask(handle, "POST", f"/period-closures/{close}/tasks/{task}/{verb}", json=wish)

        assert told(await act("ada", "bank", "complete", **SAID)) == (409, "task-blocked")
        assert told(await act("bob", "cut-off", "complete")) == (403, "not-your-task")
        assert (await act("ada", "cut-off", "complete")).status_code == 200
        assert told(await act("ada", "bank", "complete")) == (422, "invalid")
        assert (await act("ada", "bank", "complete", **SAID)).status_code == 200
        assert told(await act("ada", "bank", "sign-off")) == (403, "sod-violation")
        done = await act("bob", "bank", "sign-off")
        assert {each["key"]: each["state"] for each in done.json()["tasks"]} == {"cut-off": "done", "bank": "done"}
        assert done.json()["handles"][str(closing.house.ada.id)] == "ada"
        denied = (await ask("aud", "GET", "/audit-logs?action=closure:act:refused")).json()["items"]
        said = {"task-blocked", "not-your-task", "invalid", "sod-violation"}
        assert {each["after"]["refusal"] for each in denied} == said

    @pytest.mark.req("FP60")
    async def test_evidence_is_known_by_its_digest_and_kept(self, closing: Closing, ask: Any) -> None:
        await closing.template(closing.task("bank", needs_evidence=True))
        close = await closing.begin(template="monthly")
        await closing.frozen(close)
        complete = f"/period-closures/{close}/tasks/bank/complete"
        assert told(await ask("ada", "POST", complete, json={})) == (409, "evidence-missing")
        paper = b"%PDF-1.7 what the bank says"
        attached = await ask(
            "ada", "POST", f"/period-closures/{close}/tasks/bank/evidence?name=statement.pdf",
            content=paper, headers={"Content-Type": "application/pdf"},
        )  # fmt: skip
        assert attached.status_code == 201, attached.text
        assert attached.json()["sha256"] == hashlib.sha256(paper).hexdigest()
        where = f"/closure-evidence/{attached.json()['id']}"
        held = await ask("eve", "GET", f"{where}/content")
        assert (held.content, held.headers["Content-Disposition"]) == (paper, "attachment")
        assert told(await ask("root", "DELETE", f"{where}?reason=because")) == (403, "evidence-retained")
        assert (await ask("ada", "POST", complete, json={})).status_code == 200


class TestEnd:
    async def test_a_certificate_proves_it(self, closing: Closing, ask: Any) -> None:
        close = await closing.begin()
        await closing.frozen(close)
        approval = await closing.asked(close)
        for handle in ("bob", "cyd"):
            await closing.ok(handle, "POST", f"/approvals/{approval}/approve", json={})
        await closing.closed(close)
        assert await closing.state(close) == "CLOSED"
        proof = await closing.ok("eve", "GET", f"/period-closures/{close}/certificate")
        body = proof["certificate"]
        assert proof["digest"] == f"sha256:{hashlib.sha256(canonical_bytes(body)).hexdigest()}"
        assert (body["entity"], body["period"], body["run"], body["number"]) == ("kit", "2025-01", close, 1)
        gates = (await closing.ok("eve", "GET", "/entities/kit/periods/2025-01"))["gates"]
        assert [(each["scope"], each["status"]) for each in gates] == [("GL", "closed")]
        late = await ask("root", "POST", f"/period-closures/{close}/abort", json=WHY)
        assert told(late) == (409, "closure-over")

    async def test_says_which_books_were_checked_and_when(self, closing: Closing, ask: Any) -> None:
        close = await closing.begin()
        assert (await closing.ok("eve", "GET", f"/period-closures/{close}"))["checked"] is None
        await closing.frozen(close)
        before = (await closing.ok("eve", "GET", f"/period-closures/{close}"))["checked"]
        await closing.asked(close)
        frozen = (await closing.ok("eve", "GET", f"/period-closures/{close}"))["checked"]
        assert [(each["by"], each["again"]) for each in (before, frozen)] == [
            ("precheck", False),
            ("validation", False),
        ]
        assert before["at"] < frozen["at"]

    @pytest.mark.req("FP58")
    async def test_aborted_its_gates_are_as_they_were(self, closing: Closing, ask: Any) -> None:
        close = await closing.begin()
        assert told(await ask("eve", "GET", f"/period-closures/{close}/certificate")) == (404, "missing")
        await closing.frozen(close)
        key = {"Idempotency-Key": "abort"}
        answers = [await ask("root", "POST", f"/period-closures/{close}/abort", json=WHY, headers=key) for _ in "12"]
        assert [each.json()["state"] for each in answers] == ["ABORTED", "ABORTED"]
        gates = (await closing.ok("eve", "GET", "/entities/kit/periods/2025-01"))["gates"]
        assert [(each["status"], each["posting"]) for each in gates] == [("open", "all")]
