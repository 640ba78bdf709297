"""Messages over the whole way: destinations set up through the API, and servers on loopback that die and come back."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from standardwebhooks import Webhook

from adapters.crypto import EnvelopeSealer
from adapters.crypto.files import FileKeyRing
from adapters.egress.client import EgressClient
from adapters.notify.fanout import FanoutNotifier
from adapters.notify.mail import MailNotifier, MailServer, Security
from adapters.notify.webhook import WebhookNotifier
from application.commands.handling import Handlers
from application.commands.telling import Telling
from application.delivering import Delivery, Outlets
from application.notice_commands import DELIVER_NOTICE
from application.ports.notify import Channel
from tests.outside import Front, Post, fine
from tests.own import Hand

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
WHY = {"reason": "because of the test"}
FIRST = {"If-Match": '"v0"'}
SECRET = "whsec_" + "c2VjcmV0" * 4
CHANGE = {"environment": "production", "key": "checkout", "definition": FLAG, "base_version": 0,
          "plan": {"strategy": "direct"}, **WHY}  # fmt: skip


class Office:
    """One tenant's way out, with everything that it reaches."""

    def __init__(self, ask: Any, engine: Any, house: Any, hand: Hand, post: Post, front: Front) -> None:
        self.ask, self.engine, self.house = ask, engine, house
        self.hand, self.post, self.front = hand, post, front

    async def put(self, name: str, **wish: Any) -> Any:
        answer = await self.ask("ada", "PUT", f"/destinations/{name}", json={**WHY, **wish}, headers=FIRST)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def submit(self) -> str:
        begun = await self.ask("ada", "POST", "/rollouts", json=CHANGE)
        assert begun.status_code == 201, begun.text
        return str(begun.json()["approval"])

    async def delivered(self) -> None:
        """What is due has been tried."""
        await self.hand.work(self.house.id)

    async def sql(self, statement: str) -> list[Any]:
        async with self.engine.begin() as connection:
            await connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(self.house.id)})
            found = await connection.execute(text(statement))
            return list(found) if found.returns_rows else []

    async def later(self) -> None:
        """As if the pause after a failure, and the rest of a receiver, were over."""
        await self.sql("UPDATE command SET due_at = now(), rank = now() - interval '1 hour' WHERE state = 'retry-wait'")
        await self.sql("UPDATE command_breaker SET held_until = now() WHERE state <> 'closed'")


@pytest_asyncio.fixture
async def office(ask: Any, engine: Any, house: Any, store: Any, world: Any, data_folder: Any) -> AsyncIterator[Office]:
    post, front = Post(), Front(fine)
    await post.up()
    await front.up()
    async with EgressClient(allow_loopback=True, total_seconds=5) as egress:

        async def none(_recipient: Any) -> str:
            return ""

        notifier = FanoutNotifier(
            {
                Channel.MAIL: MailNotifier(MailServer("127.0.0.1", post.port, "gate@example.test", Security.PLAIN)),
                Channel.WEBHOOK: WebhookNotifier(egress, none),
                Channel.SLACK: WebhookNotifier(egress, None),
            }
        )
        delivery = Delivery(
            store, notifier, Outlets("https://gate.example.test"),
            EnvelopeSealer(FileKeyRing(data_folder / "ring")), links=world.services.proofs.links,
        )  # fmt: skip

        hand = Hand(store, Handlers(Telling(store, delivery, Counter())), DELIVER_NOTICE)
        yield Office(ask, engine, house, hand, post, front)
    await front.down()
    await post.down()


class TestDestination:
    async def test_is_written_read_and_removed_at_the_version_that_was_read(self, ask: Any, office: Office) -> None:
        made = await office.put("ops", kind="slack", url="https://hooks.example/services/T0/B0/xyzzy")
        assert (made["version"], made["shown"], made["failing_since"]) == (1, "https://hooks.example", None)
        wish = {"kind": "slack", "url": "https://hooks.example/other", "enabled": False, **WHY}
        assert (await ask("ada", "PUT", "/destinations/ops", json=wish, headers=FIRST)).status_code == 412
        again = await ask("ada", "PUT", "/destinations/ops", json=wish, headers={"If-Match": made_tag(made)})
        assert (again.json()["version"], again.json()["enabled"]) == (2, False)
        listed = await ask("ada", "GET", "/destinations")
        assert [each["name"] for each in listed.json()["items"]] == ["ops"]
        gone = await ask("ada", "DELETE", "/destinations/ops", params=WHY, headers={"If-Match": '"v2"'})
        assert (gone.status_code, (await ask("ada", "GET", "/destinations/ops")).status_code) == (204, 404)
        kept = await office.sql("SELECT d::text FROM destination AS d UNION ALL SELECT a::text FROM audit_event AS a")
        assert not any("xyzzy" in row[0] or "other" in row[0] for row in kept)

    @pytest.mark.parametrize(
        ("wish", "path"),
        [
            ({"kind": "slack"}, "/url"),
            ({"kind": "slack", "url": "ftp://x.example"}, "/url"),
            ({"kind": "slack", "url": "https://x.example", "secret": SECRET}, "/secret"),
            ({"kind": "webhook", "url": "https://x.example"}, "/secret"),
            ({"kind": "webhook", "url": "https://x.example", "secret": "short"}, "/secret"),
            ({"kind": "email-list"}, "/addresses"),
            ({"kind": "email-list", "addresses": ["nobody"]}, "/addresses/0"),
            ({"kind": "email-list", "addresses": ["a@x.example\nBcc: b@x.example"]}, "/addresses/0"),
            ({"kind": "slack", "url": "https://x.example", "events": ["everything"]}, "/events"),
        ],
    )
    async def test_that_cannot_be_told_is_refused(self, ask: Any, wish: Any, path: str) -> None:
        answer = await ask("ada", "PUT", "/destinations/ops", json={**WHY, **wish}, headers=FIRST)
        assert answer.status_code == 422
        assert [fault["path"] for fault in answer.json()["faults"]] == [path]


class TestMessages:
    async def test_say_what_is_asked_how_far_it_reaches_and_how_it_is_taken_back(self, office: Office) -> None:
        approval = await office.submit()
        await office.delivered()
        (mail,) = office.post.to("bob@example.test")
        plain, html = (side.get_content() for side in mail.iter_parts())
        for words in ("What changes", "How far it reaches", "How it is taken back", "ada"):
            assert words in plain
            assert words in html
        assert '+ everything: {"defaultVariant"' in plain
        link = re.search(r"https://gate\.example\.test/a/(\S+)", plain)
        assert link is not None
        assert approval not in plain
        (facts,) = await office.sql("SELECT string_agg(facts::text || link, ' ') FROM notice")
        assert "defaultVariant" not in facts[0]
        assert link[1] not in facts[0]

    async def test_go_to_a_channel_as_blocks_with_a_text_for_who_cannot_show_them(self, office: Office) -> None:
        await office.put("ops", kind="slack", url=f"{office.front.url}/services/x", events=["approval_requested"])
        await office.submit()
        await office.delivered()
        ((_, path, headers, body),) = office.front.taken
        said = json.loads(body)
        assert path == "/services/x"
        assert "webhook-signature" not in headers
        assert said["text"].startswith("Approval needed: flag checkout")
        assert {block["type"] for block in said["blocks"]} == {"header", "section"}
        assert any("How it is taken back" in str(block) for block in said["blocks"])
        assert "/a/" not in said["text"]

    async def test_go_to_a_webhook_under_its_own_secret(self, office: Office) -> None:
        await office.put("ops", kind="webhook", url=f"{office.front.url}/hook", secret=SECRET)
        await office.submit()
        await office.delivered()
        ((_, _, headers, body),) = office.front.taken
        assert Webhook(SECRET).verify(body, headers)["blocks"]

    async def test_go_to_each_address_of_a_list(self, office: Office) -> None:
        await office.put("board", kind="email-list", addresses=["a@board.example", "b@board.example"])
        await office.submit()
        await office.delivered()
        assert [len(office.post.to(f"{name}@board.example")) for name in "ab"] == [1, 1]
        kept = await office.sql("SELECT n::text FROM notice AS n")
        assert not any("board.example" in row[0] for row in kept)

    async def test_follow_what_was_asked_for(self, office: Office) -> None:
        url = f"{office.front.url}/x"
        await office.put("kills", kind="slack", url=url, events=["kill_switch"])
        await office.put("dev", kind="slack", url=url, environments=["dev"])
        await office.put("off", kind="slack", url=url, enabled=False)
        await office.submit()
        await office.delivered()
        assert office.front.taken == []


class TestDeadReceivers:
    @pytest.mark.req("S77")
    async def test_each_gets_everything_once_when_they_come_back(self, office: Office) -> None:
        await office.put("ops", kind="slack", url=f"{office.front.url}/x")
        await office.put("board", kind="email-list", addresses=["a@board.example"])
        await office.post.down()
        await office.front.down()
        await office.submit()
        await office.delivered()
        assert (await office.ask("ada", "GET", "/destinations/ops")).json()["last_error"] == "no-connection"
        await office.front.up()
        await office.later()
        await office.delivered()
        assert (len(office.front.taken), office.post.mails) == (1, [])
        assert (await office.ask("ada", "GET", "/destinations/ops")).json()["failing_since"] is None
        await office.post.up()
        for _ in range(2):
            await office.later()
            await office.delivered()
        told = [mail["To"].addresses[0].addr_spec for mail in office.post.mails]
        assert sorted(told) == ["a@board.example", "bob@example.test", "cyd@example.test", "dee@example.test"]
        assert len({mail["Message-ID"] for mail in office.post.mails}) == len(told)
        assert len(office.front.taken) == 1
        assert await office.sql("SELECT 1 FROM notice WHERE state <> 'delivered'") == []

    @pytest.mark.req("CB-60")
    async def test_one_whose_message_an_operator_cancels_is_told_nothing(self, office: Office) -> None:
        await office.put("ops", kind="slack", url=f"{office.front.url}/x")
        await office.front.down()
        await office.submit()
        await office.delivered()
        waiting = {"type": DELIVER_NOTICE, "state": "retry-wait"}
        (waits,) = (await office.ask("olu", "GET", "/commands", params=waiting)).json()["items"]
        assert (waits["dependency"], waits["error"]["code"]) == ("receiver:to.ops", "no-connection")
        canceled = await office.ask(
            "olu", "POST", f"/commands/changegate/{waits['id']}/cancel", headers={"If-Match": f'"v{waits["version"]}"'},
            json={"operation_id": str(uuid4()), "reason": "Nobody needs to hear it any more."},
        )  # fmt: skip
        assert (canceled.status_code, canceled.json()["state"]) == (200, "canceled")
        (stands,) = await office.sql("SELECT state, attempts, last_error FROM notice WHERE destination = 'ops'")
        assert tuple(stands) == ("failed", 1, "canceled")
        await office.front.up()
        await office.later()
        await office.delivered()
        assert office.front.taken == []

    @pytest.mark.req("S77")
    async def test_one_that_hangs_delays_no_other(self, office: Office, eventually: Any) -> None:
        held = asyncio.Event()

        async def never(_taken: Any) -> tuple[int, Any]:
            await held.wait()
            return 200, {}

        hanging = Front(never)
        await hanging.up()
        await office.put("hangs", kind="slack", url=f"{hanging.url}/x")
        await office.put("prompt", kind="slack", url=f"{office.front.url}/x")
        await office.submit()
        delivering = asyncio.create_task(office.delivered())

        async def others_told() -> bool:
            return len(office.front.taken) == 1 and len(office.post.mails) == 3 and len(hanging.taken) == 1

        await eventually(others_told)
        assert await office.sql("SELECT 1 FROM notice WHERE state = 'due' AND destination = 'hangs'") != []
        held.set()
        await delivering
        assert await office.sql("SELECT 1 FROM notice WHERE state <> 'delivered'") == []
        await hanging.down()


def made_tag(made: Any) -> str:
    return f'"v{made["version"]}"'
