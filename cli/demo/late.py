"""A command that comes too late is parked where people see it, put right by two of them, and executed once."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import uuid4

from application.ports.installation import Newcomer, Running
from cli.demo.ledger import CLIENT
from cli.demo.month import SCOPES, TENANT, WHY, Month, seen
from domain.people import PrincipalKind, Role

PEOPLE = (
    Newcomer("billing", frozenset({Role.CONFIG_MANAGER}), PrincipalKind.SERVICE),
    *(Newcomer(handle, frozenset({Role.OPERATOR})) for handle in ("olga", "olaf")),
)
HANDLER = "examples.ledger.commands:post_journal"
TYPE = "ledger.post-journal"
LATE: Final = "period-closed"
ENDS = ("completed", "parked", "failed", "canceled", "expired")
MEND = "The bill is of last month, and is booked now."


@dataclass(frozen=True)
class Bill:
    """An entry that billing tells the ledger to post."""

    month: Month
    id: str

    @property
    def path(self) -> str:
        return f"/commands/ledger/{self.id}"

    @property
    def parked_path(self) -> str:
        return f"/parked-commands/ledger/{self.id}"

    @property
    def payload(self) -> dict[str, Any]:
        lines = [{"account": "6210", "debit": "318.40"}, {"account": "2000", "credit": "318.40"}]
        day, entity = self.month.day.isoformat(), self.month.entity
        return {"entity": entity, "module": "AP", "on": day, "description": "Electricity", "lines": lines}

    async def ended(self, epoch: int) -> dict[str, Any]:
        """Once people have to look, or nobody has to any more, in this epoch."""
        async with self.month.person("olga") as olga:
            return await seen(
                lambda: olga.get(self.path), lambda now: now["epoch"] == epoch and now["state"] in ENDS
            )  # fmt: skip


async def post_late(month: Month, running: Running) -> list[tuple[str, bool]]:
    """What was to become true, and whether it did."""
    month.console.print(
        f"\n[bold cyan]5  A bill that comes too late: the ledger is told to post into {month.period}[/]"
    )
    await month.installation.admit(TENANT, "Harbour Supplies", PEOPLE, own=True)
    folder = str(month.installation.folder)
    await running.spawn(
        "ledger", "-m", "terminal", "worker",
        CHANGEGATE_DATA=folder, CHANGEGATE_HANDLERS=HANDLER, PYTHONPATH=str(CLIENT),
    )  # fmt: skip
    today = await _opened(month)
    bill = Bill(month, f"bill-{uuid4().hex[:8]}")
    await _sent(bill)
    first = await bill.ended(epoch=1)
    month.say(f"  {stand(first)}")
    held = first["parked"] == LATE and await _put_right(bill, today)
    return [("a late command was parked, put right by two people, and executed", held)]


def stand(now: dict[str, Any]) -> str:
    """With the reason and the error, where there are any."""
    kind = f" as {now['parked']}" if now["parked"] else ""
    error = f": [dim]{now['error']['message']}[/]" if now["error"] else ""
    return f"{now['state']}{kind}{error}"


async def _put_right(bill: Bill, today: date) -> bool:
    await _edited(bill, today)
    done = await bill.ended(epoch=2)
    told = done["result"] or {"number": "none", "on": ""}
    bill.month.say(f"  {done['state']} in epoch {done['epoch']}: entry {told['number']} of {told['on']}")
    return (done["state"], told["on"]) == ("completed", today.isoformat())


async def _opened(month: Month) -> date:
    """The month that it is now, in which the bill can be booked."""
    today = datetime.now(UTC).date()
    place = f"/entities/{month.entity}/periods/{today:%Y-%m}"
    async with month.person("nell") as nell:
        if today.year != month.day.year:
            await nell.post(f"/calendars/{month.entity}/years/{today.year}", WHY)
        await nell.post(f"{place}/open", {"scopes": list(SCOPES), **WHY})
    return today


async def _sent(bill: Bill) -> None:
    async with bill.month.person("billing") as billing:
        await seen(lambda: billing.get("/command-types"), _known)
        await billing.post("/commands", {"type": TYPE, "id": bill.id, "payload": bill.payload})
    bill.month.say(f"billing sends {TYPE} {bill.id}, of {bill.month.day}")


def _known(types: dict[str, Any]) -> bool:
    """Once a worker has said what it takes."""
    return TYPE in {each["type"] for each in types["items"]}


async def _edited(bill: Bill, today: date) -> None:
    """By two: whoever edits does not say yes to it."""
    patch = [{"op": "replace", "path": "/on", "value": today.isoformat()}]
    operation = str(uuid4())
    wish = {"operation_id": operation, "reason": MEND, "patch": patch}
    async with bill.month.person("olga") as olga:
        parked = await olga.get(bill.parked_path)
        await olga.post(f"{bill.parked_path}/edit", wish, over=parked["command"]["version"])
    async with bill.month.person("olaf") as olaf:
        asked = await olaf.get(f"/command-operations/{operation}")
        after = await olaf.post(f"/approvals/{asked['approval']}/approve", {"reason": "I have seen the bill."})
    bill.month.say(f"olga edits its day to {today}; olaf looks and agrees: the approval is {after['standing']}")
