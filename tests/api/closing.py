"""What people do to close a period of one house over the API, and the steps that its workflow would take."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from application.closures.stand import RunStep, Stand
from tests.api.bookkeeping import V0, WHY, Books

KIT = {"entity": "kit", "period": "2025-01"}


@dataclass
class Closing:
    """Root asks, ada has tasks and bob reviews them."""

    ask: Callable[..., Awaitable[Any]]
    world: Any
    house: Any
    numbers: Any = field(default_factory=count)

    async def settle_in(self) -> None:
        """January of 2025 is open, for the general ledger alone."""
        books = Books(self.ask)
        await books.entity("kit", "UTC")
        await books.rule()
        await books.year(2025)
        scope = {"name": "General ledger", "ledger": True, **WHY}
        await self.ok("root", "PUT", "/posting-scopes/GL", json=scope, headers=V0)
        await self.ok("root", "PUT", "/entities/kit/books", json={"calendar": "books", **WHY}, headers=V0)
        await self.ok("root", "POST", "/entities/kit/periods/2025-01/open", json={"scopes": ["GL"], **WHY})
        for handle, role in (("ada", "ConfigManager"), ("bob", "Approver")):
            roles = {"roles": [role, "FinanceController"], **WHY}
            await self.ok("root", "PUT", f"/people/{handle}/roles", json=roles)

    async def ok(self, handle: str, method: str, path: str, **more: Any) -> Any:
        answer = await self.ask(handle, method, path, **more)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def task(self, key: str, **more: Any) -> dict[str, Any]:
        return {"key": key, "name": key, "owner": str(self.house.ada.id), **more}

    async def template(self, *tasks: dict[str, Any]) -> None:
        await self.ok("root", "PUT", "/closure-templates/monthly", json={"tasks": list(tasks), **WHY}, headers=V0)

    async def begin(self, **more: Any) -> str:
        return str((await self.ok("root", "POST", "/period-closures", json={**KIT, **WHY, **more}))["id"])

    async def state(self, close: str) -> str:
        return str((await self.ok("eve", "GET", f"/period-closures/{close}"))["state"])

    # --- what the workflow does

    def step(self, close: str) -> RunStep:
        return RunStep(self.house.id, UUID(close), f"{next(self.numbers)}:step", datetime.now(UTC))

    async def frozen(self, close: str) -> Stand:
        """Up to its tasks."""
        cases = self.world.services.closures
        await cases.prechecking.precheck(self.step(close))
        await cases.freezing.freeze(self.step(close))
        found: Stand = await cases.freezing.frozen(self.step(close))
        return found

    async def asked(self, close: str) -> str:
        """Up to the vote; the id of the approval."""
        cases = self.world.services.closures
        await cases.validating.validate(self.step(close))
        stand = await cases.validating.ask(self.step(close))
        assert stand.asked is not None, stand
        return str(stand.asked.approval)

    async def closed(self, close: str) -> None:
        cases = self.world.services.closures
        await cases.closing.close(self.step(close))
        await cases.closing.notify(self.step(close))
