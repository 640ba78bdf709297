"""Whoever looks at a worker is told how fast it is and what waits, when that has changed."""

from collections.abc import Collection

from prometheus_client import CollectorRegistry

from api.command_meters import CommandMeters
from application.commands.pace import Look, Pace, Pacing
from application.ports.command_counts import CommandCount


class Counts:
    """What is found at each look, one after the other."""

    def __init__(self, *found: list[CommandCount]) -> None:
        self._found = list(found)

    async def command_counts(self, domains: Collection[str]) -> list[CommandCount]:
        assert list(domains) == ["bank", "ledger"]
        return self._found.pop(0)


BUSY = CommandCount("ledger", {"pending": 3, "running": 2, "retry-wait": 1, "parked": 4}, 1, 2.5)


class TestPacing:
    async def test_tells_a_line_for_each_domain_where_something_changed(self) -> None:
        pace, told, seconds = Pace(), list[Look](), iter([0.0, 10.0, 20.0, 30.0])
        pacing = Pacing(Counts([BUSY], [BUSY], []), pace, ["ledger", "bank"], told.append, lambda: next(seconds))
        pace.add("ledger", {"completed": 20, "parked": 5})
        await pacing.look()
        assert [each.words for each in told] == [
            "ledger: 2.5/s, 2 running in 1 leases, 3 pending for 2.5 s, 1 in retry-wait, 4 parked"
        ]
        pace.add("ledger", {"completed": 25})
        await pacing.look()
        assert len(told) == 1
        await pacing.look()
        assert told[1].words == "ledger: 0.0/s, 0 running in 0 leases, 0 pending for 0.0 s, 0 in retry-wait, 0 parked"


class TestMeters:
    def test_say_what_was_executed_and_what_is_left(self) -> None:
        pace = Pace(found={"ledger": BUSY})
        pace.add("ledger", {"completed": 20})
        registry = CollectorRegistry()
        registry.register(CommandMeters(pace))
        of = {"domain": "ledger"}
        assert registry.get_sample_value("changegate_command_executions_total", {**of, "state": "completed"}) == 20
        assert registry.get_sample_value("changegate_commands", {**of, "state": "parked"}) == 4
        assert registry.get_sample_value("changegate_command_leases", of) == 1
        assert registry.get_sample_value("changegate_command_lag_seconds", of) == 2.5
