"""A worker that is killed where a batch ends leaves one callback, whichever side of the commit it died on."""

import signal

import pytest

from application.commands.batches import send_batch
from application.commands.handling import Handlers
from domain.commands import Command
from domain.commands.batches import BatchWish
from tests.chaos.conftest import eventually, running
from tests.chaos.doomed_commands import Doomed
from tests.chaos.test_commands_killed import Yard, yard  # noqa: F401 -- a fixture is found by its name

pytestmark = pytest.mark.timeout(300)


async def send(yard: Yard, name: str) -> list[str]:  # noqa: F811 -- the fixture
    """Three of them; their ids, and that of the callback."""
    ids = [f"{name}-{number}" for number in range(3)]
    payload = {"folder": str(yard.folder)}
    callback = Command("doomed.write", f"{name}-over", payload)
    await yard.site.store.put_command_types(Handlers(Doomed()).types())
    async with yard.site.store.transaction(yard.site.tenant) as tx:
        wish = BatchWish(name, tuple(Command("doomed.write", each, payload) for each in ids), callback)
        await send_batch(tx, wish)
    return [*ids, callback.id]


@pytest.mark.req("CB-48")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_at_the_last_command_the_callback_is_executed_once(yard: Yard, when: str) -> None:  # noqa: F811 -- the fixture
    everything = await send(yard, when)
    module = "tests.chaos.doomed_batches"
    async with running("-m", module, when, env=yard.env, log=yard.folder / "doomed.log") as doomed:
        assert await doomed.wait() == -signal.SIGKILL
    async with yard.site.store.transaction(yard.site.tenant) as tx:
        callback = await tx.commands.get(("doomed", f"{when}-over"))
        progress = await tx.commands.batches.get(when)
    assert progress is not None
    assert (callback is not None, progress.batch.over) == (when == "after", when == "after")
    async with yard.worker():
        await eventually(lambda: _over(yard, when, everything), 60)
    assert await yard.site.effects() == everything
    async with yard.site.store.transaction(yard.site.tenant) as tx:
        progress = await tx.commands.batches.get(when)
    assert progress is not None
    assert (progress.batch.completed, progress.batch.called_back) == (3, True)


async def _over(yard: Yard, name: str, everything: list[str]) -> bool:  # noqa: F811 -- the fixture
    """A callback that was never sent is there only once the batch is over."""
    async with yard.site.store.transaction(yard.site.tenant) as tx:
        progress = await tx.commands.batches.get(name)
    return progress is not None and progress.batch.over and await yard.settled(*everything)
