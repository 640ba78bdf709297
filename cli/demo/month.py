"""A month is closed in front of the user: what is posted, what the guard says, who looks, who votes, what proves it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

from rich.console import Console

from application.ports.installation import Installation, Newcomer
from cli.caller import Caller
from cli.certificates import forged
from cli.close import ENDED, OF_TASKS
from cli.demo.ledger import Ledger
from domain.people import Role

TENANT = "harbour"
PEOPLE = (
    *(Newcomer(handle, frozenset({Role.FINANCE_CONTROLLER})) for handle in ("nell", "owen", "rhea")),
    *(Newcomer(handle, frozenset({Role.APPROVER})) for handle in ("sam", "tess")),
)
SCOPES = {"GL": "General ledger", "AP": "Payables", "AR": "Receivables", "INV": "Stock", "PAY": "Wages"}
TASK = {
    "key": "bank",
    "name": "Compare the bank account",
    "kind": "reconciliation",
    "owner": "owen",
    "reviewer": "rhea",
}
BALANCE = "184206.49"
WHY = {"reason": "The month is over."}
LONGEST_SECONDS = 60
PAUSE_SECONDS = 0.25
Seen: TypeAlias = dict[str, Any]


@dataclass
class Month:
    """The last whole month of an entity that is new in each demo; `shown` counts the steps of its close so far."""

    installation: Installation
    api: str
    console: Console
    entity: str
    day: date
    shown: int = 0

    @property
    def period(self) -> str:
        return f"{self.day:%Y-%m}"

    @property
    def place(self) -> str:
        return f"/entities/{self.entity}/periods/{self.period}"

    def person(self, handle: str) -> Caller:
        return Caller(self.api, self.installation.mint(handle, timedelta(minutes=30)), TENANT)

    def say(self, words: str) -> None:
        self.console.print(words, soft_wrap=True)

    async def ask(self, handle: str, path: str, **wish: Any) -> Any:
        async with self.person(handle) as me:
            return await me.post(path, {**WHY, **wish})

    async def see(self, path: str) -> Any:
        async with self.person("nell") as nell:
            return await nell.get(path)


def last_month(installation: Installation, api: str, console: Console) -> Month:
    now = datetime.now(UTC)
    day = (now.date().replace(day=1) - timedelta(days=1)).replace(day=15)
    return Month(installation, api, console, f"harbour-{now:%Y%m%d-%H%M%S}", day)


async def close(month: Month) -> list[tuple[str, bool]]:
    """What was to become true, and whether it did."""
    month.console.print(f"\n[bold cyan]4  A month is closed: {month.period} of {TENANT}, with a ledger that posts[/]")
    await month.installation.admit(TENANT, "Harbour Supplies", PEOPLE, own=True)
    async with month.person("owen") as owen:
        me = await owen.get("/me")
    ledger = Ledger(month.installation.database_url, me["tenant"], month.entity, me["id"], month.day)
    await asyncio.gather(_open(month), ledger.install())
    await _post(month, ledger)
    softly = await _shut_softly(month, ledger)
    ended = await _work(month, ledger)
    firmly = await _slip(month, ledger)
    return [
        (
            "a late bill was refused in the soft-closed month, and in the closed one",
            (softly, firmly) == ("FP004", "FP001"),
        ),
        ("the month is closed, and its certificate proves it", ended["state"] == "CLOSED" and await _proven(month)),
    ]


async def _open(month: Month) -> None:
    """A calendar, books by it, and what is done at a close, all of this entity's own."""
    name, year = month.entity, month.day.year
    async with month.person("nell") as nell:
        await nell.put(f"/entities/{name}", {"name": "Harbour Supplies", "time_zone": "Europe/Berlin", **WHY})
        await nell.put(f"/calendars/{name}", {"rule": {"kind": "gregorian"}, **WHY})
        await nell.post(f"/calendars/{name}/years/{year}", WHY)
        for code, called in SCOPES.items():
            await nell.put(f"/posting-scopes/{code}", {"name": called, "ledger": code == "GL", **WHY})
        await nell.put(f"/entities/{name}/books", {"calendar": name, **WHY})
        await nell.put(f"/closure-templates/{name}", {"tasks": [TASK], **WHY})
        opened = await nell.post(f"{month.place}/open", {"scopes": list(SCOPES), **WHY})
    month.say(f"nell opens {opened['name']} for {', '.join(gate['scope'] for gate in opened['gates'])}")


async def _post(month: Month, ledger: Ledger) -> None:
    told = [line.removeprefix("  yes  ") for line in await ledger.do("run") if line.startswith("  yes  ")]
    posted = [line for line in told if ": no. " in line]
    month.say(f"a ledger in the same PostgreSQL posts {len(posted)} entries, such as:  [dim]{posted[1]}[/]")


async def _shut_softly(month: Month, ledger: Ledger) -> str:
    shut = await month.ask("nell", f"{month.place}/soft-close")
    told = {f"{gate['posting']} at epoch {gate['epoch']}" for gate in shut["gates"]}
    month.say(f"nell closes it softly: {len(shut['gates'])} gates are {', '.join(sorted(told))}")
    return await _slip(month, ledger)


async def _slip(month: Month, ledger: Ledger) -> str:
    """The SQLSTATE with which PostgreSQL refuses a late bill that is posted with SQL alone."""
    (said,) = await ledger.do("slip")
    month.say(f"a late bill, posted with raw SQL:  [dim]{said}[/]")
    return said.partition(" ")[0]


async def _work(month: Month, ledger: Ledger) -> dict[str, Any]:
    """The close as it ended."""
    wish = {"entity": month.entity, "period": month.period, "template": month.entity}
    id_ = (await month.ask("nell", "/period-closures", **wish))["id"]
    path, task = f"/period-closures/{id_}", f"/period-closures/{id_}/tasks/bank"
    asked = await _until(month, path, "TASKS")
    blocked = {each["check"] for each in asked["checks"] if each["blocks"]} - OF_TASKS
    month.say(f"to do: bank (owen); in the way: {', '.join(sorted(blocked))}")
    month.say(f"owen {(await ledger.do('discard'))[0].replace('threw', 'throws')}")
    await month.ask("owen", f"{task}/complete", statement_balance=BALANCE, book_balance=BALANCE)
    looked = await month.ask("rhea", f"{task}/sign-off")
    signed = looked["tasks"][0]["signoffs"][-1]
    month.say(f"owen compares the bank, rhea signs it off:  [dim]she saw {signed['basis'][:23]}…[/]")
    approval = (await _until(month, path, "AWAITING_APPROVAL"))["approval"]
    for voter in ("sam", "tess"):
        after = await month.ask(voter, f"/approvals/{approval}/approve")
        month.say(f"{voter} approves the digest of these books: the approval is {after['standing']}")
    return await _until(month, path, "CLOSED")


async def _until(month: Month, path: str, state: str) -> dict[str, Any]:
    """A line a step, until it is there or has ended."""

    def there(now: dict[str, Any]) -> bool:
        for line in now["timeline"][month.shown :]:
            month.say(f"  {line['to_state']:<18} {line['cause']}")
        month.shown = len(now["timeline"])
        return now["state"] in {state, *ENDED}

    async with month.person("nell") as nell:
        return await seen(lambda: nell.get(path), there)


async def seen(look: Callable[[], Awaitable[Seen]], enough: Callable[[Seen], bool]) -> Seen:
    """What there is to see once that is enough; TimeoutError when it is not in time."""
    async with asyncio.timeout(LONGEST_SECONDS):
        while not enough(now := await look()):  # noqa: ASYNC110 -- the server sets no event of ours
            await asyncio.sleep(PAUSE_SECONDS)
        return now


async def _proven(month: Month) -> bool:
    """Its digest is that of what it says, and the audit trail has known it since."""
    found = await month.see(f"{month.place}/certificates")
    for each in found["items"]:
        entries = sum(control["entries"] for control in each["certificate"]["controls"])
        month.say(f"certificate {each['certificate']['number']}: {entries} entries  [dim]{each['digest']}[/]")
    return bool(found["items"]) and found["intact"] and forged(found["items"]) is None
