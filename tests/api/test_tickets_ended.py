"""A request that ended here leaves nobody outside with a question that is none any more."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from standardwebhooks import Webhook

from api.delivery_meters import DeliveryMeters
from domain.approvals import Level
from tests.api.bureau import SECRET, Bureau
from tests.outside import Front, Jira, ServiceNow, standing

pytestmark = pytest.mark.usefixtures("empty_post")


async def withdrawn(bureau: Bureau) -> None:
    answer = await bureau.ask("ada", "POST", f"/changes/{bureau.approval}/withdraw", json={"reason": "no longer"})
    assert answer.status_code == 200, answer.text


async def ended(bureau: Bureau) -> tuple[Any, ...]:
    """What became of the ticket, and what the trail says of that."""
    (ticket,) = await bureau.tickets()
    (said,) = await bureau.trail("approval:ticket:closed")
    assert (said["system"], said["key"]) == (ticket["system"], ticket["key"])
    return ticket["state"], ticket["last_error"], said["outcome"], said["there"]


class TestTicket:
    async def test_is_ended_there_as_soon_as_its_request_is_withdrawn(
        self, bureau: Bureau, servicenow: tuple[ServiceNow, Front], opened: ServiceNow
    ) -> None:
        await withdrawn(bureau)
        await bureau.rounds()
        assert await ended(bureau) == ("closed", None, "withdrawn", True)
        (made,) = opened.tickets.values()
        link = f"https://gate.example.test/api/v1/approvals/{bureau.approval}"
        assert (made["state"], made["close_notes"]) == ("4", f"The request in Changegate is withdrawn: {link}")
        (_, _, headers, body) = next(taken for taken in servicenow[1].taken if taken[0] == "PATCH")
        Webhook(SECRET).verify(body, headers)
        assert headers["idempotency-key"] == headers["webhook-id"] != made["correlation_id"]
        await bureau.later()
        await bureau.rounds()
        assert [method for method, *_ in servicenow[1].taken].count("PATCH") == 1

    async def test_is_ended_there_when_time_is_up(self, bureau: Bureau, opened: ServiceNow) -> None:
        approval = UUID(bureau.approval)
        await bureau.world.processes._balloting.expire(bureau.house.id, approval, datetime.now(UTC))
        await bureau.rounds()
        assert await ended(bureau) == ("closed", None, "expired", True)

    async def test_is_ended_there_when_an_emergency_goes_past_it(self, bureau: Bureau, opened: ServiceNow) -> None:
        wish = {"incident": "INC-7", "reason": "the shop is down and nobody answers"}
        past = await bureau.ask("olu", "POST", f"/changes/{bureau.approval}/break-glass", json=wish)
        assert past.status_code == 200, past.text
        await bureau.rounds()
        assert await ended(bureau) == ("closed", None, "bypassed", True)

    async def test_is_tried_again_while_the_system_is_away(
        self, bureau: Bureau, servicenow: tuple[ServiceNow, Front], opened: ServiceNow
    ) -> None:
        await servicenow[1].down()
        await withdrawn(bureau)
        await bureau.rounds()
        (ticket,) = await bureau.tickets()
        assert (ticket["state"], ticket["last_error"]) == ("open", "no-connection")
        await servicenow[1].up()
        await bureau.later()
        await bureau.rounds()
        assert await ended(bureau) == ("closed", None, "withdrawn", True)

    async def test_ends_here_alone_when_nobody_takes_it_for_too_long(
        self, bureau: Bureau, servicenow: tuple[ServiceNow, Front], opened: ServiceNow
    ) -> None:
        await servicenow[1].down()
        await withdrawn(bureau)
        await bureau.sql("UPDATE approval_ticket SET attempts = 19")
        await bureau.rounds()
        assert await ended(bureau) == ("closed", "no-connection", "withdrawn", False)
        registry = CollectorRegistry()
        registry.register(DeliveryMeters(bureau.courier.sent))
        told = generate_latest(registry).decode()
        assert 'changegate_deliveries_total{kind="ticket",outcome="delivered"} 1.0' in told
        assert 'changegate_deliveries_total{kind="ticket",outcome="given-up"} 1.0' in told
        assert str(bureau.house.id) not in told

    async def test_that_was_made_and_lost_is_found_and_ended(
        self, bureau: Bureau, servicenow: tuple[ServiceNow, Front]
    ) -> None:
        desk, _ = servicenow
        desk.lost = 1
        await bureau.bob()
        await bureau.rounds(1)
        await withdrawn(bureau)
        await bureau.rounds()
        (key,) = desk.tickets
        assert (await bureau.tickets())[0]["key"] == key
        assert await ended(bureau) == ("closed", None, "withdrawn", True)
        assert desk.tickets[key]["state"] == "4"

    async def test_that_was_never_made_is_mentioned_to_nobody(
        self, bureau: Bureau, servicenow: tuple[ServiceNow, Front]
    ) -> None:
        await bureau.bob()
        await withdrawn(bureau)
        await bureau.rounds()
        assert await ended(bureau) == ("closed", None, "withdrawn", False)
        assert servicenow[1].taken == []

    async def test_that_was_answered_stays_as_it_was_answered(
        self, bureau: Bureau, servicenow: tuple[ServiceNow, Front], opened: ServiceNow
    ) -> None:
        assert (await bureau.answer()).status_code == 200
        await bureau.later()
        await bureau.rounds()
        assert (await bureau.tickets())[0]["state"] == "answered"
        assert {method for method, *_ in servicenow[1].taken} == {"POST"}


class TestSystem:
    async def test_moves_its_issue_and_need_not_say_a_word(self, bureau: Bureau) -> None:
        desk = Jira()
        async with standing(desk) as front:
            await bureau.set_up("jira", front, Jira.MAPPING, Level((), (), 1, external="jira"))
            await bureau.rounds()
            await withdrawn(bureau)
            await bureau.rounds()
        assert desk.tickets["OPS-1"]["fields"]["status"]["name"] == "Moved by 61"
        assert await ended(bureau) == ("closed", None, "withdrawn", True)

    async def test_that_names_no_way_keeps_its_ticket(self, bureau: Bureau) -> None:
        desk = ServiceNow()
        mapping = {name: part for name, part in ServiceNow.MAPPING.items() if name != "close"}
        async with standing(desk) as front:
            await bureau.set_up("servicenow", front, mapping, Level((), (), 1, external="servicenow"))
            await bureau.rounds()
            await withdrawn(bureau)
            await bureau.rounds()
            assert {method for method, *_ in front.taken} == {"POST"}
        assert await ended(bureau) == ("closed", None, "withdrawn", False)
