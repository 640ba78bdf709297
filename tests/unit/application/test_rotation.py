from typing import Any

import pytest

from adapters.memory.secrets import MemoryKeyRing, MemorySealer
from application.ports.records import AuditFilter
from application.ports.secrets import KeysUnavailable, SealBroken, Wrapped
from application.settings.reading import Question
from application.settings.rotation import RingKey, Rotation
from application.settings.sealing import Sealing
from domain.people import Actor, PrincipalKind
from domain.settings import EntryState, Scope, Sealed
from tests.wishing import DE, DEV, define, govern, say, wish
from tests.world import World

KEY = "pay.token"


def ring_of(world: World) -> MemoryKeyRing:
    sealer = world.setting.sealing._sealer
    assert isinstance(sealer, MemorySealer)
    return sealer.ring


async def rotation(world: World, *texts: str, batch: int = 2) -> Rotation:
    """Of a world with these versions of one secret."""
    await define(world, KEY, "secret")
    await govern(world, DEV, 0)
    for text in texts:
        await say(world, wish(KEY, text))
    return Rotation(world.store, ring_of(world), batch)


async def stored(world: World) -> list[Any]:
    async with world.store.transaction(world.tenant.id) as tx:
        found = await tx.settings.history(DEV, KEY, "", 99, 99)
    return [each.entry.value for each in found if each.entry.state is EntryState.SET]


async def read(world: World) -> list[str]:
    """Every version, as rolling back would read it."""
    sealing: Sealing = world.setting.sealing
    return [await sealing.plain(world.ada, DEV, KEY, Scope(""), each) for each in await stored(world)]


async def audited(world: World) -> list[Any]:
    async with world.store.transaction(world.tenant.id) as tx:
        rows = await tx.audit.page(AuditFilter(action="setting:secret:rewrapped"), None, 99)
    return [row.event for row in rows]


@pytest.mark.req("ST80")
class TestRotation:
    async def test_moves_every_version_and_changes_no_value(self, world: World) -> None:
        turning = await rotation(world, "one", "two", "three")
        before = await stored(world)
        made = await turning.new_key()
        assert await turning.outstanding() == 3
        done = await turning.rotate("because")
        assert (done.primary, done.rewrapped, done.left, done.broken) == (made, 3, 0, 0)
        assert await stored(world) == before
        assert await read(world) == ["three", "two", "one"]
        assert await turning.outstanding() == 0

    async def test_no_wrapped_key_stands_in_a_value(self, world: World) -> None:
        await rotation(world, "one")
        (value,) = await stored(world)
        sealed = Sealed.of(value)
        assert sealed is not None
        with pytest.raises(SealBroken):
            await MemorySealer(ring_of(world)).open(sealed.text, b"")

    async def test_tells_what_may_be_retired(self, world: World) -> None:
        turning = await rotation(world, "one", "two")
        await turning.new_key()
        assert await turning.keys() == [
            RingKey("memory-v1", primary=False, known=True, values=2, tenants=1),
            RingKey("memory-v2", primary=True, known=True, values=0, tenants=0),
        ]
        await turning.rotate("because")
        old, new = await turning.keys()
        assert (old.spare, new.spare, new.values) == (True, False, 2)

    async def test_leaves_one_event_for_each_run_that_did_something(self, world: World) -> None:
        turning = await rotation(world, "one", "two", "three", batch=1)
        assert (await turning.rotate("for nothing")).rewrapped == 0
        assert await audited(world) == []
        made = await turning.new_key()
        await turning.rotate("a key was lost")
        await turning.rotate("once more")
        (event,) = await audited(world)
        assert (event["reason"], event["after"]["key"], event["actor"]) == ("a key was lost", made, None)

    async def test_tells_how_far_it_is(self, world: World) -> None:
        turning = await rotation(world, "one", "two", "three")
        await turning.new_key()
        steps: list[int] = []
        await turning.rotate("because", steps.append)
        assert steps == [2, 1]

    async def test_stops_without_keys_and_is_gone_on_with(self, world: World) -> None:
        turning = await rotation(world, "one", "two", "three", batch=1)
        await turning.new_key()
        ring = ring_of(world)

        def fail(_: int) -> None:
            ring.down = True

        with pytest.raises(KeysUnavailable):
            await turning.rotate("because", fail)
        ring.down = False
        assert await read(world) == ["three", "two", "one"]
        assert (await turning.rotate("because")).rewrapped == 2

    async def test_passes_by_what_no_key_opens(self, world: World) -> None:
        turning = await rotation(world, "one", "two", batch=1)
        ring = ring_of(world)
        lost = next(iter(ring._wrapped))
        key = ring._wrapped.pop(lost)
        await turning.new_key()
        done = await turning.rotate("because")
        assert (done.rewrapped, done.broken) == (1, 1)
        ring._wrapped[lost] = key  # the key was found again
        assert await read(world) == ["two", "one"]

    async def test_of_two_at_once_each_secret_is_turned_by_one(self, world: World) -> None:
        turning = await rotation(world, "one", "two", batch=9)
        await turning.new_key()
        other = Rotation(world.store, ring_of(world))
        ring, wrap = ring_of(world), ring_of(world).wrap
        done = []

        async def slowly(key: bytes) -> Wrapped:
            """The other one comes between reading and writing."""
            ring.wrap = wrap  # type: ignore[method-assign]  # once
            done.append(await other.rotate("because"))
            return await wrap(key)

        ring.wrap = slowly  # type: ignore[method-assign]  # the moment that a race needs
        done.append(await turning.rotate("because"))
        assert [(each.rewrapped, each.left) for each in done] == [(2, 0), (0, 2)]
        assert await read(world) == ["two", "one"]

    async def test_secrets_that_wait_for_approval_are_turned_too(self, world: World) -> None:
        turning = await rotation(world)
        await govern(world, DEV, 1)
        await say(world, wish(KEY, "waiting"))
        await turning.new_key()
        assert (await turning.rotate("because")).rewrapped == 1

    async def test_a_dry_run_keeps_no_key(self, world: World) -> None:
        turning = await rotation(world)
        await say(world, wish(KEY, "guess"), dry_run=True)
        assert (await turning.keys())[0].values == 0

    async def test_applications_read_on(self, world: World) -> None:
        turning = await rotation(world, "one")
        await turning.new_key()
        await turning.rotate("because")
        shop = next(each for each in world.people.values() if each.kind is PrincipalKind.SERVICE)
        assert (await reveal(world, shop)) == "one"


async def reveal(world: World, actor: Actor) -> str:
    return (await world.setting.sealing.reveal(actor, Question(DEV, Scope(DE)), KEY)).reveal()
