"""API processes live and die on order, and each point of a request is an ordeal that the request must survive."""

import asyncio
import json
import secrets
import ssl
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import httpx2
from temporalio.client import Client

from adapters.embedded.probes import http_answers
from adapters.identity.issuer import EmbeddedIssuer
from adapters.postgres.store import PostgresStore
from application.ports.records import AuditFilter, StoredFlag
from domain.environments import Environment
from tests.chaos.conftest import a_few_at_once, eventually, free_port
from tests.conftest import House
from tests.workflow.theatre import CLASSIC, EXPRESS

TLS = ssl.create_default_context()  # made once: it costs more than a request, and nothing here is encrypted
PRODUCTION, DEV = Environment.PRODUCTION, Environment.DEV

Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True)
class Wish:
    """One request of one person, which may be sent several times; `change` is what it is about."""

    handle: str
    method: str
    path: str
    body: dict[str, Any]
    change: UUID
    headers: dict[str, str] = field(default_factory=dict)
    key: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True)
class Orders:
    """The standard input of the process that forks API processes, and the folder for what they tell."""

    pipe: asyncio.StreamWriter
    folder: Path

    async def give(self, order: dict[str, Any]) -> None:
        self.pipe.write(json.dumps(order).encode() + b"\n")
        await self.pipe.drain()


@dataclass
class Site:
    """Where API processes live and die."""

    house: House
    store: PostgresStore
    issuer: EmbeddedIssuer
    client: Client
    owner: Owner
    orders: Orders

    async def born(self, die_at: int | None) -> tuple[str, Path]:
        """The address of a new API process, once it answers, and the file of the points that it passed."""
        port = free_port()
        passed = self.orders.folder / f"passed-{port}-{secrets.token_hex(3)}"
        await self.orders.give({"port": port, "die_at": die_at, "passed": str(passed)})
        address = f"http://127.0.0.1:{port}"

        await eventually(lambda: http_answers(port, "/healthz"))
        return address, passed

    async def send(self, address: str, wish: Wish) -> httpx2.Response:
        headers = {
            "Authorization": f"Bearer {self.issuer.mint(wish.handle)}",
            "Changegate-Tenant": self.house.tenant.slug,
            "Idempotency-Key": wish.key,
            **wish.headers,
        }
        async with httpx2.AsyncClient(base_url=address, trust_env=False, timeout=30, verify=TLS) as http:
            return await http.request(wish.method, f"/api/v1{wish.path}", json=wish.body, headers=headers)

    async def forget_the_dead(self) -> None:
        """Let the lease of every unanswered key run out, as it does a minute after its process died."""
        await self.owner.execute(
            "UPDATE idempotency_key SET claimed_at = claimed_at - interval '2 minutes'"
            " WHERE tenant_id = $1 AND status IS NULL",
            self.house.id,
        )

    # --- what is asked for

    async def flag(self, environment: Environment = PRODUCTION) -> str:
        key = f"flag-{secrets.token_hex(5)}"
        async with self.store.transaction(self.house.id) as tx:
            await tx.flags.put(StoredFlag(environment, key, 1, CLASSIC, "test", None, tx.now), expected=0)
        return key

    async def draft(self, address: str) -> UUID:
        key = await self.flag()
        body = {
            "environment": "production", "key": key, "definition": EXPRESS, "base_version": 1,
            "plan": {"strategy": "direct"}, "reason": "a faster checkout",
        }  # fmt: skip
        made = await self.send(address, Wish("ada", "POST", "/changes", body, uuid4()))
        assert made.status_code == httpx2.codes.CREATED, made.text
        return UUID(made.json()["id"])

    async def submitting(self, address: str) -> Wish:
        change = await self.draft(address)
        return Wish("ada", "POST", f"/changes/{change}/submit", {}, change)

    async def voting(self, address: str) -> Wish:
        first = await self.submitting(address)
        assert (await self.send(address, first)).is_success
        return Wish("bob", "POST", f"/approvals/{first.change}/approve", {}, first.change)

    async def putting(self, address: str) -> Wish:
        key = await self.flag(DEV)
        body = {"definition": EXPRESS, "reason": "a faster checkout"}
        tag = {"If-Match": '"v1"'}
        return Wish("ada", "PUT", f"/flags/{key}?environment=dev", body, UUID(int=0), tag)

    # --- what is left

    async def rows(self, table: str, column: str, value: object) -> list[asyncpg.Record]:
        words = f"SELECT * FROM {table} WHERE tenant_id = $1 AND {column} = $2"  # noqa: S608 -- both are ours
        return list(await self.owner.fetch(words, self.house.id, value))

    async def audited(self, **narrow: Any) -> Counter[str]:
        async with self.store.transaction(self.house.id) as tx:
            rows = await tx.audit.page(AuditFilter(**narrow), None, 1000)
        return Counter(row.event["action"] for row in rows)


ASKED = {"submit": Site.submitting, "vote": Site.voting, "put": Site.putting}


@dataclass
class Ordeal:
    """One kind of request: the points of a calm one, and each doomed wish with the status of its second attempt."""

    points: list[str]
    calm: Wish
    wishes: dict[int, Wish]
    died: dict[int, bool]
    again: dict[int, int]


async def ordeal(site: Site, kind: str) -> Ordeal:
    living, _ = await site.born(None)
    calm = await ASKED[kind](site, living)
    counting, passed = await site.born(None)
    assert (await site.send(counting, calm)).is_success
    points = passed.read_text().splitlines()
    numbers = range(1, len(points) + 1)
    wishes = dict(zip(numbers, await a_few_at_once([partial(ASKED[kind], site, living) for _ in numbers]), strict=True))

    async def doom(number: int) -> bool:
        address, _ = await site.born(number)
        try:
            await site.send(address, wishes[number])
        except httpx2.TransportError:
            return True
        return False

    died = await a_few_at_once([partial(doom, number) for number in numbers], most=4)
    await site.forget_the_dead()
    again = await a_few_at_once([partial(site.send, living, wish) for wish in wishes.values()], most=4)
    await site.orders.give({"end": True})
    return Ordeal(
        points, calm, wishes, dict(zip(numbers, died, strict=True)),
        dict(zip(numbers, [answer.status_code for answer in again], strict=True)),
    )  # fmt: skip
