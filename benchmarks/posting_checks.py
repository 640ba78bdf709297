"""May this be posted, asked by five hundred callers at once, beside a bare echo of the same question.

Once in an open loop, where each caller asks once a second and the time of a question counts from its instant, and once
as fast as answers come, where all that is measured is how many of them one process can give. Then what people do with
gates, one after another, over HTTP.
"""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx2

from application.ports.calendars import WHOLE, LegalEntity, StoredCalendar, StoredYear
from application.ports.periods import EntityBooks
from application.tenants import Tenants
from benchmarks.house import House, house
from benchmarks.measure import hardware, print_table
from benchmarks.ofrep import CORKED
from domain.calendars import fiscal_year, parse_rule
from domain.people import Role
from domain.periods import GateKey, LateEntries, Scope

CALLERS = 500
SECONDS = 4
RUNS = 5
SCOPES = ("GL", "AP", "AR", "INV", "PAY", "FA", "TAX")
YEARS = range(2022, 2027)
WHY = "to be measured"
PATH = "/api/v1/posting-checks"
QUESTION = {"entity": "acme", "scope": "AP", "operation": "transaction", "date": "2024-03-15"}
BATCH = 1_000
Ask = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Target:
    name: str
    port: int
    ask: Ask


def main() -> None:
    asyncio.run(_measured())


async def _measured() -> None:
    async with house() as home:
        await _furnished(home)
        echo = await home.serve("echo", "benchmarks.floors:echo", http=CORKED)
        ours = await home.serve("api", "bootstrap:api", factory=True, ready="/healthz", http=CORKED)
        token = {"Authorization": f"Bearer {home.token('ada')}"}
        one = json.dumps({"checks": [QUESTION]}).encode()
        many = json.dumps({"checks": [QUESTION] * BATCH}).encode()
        await _answers(ours, _post(PATH, token, one))
        targets = [
            Target("bare ASGI echo", echo, _post("/", {}, one)),
            Target("a check", ours, _post(PATH, token, one)),
        ]
        opened: dict[str, list[list[float]]] = {each.name: [] for each in targets}
        closed: dict[str, list[list[float]]] = {each.name: [] for each in targets}
        for _ in range(RUNS):  # in turns, so that a busy moment of the machine meets all of them
            for each in targets:
                opened[each.name].append(await _open_loop(each))
                closed[each.name].append(await _closed_loop(each))
        batch = [await _answers(ours, _post(PATH, token, many)) for _ in range(RUNS * 5)]
        moved = await _moves(home, echo)
    columns = ("what", "p50 ms", "p95 ms", "p99 ms", "a second")
    told = f"median of {RUNS} runs of {SECONDS} s, on {hardware()}"
    print_table(f"{CALLERS} callers, one question a second each, {told}", columns, _rows(opened))
    print_table(f"{CALLERS} callers, as fast as answers come, {told}", columns, _rows(closed))
    print(f"\n  one request of {BATCH:,} checks: {statistics.median(batch) * 1e3:.1f} ms (median of {len(batch)})")
    rows = [
        (name, str(len(taken)), f"{_at(taken, 50) * 1e3:.1f}", f"{max(taken) * 1e3:.1f}")
        for name, taken in moved.items()
    ]
    print_table("one after another, over HTTP", ("what", "times", "p50 ms", "max ms"), rows)


async def _furnished(home: House) -> None:
    """An entity of seven scopes and five years: of all but the last two scopes every second period is open."""
    rule, by = parse_rule({"kind": "gregorian", "adjusting_periods": 1}), home.people["ada"].id
    calendar, years = uuid4(), [fiscal_year(rule, number) for number in YEARS]
    async with home.store.transaction(home.tenant.id) as tx:
        stored = [
            StoredYear(uuid4(), calendar, 1, each, tuple(uuid4() for _ in each.periods), by, tx.now, WHY)
            for each in years
        ]
        await tx.entities.put(LegalEntity("acme", "Acme", "America/New_York", None, 1))
        await tx.calendars.put(
            StoredCalendar(calendar, WHOLE, "books", 1, 1900, rule.to_json(), "separate", by, tx.now, WHY)
        )
        await tx.calendars.add(stored)
        for code in SCOPES:
            await tx.books.put_scope(Scope(code, code, ledger=code == "GL"))
        await tx.books.put(EntityBooks("acme", calendar, LateEntries.SWEEP, None, 1))
        periods = [period for each in stored for period in each.periods[::2]]
        held = await tx.periods.hold([GateKey("acme", period, scope) for period in periods for scope in SCOPES[:-2]])
        await tx.periods.move([gate.opened(by, tx.now, WHY) for gate in held.values()])


async def _moves(home: House, echo: int) -> dict[str, list[float]]:
    """Seconds of what a controller does with gates of an entity that has as many years as are opened."""
    await Tenants(home.store).admit_principal(
        home.tenant, "fin", frozenset({Role.FINANCE_CONTROLLER}), issuer=home.issuer.config().issuer
    )
    taken: dict[str, list[float]] = {}
    headers = {"Authorization": f"Bearer {home.token('fin')}"}
    async with httpx2.AsyncClient(base_url=home.api, headers=headers, trust_env=False, timeout=60) as http:

        async def timed(name: str, method: str, path: str, body: object = None) -> None:
            began = time.perf_counter()
            (await http.request(method, path, json=body)).raise_for_status()
            taken.setdefault(name, []).append(time.perf_counter() - began)

        entity, one = f"{home.api}/api/v1/entities/acme", {"scopes": ["AP"], "reason": WHY}
        for year in YEARS:
            for month in range(2, 13, 2):
                period = f"{entity}/periods/{year}-{month:02}"
                await timed("bare ASGI echo", "POST", f"http://127.0.0.1:{echo}/", one)
                await timed("open a scope of a period", "POST", f"{period}/open", one)
                await timed("hold it back", "POST", f"{period}/soft-close", one)
            await timed(
                "open twelve periods of a scope", "POST", f"{entity}/years/{year}/open", {**one, "scopes": ["FA"]}
            )
            await timed("read a year: thirteen periods, seven scopes", "GET", f"{entity}/periods?year={year}")
    return taken


async def _open_loop(target: Target) -> list[float]:
    """Seconds from the instant of each question to the end of its answer."""
    taken: list[float] = []
    async with _connections(target) as lines:
        began = time.perf_counter() + 0.1

        async def caller(number: int, line: Line) -> None:
            for turn in range(SECONDS):
                due = began + turn + number / CALLERS
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                await target.ask(*line)
                taken.append(time.perf_counter() - due)

        await asyncio.gather(*(caller(number, line) for number, line in enumerate(lines)))
    return taken


async def _closed_loop(target: Target) -> list[float]:
    """Seconds of each answer that came in time, while every caller asks again at once."""
    taken: list[float] = []
    async with _connections(target) as lines:
        until = time.perf_counter() + SECONDS

        async def caller(line: Line) -> None:
            while (began := time.perf_counter()) < until:
                await target.ask(*line)
                if (ended := time.perf_counter()) <= until:
                    taken.append(ended - began)

        await asyncio.gather(*map(caller, lines))
    return taken


@asynccontextmanager
async def _connections(target: Target) -> AsyncIterator[list[Line]]:
    lines = [await asyncio.open_connection("127.0.0.1", target.port) for _ in range(CALLERS)]
    yield lines
    for _, writer in lines:
        writer.close()


async def _answers(port: int, ask: Ask) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    await ask(reader, writer)
    taken = time.perf_counter() - began
    writer.close()
    return taken


def _post(path: str, headers: dict[str, str], body: bytes) -> Ask:
    given = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode("latin-1"))
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))

    return ask


def _rows(taken: dict[str, list[list[float]]]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            *(f"{statistics.median(_at(run, q) for run in runs) * 1e3:.2f}" for q in (50, 95, 99)),
            f"{statistics.median(len(run) for run in runs) / SECONDS:,.0f}",
        )
        for name, runs in taken.items()
    ]


def _at(run: list[float], percent: int) -> float:
    return statistics.quantiles(run, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    main()
