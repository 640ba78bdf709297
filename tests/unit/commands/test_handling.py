"""Handlers say themselves what they take; two that take the same are found before the first command is."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from adapters.handlers import named_handlers
from application.commands.handling import Handlers, HandlerTwice, Order, handles, upcasts
from application.commands.sending import Sent
from domain.canonical import Json
from domain.commands import Command
from domain.commands.outcomes import HandlerKind
from domain.commands.policies import TypePolicy
from domain.errors import Invalid

EXTERNAL = HandlerKind.EXTERNAL
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Amount(BaseModel):
    cents: int


class Kept(BaseModel):
    cents: int
    owner: str


class Bank:
    """`asked` has an effect: nobody may ask for it who only looks for handlers."""

    def __init__(self, name: str = "bank") -> None:
        self.name = name

    @property
    def asked(self) -> str:
        raise AssertionError

    @handles("bank.pay", Amount, EXTERNAL, policy=TypePolicy(max_attempts=5))
    async def pay(self, order: Order, amount: Amount) -> Json:
        return [self.name, order.idempotency_key, amount.cents]

    @handles("bank.pay", Amount, EXTERNAL, version=2)
    async def pay_newly(self, order: Order, amount: Amount) -> Json:
        return [order.attempt, amount.cents]


@handles("post.send", Amount, HandlerKind.TRANSACTIONAL)
async def send(order: Order, amount: Amount, connection: object) -> Json:
    return [order.tenant.hex, amount.cents, connection]


async def nothing(*_: Command) -> list[Sent]:
    return []


def order(name: str = "bank.pay", version: int = 1, payload: Any = None) -> Order:
    command = Command(name, "7", payload or {"cents": 5}, version)
    return Order(UUID(int=1), command, epoch=2, attempt=3, sent_at=NOON, sender=None, send=nothing)


class TestHandlers:
    @pytest.mark.req("S006")
    async def test_each_is_found_by_type_and_version(self) -> None:
        handlers = Handlers(Bank("ours"), send)
        old, new = handlers.find(order().command), handlers.find(order(version=2).command)
        assert old is not None
        assert new is not None
        assert await old.call(order(), old.read({"cents": 5})) == ["ours", "bank/7:2", 5]
        assert await new.call(order(), new.read({"cents": 6})) == [3, 6]
        assert handlers.find(order(version=3).command) is None
        assert handlers.domains == ["bank", "post"]

    def test_the_catalogue_says_what_they_take(self) -> None:
        first, second, third = Handlers(send, Bank()).types()
        assert [(each.type, each.schema_version) for each in (first, second, third)] == [
            ("bank.pay", 1),
            ("bank.pay", 2),
            ("post.send", 1),
        ]
        assert first.schema["required"] == ["cents"]
        assert first.policy == {
            "max_attempts": 5, "backoff_seconds": [10, 60, 300], "timeout_seconds": 30, "owner": None, "runbook": None,
            "posts": None, "lane": "chunk", "heartbeat_seconds": None, "money": False, "locked": [],
        }  # fmt: skip

    @pytest.mark.req("CB-12", "S006")
    def test_two_of_one_type_are_an_error_at_once(self) -> None:
        with pytest.raises(HandlerTwice) as raised:
            Handlers(Bank(), Bank())
        assert raised.value.facts == {"type": "bank.pay", "version": 1}

    def test_what_is_called_elsewhere_posts_nothing(self) -> None:
        with pytest.raises(ValueError, match="same transaction"):
            handles("bank.pay", Amount, EXTERNAL, policy=TypePolicy(posts="AP"))

    @pytest.mark.req("S006")
    async def test_what_is_marked_is_the_function_that_was_written(self) -> None:
        assert await send(order(), Amount(cents=1), "a connection") == [UUID(int=1).hex, 1, "a connection"]

    def test_payloads_are_read_by_the_model_and_faults_show_no_value(self) -> None:
        handler = Handlers(Bank()).find(order().command)
        assert handler is not None
        with pytest.raises(Invalid) as raised:
            handler.read({"cents": "between us"})
        (fault,) = raised.value.faults
        assert fault.path == "/payload/cents"
        assert "between us" not in fault.message


class Vault:
    """Its commands once said euros, and then whose they were."""

    @upcasts("vault.keep", version=1)
    def cents(self, payload: Json) -> Json:
        return {"cents": payload["euros"] * 100}

    @upcasts("vault.keep", version=2)
    def owned(self, payload: Json) -> Json:
        return {**payload, "owner": "the house"}

    @handles("vault.keep", Kept, EXTERNAL, version=3)
    async def keep(self, order: Order, kept: Kept) -> Json:
        return [kept.owner, kept.cents, order.command.schema_version]


class TestUpcasts:
    @pytest.mark.parametrize(
        ("version", "payload", "owner"),
        [
            (1, {"euros": 2}, "the house"),
            (2, {"cents": 200}, "the house"),
            (3, {"cents": 200, "owner": "ada"}, "ada"),
        ],
    )
    async def test_what_was_sent_in_an_older_version_is_read_in_the_newest(
        self, version: int, payload: dict[str, Any], owner: str
    ) -> None:
        asked = order("vault.keep", version)
        handler = Handlers(Vault()).find(asked.command)
        assert handler is not None
        assert await handler.call(asked, handler.read(payload)) == [owner, 200, version]

    def test_what_cannot_be_brought_up_is_invalid(self) -> None:
        handler = Handlers(Vault()).find(order("vault.keep").command)
        assert handler is not None
        with pytest.raises(Invalid):
            handler.read({"dollars": 2})

    def test_only_what_is_handled_is_in_the_catalogue(self) -> None:
        assert [each.schema_version for each in Handlers(Vault()).types()] == [3]

    def test_a_step_from_nowhere_leads_nowhere(self) -> None:
        assert Handlers(Vault()).find(order("vault.keep", 4).command) is None

    def test_two_from_one_version_are_an_error_at_once(self) -> None:
        with pytest.raises(HandlerTwice):
            Handlers(Vault(), Vault().cents)


@handles("changegate.reply-by-webhook", Amount, EXTERNAL)
async def usurp(order: Order, amount: Amount) -> Json:
    return None


class TestNamed:
    def test_the_products_own_are_served_and_may_not_be_sent(self) -> None:
        served = named_handlers(f"{__name__}:send", usurp)
        assert (served.domains, [each.type for each in served.types()]) == (["changegate", "post"], ["post.send"])

    def test_classes_are_made_and_functions_taken(self) -> None:
        found = named_handlers(f"{__name__}:Bank, {__name__}:send,")
        assert found.domains == ["bank", "post"]
        assert named_handlers("").domains == []

    @pytest.mark.req("CB-12")
    @pytest.mark.parametrize(
        "wrong",
        [
            "no.such.module:Bank",
            f"{__name__}:nothing",
            __name__,
            f"{__name__}:Bank,{__name__}:Bank",
            "json:JSONDecoder",
            f"{__name__}:usurp",
        ],
    )
    def test_whatever_is_wrong_is_said_as_the_worker_starts(self, wrong: str) -> None:
        with pytest.raises(SystemExit, match=r"^CHANGEGATE_HANDLERS: "):
            named_handlers(wrong)
