"""A long command is executed in a step of its own, which lives as long as its worker says so."""

from temporalio import activity

from activities.commands import Chunk
from activities.refusals import typed
from application.commands.lasting import Lasting
from application.commands.stand import CommandStand


class LongCommandActivities:
    def __init__(self, lasting: Lasting) -> None:
        self._lasting = lasting

    @activity.defn(name="commands.carry_out")
    async def carry_out(self, leased: Chunk) -> CommandStand | None:
        """Where it stands then; None where somebody else has it. Its progress is in the database, its count here."""
        with typed():
            after = await self._lasting.execute(leased.tenant, leased.lease, activity.heartbeat)
        return CommandStand.of(after) if after else None
