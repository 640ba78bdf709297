"""What remains of purged commands, in memory."""

from collections.abc import Collection
from datetime import datetime, timedelta

from adapters.memory.rows import Rows
from application.ports.commands import Mark
from domain.commands import CommandRecord, Key
from domain.commands.purging import OldCommand, PurgedCommand, TenantRetention

_DAY = timedelta(days=1)


class MemoryPurgedCommands:
    def __init__(self, rows: Rows, now: datetime) -> None:
        self._rows = rows
        self._now = now

    async def get(self, key: Key) -> PurgedCommand | None:
        found = self._rows.purged_commands.get(key)
        return found if found is not None and found.known_until > self._now else None

    async def old(self, sent_before: datetime, after: Mark | None, limit: int) -> list[OldCommand]:
        there = sorted(self._rows.commands.values(), key=_mark)
        rest = [each for each in there if each.sent_at < sent_before and (after is None or _mark(each) > after)]
        return [_old(each) for each in rest[:limit]]

    async def purge(self, keys: Collection[Key], known: timedelta) -> list[PurgedCommand]:
        decided = {each.key for each in self._rows.command_operations.values()}
        gone = []
        for key in keys:
            there = self._rows.commands.get(key)
            ended = there.ended_at if there else None
            if there is None or ended is None or ended >= self._now - _DAY or key in decided:
                continue
            del self._rows.commands[key]
            gone.append(
                PurgedCommand(
                    key, there.command.type, there.fingerprint, there.state,
                    there.command.options.correlation or there.tenant, there.sender, there.sent_at, ended, there.epoch,
                    there.attempt, self._now + known,
                )
            )  # fmt: skip
        self._rows.purged_commands.update({each.key: each for each in gone})
        return gone

    async def retention(self) -> TenantRetention:
        return self._rows.command_retention.get("commands", TenantRetention())

    async def put_retention(self, said: TenantRetention) -> bool:
        if said.version != (await self.retention()).version + 1:
            return False
        self._rows.command_retention["commands"] = said
        return True

    async def forget(self, limit: int) -> int:
        over = [key for key, each in self._rows.purged_commands.items() if each.known_until <= self._now][:limit]
        for key in over:
            del self._rows.purged_commands[key]
        return len(over)


def has_old_commands(rows: Rows, now: datetime, age: timedelta) -> bool:
    """Also those that need be remembered no longer."""
    return any(each.sent_at < now - age for each in rows.commands.values()) or any(
        each.known_until <= now for each in rows.purged_commands.values()
    )


def _mark(record: CommandRecord) -> Mark:
    return record.sent_at, *record.key


def _old(record: CommandRecord) -> OldCommand:
    command, asked = record.command, record.command.options
    bound = asked.change is not None or asked.entity is not None
    return OldCommand(
        record.key, command.type, command.schema_version, record.state, record.sent_at, record.ended_at, bound
    )  # fmt: skip
