"""A link from a message: who may open it, what it shows, and that it votes once; reading it changes nothing."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from sqlalchemy import text

from adapters.identity.keys import kept_key
from adapters.identity.links import SignedLinks
from adapters.logs import hide_secrets
from application.ports.links import Link
from application.tenants import Tenants

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
CHANGE = {"environment": "staging", "key": "checkout", "definition": FLAG, "base_version": 0,
          "plan": {"strategy": "direct"}, "reason": "sells <script>more</script>"}  # fmt: skip


class Letter:
    """What bob finds in his mailbox, and his browser."""

    def __init__(self, world: Any, house: Any, approval: str, digest: str) -> None:
        self.world, self.house, self.approval, self.digest = world, house, approval, digest
        self.cookies: dict[str, str] = {}
        self.link = Link(
            uuid4(), house.id, house.bob.id, UUID(approval), digest, datetime.now(UTC) + timedelta(hours=72)
        )

    @property
    def token(self) -> str:
        return str(self.world.services.proofs.links.issue(self.link))

    async def send(self, method: str, *, token: str = "", as_: str | None = None, **form: str) -> Any:
        headers = (
            {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        )
        if as_ is not None:
            headers |= {"authorization": self.world.headers(self.house, as_)["Authorization"]}
        async with self.world.client(self.house) as browser:
            answer = await browser.request(method, f"/a/{token or self.token}", headers=headers, data=form or None)
        self.cookies |= dict(answer.cookies)
        return answer

    async def sign_in(self, handle: str = "bob") -> Any:
        token = self.world.headers(self.house, handle)["Authorization"].removeprefix("Bearer ")
        return await self.send("POST", access_token=token)

    async def vote(self, answer: str = "approve", **form: str) -> Any:
        return await self.send("POST", **{"answer": answer, "digest": self.digest, **form})


@pytest.fixture
async def letter(ask: Any, world: Any, house: Any) -> Letter:
    begun = await ask("ada", "POST", "/rollouts", json=CHANGE)
    assert begun.status_code == 201, begun.text
    return Letter(world, house, begun.json()["approval"], begun.json()["change"]["digest"])


@pytest.fixture
def standing(ask: Any, letter: Letter) -> Any:
    async def asked() -> tuple[str, int]:
        found = (await ask("eve", "GET", f"/approvals/{letter.approval}")).json()
        return found["standing"], len(found["votes"])

    return asked


class TestPage:
    async def test_asks_a_stranger_who_they_are_and_says_nothing_of_the_change(self, letter: Letter) -> None:
        page = await letter.send("GET")
        assert (page.status_code, "Access token" in page.text) == (200, True)
        for secret in ("checkout", "ada", letter.digest, letter.approval):
            assert secret not in page.text

    async def test_shows_its_person_what_is_asked(self, letter: Letter) -> None:
        seated = await letter.sign_in()
        assert (seated.status_code, seated.headers["location"]) == (303, f"/a/{letter.token}")
        page = await letter.send("GET")
        for words in (
            "Approve flag checkout?",
            "ada",
            "staging",
            "What changes",
            "How it is taken back",
            letter.digest,
        ):
            assert words in page.text
        assert "<script" not in page.text
        assert "&lt;script&gt;" in page.text

    async def test_needs_no_script_and_may_be_framed_by_nobody(self, letter: Letter) -> None:
        page = await letter.send("GET", as_="bob")
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert re.search(r"<script|\son\w+=|javascript:|src=|href=", page.text) is None
        assert (page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == ("no-referrer", "no-store")

    async def test_keeps_its_cookie_to_itself(self, letter: Letter) -> None:
        cookie = (await letter.sign_in()).headers["set-cookie"].lower()
        for word in ("httponly", "samesite=lax", "path=/a", "max-age=900"):
            assert word in cookie


class TestScanner:
    async def test_that_follows_every_link_changes_nothing(self, letter: Letter, standing: Any) -> None:
        for method in ("GET", "HEAD", "GET"):
            assert (await letter.send(method)).status_code == 200
            assert (await letter.send(method, as_="bob")).status_code == 200
        assert await standing() == ("PENDING", 0)
        await letter.sign_in()
        assert (await letter.vote()).status_code == 200

    async def test_that_sends_the_form_without_a_person_changes_nothing(self, letter: Letter, standing: Any) -> None:
        answer = await letter.vote()
        assert (answer.status_code, "Nothing was counted" in answer.text) == (401, True)
        assert await standing() == ("PENDING", 0)


class TestVote:
    async def test_counts_as_that_of_its_person(self, letter: Letter, standing: Any, ask: Any) -> None:
        await letter.sign_in()
        answer = await letter.vote(reason="fine by me")
        assert (answer.status_code, "You approved flag checkout" in answer.text) == (200, True)
        assert await standing() == ("APPROVED", 1)
        (vote,) = (await ask("eve", "GET", f"/approvals/{letter.approval}")).json()["votes"]
        assert (vote["voter_handle"], vote["answer"], vote["reason"]) == ("bob", "approve", "fine by me")

    async def test_is_given_once(self, letter: Letter, standing: Any) -> None:
        await letter.sign_in()
        await letter.vote()
        for again in (
            await letter.vote(),
            await letter.vote("reject", reason="on second thoughts"),
            await letter.send("GET"),
        ):
            assert (again.status_code, "This link was used" in again.text) == (409, True)
            assert "Nothing was changed." in again.text
        assert await standing() == ("APPROVED", 1)

    async def test_against_needs_a_reason_and_leaves_the_link_good(self, letter: Letter, standing: Any) -> None:
        await letter.sign_in()
        refused = await letter.vote("reject", reason="no")
        assert (refused.status_code, "at least ten characters" in refused.text) == (422, True)
        assert await standing() == ("PENDING", 0)
        assert (await letter.vote("reject", reason="not before the holidays")).status_code == 200
        assert await standing() == ("REJECTED", 1)

    async def test_is_for_what_the_page_showed(self, letter: Letter, standing: Any) -> None:
        await letter.sign_in()
        other = await letter.vote(digest="sha256:" + "0" * 64)
        assert (other.status_code, await standing()) == (409, ("PENDING", 0))
        missing = await letter.send("POST", answer="approve")
        assert (missing.status_code, await standing()) == (422, ("PENDING", 0))

    async def test_of_who_lost_the_role_is_refused(self, letter: Letter, standing: Any, ask: Any) -> None:
        await letter.sign_in()
        await ask("root", "PUT", "/people/bob/roles", json={"roles": ["Viewer"], "reason": "left the team"})
        assert (await letter.vote()).status_code == 403
        assert await standing() == ("PENDING", 0)

    async def test_after_the_end_says_so(self, letter: Letter, ask: Any) -> None:
        await ask("cyd", "POST", f"/approvals/{letter.approval}/approve", json={})
        await letter.sign_in()
        assert "has ended" in (await letter.send("GET")).text
        assert (await letter.vote()).status_code == 409


class TestLink:
    async def test_of_somebody_else_is_refused_and_noted(self, letter: Letter, standing: Any, ask: Any) -> None:
        refused = await letter.sign_in("cyd")
        assert (refused.status_code, "made for somebody else" in refused.text, letter.cookies) == (403, True, {})
        assert (await letter.send("GET", as_="cyd")).status_code == 403
        assert (await letter.send("POST", as_="cyd", answer="approve", digest=letter.digest)).status_code == 403
        assert await standing() == ("PENDING", 0)
        trail = (await ask("aud", "GET", "/audit-logs?action=approval:vote:refused")).json()["items"]
        assert {json.dumps(each["after"]) for each in trail} == {
            json.dumps({"refusal": "link-of-another", "via": "link"})
        }

    async def test_of_another_house_opens_nothing_here(self, letter: Letter) -> None:
        other = await Tenants(letter.world.services.store).admit_tenant(f"n-{uuid4().hex[:12]}", "Next door")
        letter.link = replace(letter.link, tenant=other.id)
        refused = await letter.sign_in()
        assert (refused.status_code, letter.cookies) == (401, {})

    async def test_that_is_too_old_says_so(self, letter: Letter, standing: Any) -> None:
        letter.link = replace(letter.link, expires_at=datetime.now(UTC) - timedelta(seconds=1))
        for answer in (await letter.send("GET", as_="bob"), await letter.send("POST", as_="bob", answer="approve")):
            assert (answer.status_code, "too old" in answer.text) == (403, True)
        assert await standing() == ("PENDING", 0)

    async def test_that_is_forged_says_so(self, letter: Letter, standing: Any, tmp_path: Any) -> None:
        forged = SignedLinks(kept_key(tmp_path / "other.pem"), lambda: datetime.now(UTC)).issue(letter.link)
        for token in (forged, letter.token[:-8], "x"):
            page = await letter.send("GET", token=token, as_="bob")
            assert (page.status_code, "not made here" in page.text) == (403, True)
        assert await standing() == ("PENDING", 0)

    async def test_for_content_that_was_written_anew_is_refused(self, letter: Letter) -> None:
        letter.link = replace(letter.link, digest="sha256:" + "0" * 64)
        await letter.sign_in()
        assert (await letter.send("GET")).status_code == 409

    async def test_with_a_token_of_nobody_lets_nobody_in(self, letter: Letter) -> None:
        answer = await letter.send("POST", access_token="nonsense")
        assert (answer.status_code, "Who are you?" in answer.text, letter.cookies) == (401, True, {})


class TestLog:
    async def test_of_requests_holds_no_link(self, letter: Letter) -> None:
        with structlog.testing.capture_logs() as lines:
            await letter.send("GET")
            await letter.sign_in()
            await letter.vote()
        assert {line["path"] for line in lines if line["event"] == "request"} == {"/a/[hidden]"}
        assert letter.token not in str(lines)

    async def test_of_whoever_forgets_masks_one(self, letter: Letter) -> None:
        line = hide_secrets(None, "info", {"event": f"saw {letter.token}", "path": f"/a/{letter.token}"})
        assert letter.token not in str(line)

    async def test_and_no_table_holds_one(self, letter: Letter, engine: Any) -> None:
        await letter.sign_in()
        await letter.vote()
        async with engine.begin() as connection:
            await connection.execute(
                text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(letter.house.id)}
            )
            for table in ("audit_event", "intent", "notice", "approval_vote"):
                rows = (await connection.execute(text(f"SELECT t::text FROM {table} AS t"))).scalars().all()  # noqa: S608 -- four names above
                assert rows
                assert not any(letter.token in row for row in rows)
