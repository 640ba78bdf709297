"""What people do with periods, with its audit and its events, beside as many bare rows that are committed.

In process, but for the year that is listed: that goes over HTTP, beside a bare echo. No gate and no year is used twice.
"""

import argparse
import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import httpx2

from adapters.holidays.listed import ListedHolidays
from application.calendars.cases import CalendarCases
from application.calendars.configuring import CalendarWish
from application.calendars.entities import EntityWish
from application.calendars.making import YearWish
from application.calendars.places import Place
from application.periods.books import BooksWish
from application.periods.cases import PeriodCases
from application.periods.moves import GateVerb
from application.periods.moving import GateWish
from application.tenants import Tenants
from benchmarks.cut_off import Line
from benchmarks.house import House, house
from benchmarks.measure import hardware, print_table
from domain.people import Actor, Role
from domain.periods import Scope

RUNS, TIMES = 5, 50
SCOPES = ("AP", "AR", "GL", "INV", "PAY")
YEARS = range(2016, 2026)
"""Of each entity."""
WHY = "to be measured"
FLOOR = "CREATE TABLE floor (number int, period int, scope text, status text, PRIMARY KEY (number, period, scope))"
INSERTED = (
    "INSERT INTO floor SELECT $1, period, scope, 'open' "
    "FROM generate_series(1, 12) AS period, unnest($2::text[]) AS scope"
)
UPDATED = "UPDATE floor SET status = 'closed' WHERE number = $1 AND period = 3 AND scope = 'AP'"


@dataclass(frozen=True)
class Deed:
    """Done once with every number; `aim` is in milliseconds."""

    name: str
    act: Callable[[int], Awaitable[object]]
    aim: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks periods")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--times", type=int, default=TIMES)
    asked = parser.parse_args()
    asyncio.run(_measured(asked.runs, asked.times))


async def _measured(runs: int, times: int) -> None:
    taken: dict[str, list[list[float]]] = defaultdict(list)
    async with house() as home:
        echo = await home.serve("echo", "benchmarks.floors:echo")
        await home.serve("api", "bootstrap:api", factory=True, ready="/healthz")
        line = await asyncpg.connect(home.stack.endpoints.database_superuser_url)
        await line.execute(FLOOR)
        people = Tenants(home.store)
        roles, issuer = frozenset({Role.FINANCE_CONTROLLER}), home.issuer.config().issuer
        by = (await people.admit_principal(home.tenant, "fin", roles, issuer=issuer)).actor
        await _furnished(home, by, -(-runs * times // len(YEARS)))
        headers = {"Authorization": f"Bearer {home.token('fin')}"}
        async with httpx2.AsyncClient(headers=headers, trust_env=False, timeout=60) as http:
            deeds = [*_in_process(home, by, line), *_over_http(home, http, echo)]
            for run in range(runs):  # in turns, so that a busy moment of the machine meets all of them
                for deed in deeds:
                    taken[deed.name].append([await _seconds(deed, run * times + n) for n in range(times)])
        await line.close()
    title = f"milliseconds, {times} one after another, medians of {runs} runs, on {hardware()}"
    rows = [(deed.name, *_shown(taken[deed.name]), deed.aim) for deed in deeds]
    print_table(title, ("what", "p50", "p95", "p99", "aim"), rows)


def _in_process(home: House, by: Actor, line: Line) -> list[Deed]:
    making = CalendarCases.over(home.store, ListedHolidays()).making
    gating = PeriodCases.over(home.store).gating

    def made(number: int) -> Awaitable[object]:
        entity, year = _place(number)
        return making.make(by, Place("books", entity), year, YearWish(), WHY)

    def opened(number: int) -> Awaitable[object]:
        entity, year = _place(number)
        return gating.year(by, GateVerb.OPEN, (entity, str(year)), GateWish(WHY, SCOPES))

    def changed(number: int) -> Awaitable[object]:
        entity, year = _place(number)
        return gating.period(by, GateVerb.SOFT_CLOSE, (entity, f"{year}-03"), GateWish(WHY, ("AP",)))

    return [
        Deed("twelve bare rows inserted and committed", lambda number: line.execute(INSERTED, -number - 1, ["GL"])),
        Deed("twelve periods generated", made, "500"),
        Deed("sixty bare rows inserted and committed", lambda number: line.execute(INSERTED, number, list(SCOPES))),
        Deed("twelve periods of five scopes opened", opened),
        Deed("a bare row updated and committed", lambda number: line.execute(UPDATED, number)),
        Deed("the status of a gate changed", changed, "50"),
    ]


def _over_http(home: House, http: httpx2.AsyncClient, echo: int) -> list[Deed]:
    async def got(address: str) -> None:
        (await http.get(address)).raise_for_status()

    def listed(number: int) -> Awaitable[object]:
        entity, year = _place(number)
        return got(f"{home.api}/api/v1/entities/{entity}/periods?year={year}")

    def echoed(_: int) -> Awaitable[object]:
        return got(f"http://127.0.0.1:{echo}/")

    return [Deed("bare ASGI echo", echoed), Deed("a year listed with its sixty gates, HTTP", listed, "100")]


async def _furnished(home: House, by: Actor, entities: int) -> None:
    """Each has a calendar of its own, of which nothing is made yet."""
    calendars, periods = CalendarCases.over(home.store, ListedHolidays()), PeriodCases.over(home.store)
    for code in SCOPES:
        await periods.scopes.put(by, Scope(code, code, ledger=code == "GL"), expected=0, reason=WHY)
    for number in range(entities):
        entity, _ = _place(number * len(YEARS))
        rule = CalendarWish({"kind": "gregorian"})
        await calendars.entities.put(by, entity, EntityWish(entity, "Europe/Berlin"), expected=0, reason=WHY)
        await calendars.configuring.put(by, Place("books", entity), rule, expected=0, reason=WHY)
        await periods.books.put(by, entity, BooksWish("books"), expected=0, reason=WHY)


def _place(number: int) -> tuple[str, int]:
    """An entity and a year."""
    return f"acme-{number // len(YEARS)}", YEARS[number % len(YEARS)]


async def _seconds(deed: Deed, number: int) -> float:
    began = time.perf_counter()
    await deed.act(number)
    return time.perf_counter() - began


def _shown(runs: list[list[float]]) -> tuple[str, ...]:
    """p50, p95 and p99 of a run: the median of each over the runs."""
    cuts = [statistics.quantiles(run, n=100, method="inclusive") for run in runs]
    return tuple(f"{statistics.median(cut[percent - 1] for cut in cuts) * 1e3:.2f}" for percent in (50, 95, 99))


if __name__ == "__main__":
    main()
