"""Who hangs holds its own places at the gates, and nobody else's."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from application.commands.gates import ALTOGETHER, OF_A_LANE, Gates, Place, places
from domain.commands import Command, CommandRecord
from domain.commands.bounds import AT_ONCE_APART
from domain.commands.policies import TypePolicy

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOOKS, CRM = TypePolicy(depends_on="hooks", apart="/to", at_once_apart=2), TypePolicy(depends_on="crm")


def wanted(policy: TypePolicy, to: str = "", tenant: int = 1, domain: str = "works") -> list[Place]:
    record = CommandRecord(Command(f"{domain}.tell", "1", {}), UUID(int=tenant), "", None, NOON, NOON, dependency=to)
    return places(record, policy)


class TestGates:
    @pytest.fixture
    def gates(self) -> Gates:
        return Gates()

    async def let_in(self, gates: Gates, held: AsyncExitStack, most: int, *given: Any, **where: Any) -> int:
        """How many of so many pass."""
        soon = asyncio.get_running_loop().time() + 0.01
        passed = [await held.enter_async_context(gates.passed(wanted(*given, **where), soon)) for _ in range(most)]
        return passed.count(True)

    @pytest.mark.req("CB-37")
    async def test_let_as_many_pass_as_there_are_places_and_give_them_back(self, gates: Gates) -> None:
        for _ in range(2):
            async with AsyncExitStack() as held:
                assert await self.let_in(gates, held, 3, HOOKS, "hooks:slow") == 2
                assert await self.let_in(gates, held, 3, HOOKS, "hooks:well") == 2
                assert await self.let_in(gates, held, 3, HOOKS, "hooks:slow", tenant=2) == 2
                assert await self.let_in(gates, held, AT_ONCE_APART + 1, CRM) == AT_ONCE_APART
                assert await self.let_in(gates, held, OF_A_LANE, TypePolicy()) == OF_A_LANE - 4 - AT_ONCE_APART
                assert await self.let_in(gates, held, 1, TypePolicy(), domain="other") == 1
                others = [
                    await self.let_in(gates, held, OF_A_LANE + 1, TypePolicy(), tenant=each) for each in (3, 4, 5)
                ]
                assert others == [OF_A_LANE, OF_A_LANE, ALTOGETHER - 3 * OF_A_LANE - 3]
        assert gates._gates == {}

    async def test_who_waits_at_a_narrow_one_holds_no_place_at_a_wider(self, gates: Gates) -> None:
        async with AsyncExitStack() as held:
            await self.let_in(gates, held, 2, HOOKS, "hooks:slow")

            async def wait() -> bool:
                async with gates.passed(wanted(HOOKS, "hooks:slow"), asyncio.get_running_loop().time() + 60) as free:
                    return free

            waiting = [asyncio.create_task(wait()) for _ in range(100)]
            await asyncio.sleep(0)
            assert await self.let_in(gates, held, OF_A_LANE, TypePolicy()) == OF_A_LANE - 2
            waiting.pop().cancel()
            await held.aclose()
            assert all(await asyncio.gather(*waiting))
        assert gates._gates == {}
