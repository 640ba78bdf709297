"""Commands that are not over, counted in memory."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime

from adapters.memory.rows import Rows
from application.ports.command_counts import CommandCount
from domain.commands import WAITING


def counted(tenants: Iterable[Rows], domains: Collection[str], now: datetime) -> list[CommandCount]:
    everything = list(tenants)
    found = []
    for domain in sorted(domains):
        there = [each for rows in everything for each in rows.commands.values() if each.command.domain == domain]
        left = [each for each in there if not each.over]
        leases = sum(of == domain for rows in everything for of, _ in rows.command_leases.values())
        lag = max(((now - each.due_at).total_seconds() for each in left if each.state in WAITING), default=0.0)
        if left:
            found.append(CommandCount(domain, dict(Counter(each.state.value for each in left)), leases, max(lag, 0.0)))
    return found
