"""The events of one thing are told from its beginning, by either store."""

from tests.contract.homes import Home


class TestCourse:
    async def test_of_a_command_is_told_from_its_beginning(self, home: Home) -> None:
        events = [home.event(resource_type="command", resource=f"ledger/{each % 2}") for each in range(6)]
        async with home.transaction() as tx:
            await tx.audit.append(*events)
            first = await tx.audit.course(("command", "ledger/1"), None, 2)
            rest = await tx.audit.course(("command", "ledger/1"), (first[-1].recorded_at, first[-1].id), 2)
            assert [each.id for each in [*first, *rest]] == [each.id for each in events[1::2]]
            assert await tx.audit.course(("flag", "ledger/1"), None, 2) == []
