"""While a long command is executed its lease is extended, its progress is kept, and it hears that it is canceled."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeAlias
from uuid import UUID

import structlog

from application.commands.reading import Ready
from application.commands.relaying import LASTS
from application.commands.sending import storable_faults
from application.ports.store import Store
from application.rounds import attended
from domain.canonical import Json
from domain.commands import name_of
from domain.commands.progress import CommandProgress, tellable

BEAT: Final = 2.0
"""Seconds between two signs of life, and between two looks whether it is to be canceled."""

Sign: TypeAlias = Callable[[int], None]
"""Tells whoever watches this process that the execution lives; with how often progress was told."""

log = structlog.get_logger()


@dataclass
class Life:
    """One execution of one command. `stop` says why it is to end before its time: `asked`, `gone` or `drained`."""

    ready: Ready
    lease: UUID
    sign: Sign
    stop: str = ""
    told: int = 0
    kept: int = 0
    said: Json = None
    silence: asyncio.Timeout | None = None
    keeping: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def heartbeat(self) -> float | None:
        return self.ready.handler.policy.heartbeat_seconds


class Living:
    def __init__(self, store: Store, *, beat: float = BEAT, lasts: timedelta = LASTS) -> None:
        self._store = store
        self._beat = beat
        self._lasts = lasts

    async def watch(self, life: Life, work: asyncio.Task[object]) -> None:
        """Until cancelled; `work` is, once, when it is to stop."""
        signs = asyncio.create_task(self._signs(life))
        try:
            while not work.done():
                await attended(self._looked(life, work), what="long-command", command=name_of(life.ready.record.key))
                await asyncio.sleep(self._beat)
        finally:
            signs.cancel()

    async def tell(self, life: Life, said: Json) -> None:
        """The first word is kept at once, later ones at the next beat. ValueError where it cannot be kept at all."""
        if storable_faults(tellable(said), ""):
            raise ValueError("progress is JSON that can be kept")
        life.said = said
        life.told += 1
        if life.silence is not None and life.heartbeat is not None:
            with suppress(RuntimeError):  # it has expired already
                life.silence.reschedule(asyncio.get_running_loop().time() + life.heartbeat)
        if life.told == 1:
            await attended(self.keep(life), what="progress", command=name_of(life.ready.record.key))

    async def keep(self, life: Life) -> None:
        """The newest word, unless it is kept already."""
        async with life.keeping:
            told = life.told
            if life.kept == told:
                return
            record = life.ready.record
            async with self._store.transaction(record.tenant) as tx:
                await tx.commands.long.tell(
                    CommandProgress(record.key, record.epoch, record.attempt, life.said, tx.now)
                )
            life.kept = told

    async def _signs(self, life: Life) -> None:
        """Whatever the database does: that it is away is no death."""
        while True:
            life.sign(life.told)
            await asyncio.sleep(self._beat)

    async def _looked(self, life: Life, work: asyncio.Task[object]) -> None:
        await self.keep(life)
        record = life.ready.record
        async with self._store.transaction(record.tenant) as tx:
            held = await tx.commands.hold(life.lease)
            if held is not None:
                await tx.commands.extend(life.lease, tx.now + self._lasts)
            asked = await tx.commands.long.cancel_asked(record.key, record.epoch)
        if life.stop or work.done() or (held is not None and asked is None):
            return
        life.stop = "gone" if held is None else "asked"
        log.info("command.interrupted", command=name_of(record.key), because=life.stop)
        work.cancel()
