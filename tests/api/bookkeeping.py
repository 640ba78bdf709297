"""What root and eve do with the calendars of one house."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

WHY = {"reason": "because of the test"}
V0, V1 = {"If-Match": '"v0"'}, {"If-Match": '"v1"'}


@dataclass(frozen=True)
class Books:
    ask: Callable[..., Awaitable[Any]]

    async def rule(self, code: str = "books", **rule: Any) -> None:
        """The first rule of a calendar."""
        wish = {"rule": {"kind": "gregorian", **rule}, **WHY}
        answer = await self.ask("root", "PUT", f"/calendars/{code}", json=wish, headers=V0)
        assert answer.status_code == 200, answer.text

    async def years(self, number: int, code: str = "books", **wish: Any) -> list[dict[str, Any]]:
        """Made now, the one asked for last."""
        answer = await self.ask("root", "POST", f"/calendars/{code}/years/{number}", json={**wish, **WHY})
        assert answer.status_code == 201, answer.text
        made: list[dict[str, Any]] = answer.json()["years"]
        return made

    async def year(self, number: int, code: str = "books", **wish: Any) -> dict[str, Any]:
        return (await self.years(number, code, **wish))[-1]

    async def entity(self, code: str, time_zone: str, **more: Any) -> None:
        wish = {"name": code, "time_zone": time_zone, **more, **WHY}
        answer = await self.ask("root", "PUT", f"/entities/{code}", json=wish, headers=V0)
        assert answer.status_code == 200, answer.text

    async def look(self, **query: str) -> dict[str, Any]:
        """Up the period of a day or of an instant."""
        answer = await self.ask("eve", "GET", "/calendars/books/periods", params=query)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


def span(told: dict[str, Any]) -> tuple[str, str]:
    return told["begins"], told["ends"]
