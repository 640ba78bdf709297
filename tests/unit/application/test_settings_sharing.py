import asyncio
import json
from dataclasses import fields
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from adapters.memory.cache import MemorySettingCache
from adapters.memory.store import MemoryStore
from application.ports.settings import Picture, StoredEntry
from application.settings.claims import Claim, Moves, claims_of, picture_of
from application.settings.sharing import SharedSettings
from application.settings.snapshots import Room
from application.settings.tally import Tally
from domain.environments import Environment
from domain.settings import Entry, EntryState, parse_constraint
from tests.unit.application.test_settings_levels import NONE, Process, told
from tests.wishing import ADA, DE, DEV, QA, WHY, define, say, ungovern, wish
from tests.world import START, World, world_in

KEYS = ["a", "b", "c"]
HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)


class Shared:
    """A second level that the test looks into, and the epoch and the values that it tells."""

    def __init__(self, world: World) -> None:
        self.world, self.place = world, (world.tenant.id, DEV)
        self.cache, self.tally = MemorySettingCache(), Tally()
        self.shared = SharedSettings(world.store, self.cache, self.tally)

    async def epoch(self) -> int:
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            return await tx.settings.epoch(DEV)

    async def some(self, *keys: str, epoch: int | None = None) -> dict[str, Any]:
        picture = await self.shared.some(self.place, keys, await self.epoch() if epoch is None else epoch)
        assert picture is not None
        return {each.key: each.entry.value for each in picture.entries} | {"epoch": picture.epoch}

    async def tell(self, since: int, *keys: str) -> None:
        """As whoever held the environment at `since`, and has read what was written."""
        async with self.world.store.transaction(self.world.tenant.id) as tx:
            picture = await tx.settings.picture(DEV, keys)
        await self.shared.tell(self.place, since, picture, keys)

    @property
    def found(self) -> tuple[int, int, int]:
        """Hits, misses and what was refused, since it was asked last."""
        tally = self.tally
        counts = tally.second_hits, tally.second_misses, tally.refused
        tally.second_hits = tally.second_misses = tally.refused = 0
        return counts


@pytest_asyncio.fixture
async def shared(world: World) -> Shared:
    await ungovern(world)
    for key in KEYS:
        await define(world, key, default=0)
    await say(world, *(wish(key, 1) for key in KEYS))
    return Shared(world)


def down(world: World) -> None:
    assert isinstance(world.store, MemoryStore)
    world.store.down = True


@pytest.mark.req("FR-CFG-009")
class TestBelief:
    async def test_what_was_read_is_told_without_the_database(self, world: World, shared: Shared) -> None:
        first, epoch = await shared.some("a", "b"), await shared.epoch()
        assert shared.found == (0, 2, 0)
        down(world)
        assert await shared.some("a", "b", epoch=epoch) == first == {"a": 1, "b": 1, "epoch": epoch}
        assert shared.found == (2, 0, 0)

    async def test_what_is_of_another_epoch_is_refused(self, world: World, shared: Shared) -> None:
        await shared.some("a", "b")
        await say(world, wish("a", 2))
        assert shared.found == (0, 2, 0)
        assert await shared.some("a", "b") == {"a": 2, "b": 1, "epoch": await shared.epoch()}
        assert shared.found == (0, 2, 2)

    async def test_what_did_not_move_is_told_on(self, world: World, shared: Shared) -> None:
        await shared.some("a", "b")
        before = await shared.epoch()
        await say(world, wish("a", 2))
        await shared.tell(before, "a")
        epoch = await shared.epoch()
        assert shared.found == (0, 2, 0)
        down(world)
        assert await shared.some("a", "b", epoch=epoch) == {"a": 2, "b": 1, "epoch": epoch}
        assert shared.found == (2, 0, 0)

    async def test_a_move_that_nobody_told_of_ends_all_belief_in_what_was_read_before(
        self, world: World, shared: Shared
    ) -> None:
        await shared.some("a", "b", "c")
        await say(world, wish("a", 2))
        await shared.tell(await shared.epoch() - 1, "a")
        await say(world, wish("b", 3))
        before = await shared.epoch()
        assert (await shared.some("b"))["b"] == 3
        await say(world, wish("c", 4))
        await shared.tell(before, "c")
        assert shared.found == (0, 4, 1)
        assert await shared.some("a", "b", "c") == {"a": 2, "b": 3, "c": 4, "epoch": before + 1}
        assert shared.found == (2, 1, 1)

    async def test_two_epochs_are_never_mixed(self, world: World, shared: Shared) -> None:
        """The epoch that is asked for is not the present one any more, and half of the keys have to be read."""
        await shared.some("a")
        old = await shared.epoch()
        await say(world, wish("a", 2), wish("b", 2))
        assert await shared.some("a", "b", epoch=old) == {"a": 2, "b": 2, "epoch": old + 1}

    async def test_who_read_before_the_commit_puts_nothing_over_what_was_read_after(
        self, world: World, shared: Shared
    ) -> None:
        async with world.store.transaction(world.tenant.id) as tx:
            before = await tx.settings.picture(DEV, ["a"])
        await say(world, wish("a", 2))
        await shared.some("a")
        late = {each.key: each.content() for each in claims_of(shared.place, before)}
        await shared.cache.put(*shared.place, before.epoch, late)
        epoch = await shared.epoch()
        down(world)
        assert (await shared.some("a", epoch=epoch))["a"] == 2

    async def test_what_is_about_something_else_is_refused(self, world: World, shared: Shared) -> None:
        other = await world_in(world.store, world.clock)
        await shared.some("a", "b")
        epoch = await shared.epoch()
        foreign = SharedSettings(world.store, shared.cache, Tally())
        for key in KEYS:
            await define(other, key, default=7)
        await foreign.some((other.tenant.id, DEV), KEYS, 0)
        kept = shared.cache.kept
        kept[*shared.place, "a"] = kept[other.tenant.id, DEV, "a"]
        kept[*shared.place, "b"] = kept[*shared.place, "a"]
        shared.tally.refused = 0
        assert await shared.some("a", "b") == {"a": 1, "b": 1, "epoch": epoch}
        assert shared.tally.refused == 2

    async def test_what_another_version_wrote_is_refused(self, shared: Shared) -> None:
        await shared.some("a")
        epoch, content = shared.cache.kept[*shared.place, "a"]
        shared.cache.kept[*shared.place, "a"] = epoch, json.dumps({**json.loads(content), "form": 0}).encode()
        assert (await shared.some("a"))["a"] == 1
        assert shared.found == (0, 2, 1)

    async def test_what_too_many_scopes_speak_of_is_for_the_database(self, world: World, shared: Shared) -> None:
        await say(world, *(wish("a", number, f"user:u{number}") for number in range(501)))
        assert (await shared.some("a"))["epoch"] == await shared.epoch()
        assert await shared.shared.some(shared.place, ["a", "b"], await shared.epoch()) is None
        assert len(shared.cache.kept[*shared.place, "a"][1]) < 500
        process = Process(world, shared.cache, NONE)
        assert await told(process.setting, world, DEV, "user:u7") == await told(world.setting, world, DEV, "user:u7")
        await process.close()

    async def test_one_that_is_away_or_empty_is_not_missed(self, shared: Shared) -> None:
        told_first = await shared.some("a")
        shared.cache.away = True
        assert await shared.some("a") == told_first
        shared.cache.away = False
        shared.cache.flush()
        assert await shared.some("a") == told_first


class TestBeginning:
    async def test_a_process_that_begins_holds_what_was_asked_of_others(self, shared: Shared) -> None:
        world, cache = shared.world, shared.cache
        await cache.asked(world.tenant.id, QA)
        await cache.asked(*shared.place)
        process = Process(world, cache, Room(patience=60))
        await asyncio.sleep(0)
        await process.snapshots.settled()
        down(world)
        for environment in (DEV, QA):
            assert len(await told(process.setting, world, environment, ADA)) == len(KEYS)
        await process.close()

    async def test_together_ask_once(self, shared: Shared) -> None:
        process = Process(shared.world, shared.cache, NONE)
        answers = await asyncio.gather(*(told(process.setting, shared.world, DEV, ADA) for _ in range(20)))
        assert all(answer == answers[0] for answer in answers)
        assert shared.cache.kept.keys() == {(*shared.place, key) for key in KEYS}
        assert (process.snapshots.tally.first_misses, process.snapshots.tally.second_misses) == (60, 3)
        await process.close()


class TestMoves:
    place = (uuid4(), Environment.DEV)

    def claim(self, key: str, epoch: int) -> Claim:
        return Claim(self.place, key, epoch, START, {}, ())

    def test_vouch_for_what_did_not_move_between(self) -> None:
        moves = Moves(self.place, 5, 9, {"a": 7})
        known = [moves.vouch(self.claim(key, epoch), 9) for key, epoch in (("a", 6), ("a", 7), ("b", 5), ("b", 4))]
        assert known == [False, True, True, False]
        assert not moves.vouch(self.claim("b", 6), 10)
        assert not moves.vouch(self.claim("b", 10), 9)

    def test_go_on_from_where_others_ended(self) -> None:
        assert Moves.of(self.place, 5, 7, "a").on(Moves.of(self.place, 7, 9, "b")) == Moves(
            self.place, 5, 9, {"a": 7, "b": 9}
        )

    def test_say_nothing_of_a_gap(self) -> None:
        later = Moves.of(self.place, 8, 9, "b")
        assert Moves.of(self.place, 5, 7, "a").on(later) == later

    def test_forget_the_oldest_and_what_was_read_before_it(self) -> None:
        moves = Moves.of(self.place, 0, 1, ["k0"])
        for number in range(1, 1_500):
            moves = moves.on(Moves.of(self.place, number, number + 1, [f"k{number}"]))
        assert (len(moves.moved), moves.since, moves.epoch) == (1_000, 500, 1_500)
        assert [moves.vouch(self.claim("quiet", epoch), 1_500) for epoch in (499, 500)] == [False, True]


@pytest.mark.req("ST79")
async def test_what_is_planned_begins_and_ends_by_itself_though_nobody_reads_the_database(shared: Shared) -> None:
    world = shared.world
    begin, end = world.clock() + HOUR, world.clock() + 2 * HOUR
    await say(world, wish("a", 30, since=begin, until=end))
    process = Process(world, shared.cache, NONE)
    await told(process.setting, world, DEV, ADA)
    down(world)
    seen = []
    for moment in (begin - MOMENT, begin, end - MOMENT, end):
        world.clock.now = moment
        seen.append((await told(process.setting, world, DEV, ADA))[0].resolution.value)
    assert seen == [1, 30, 30, 1]
    await process.close()


@pytest.mark.req("ST80")
async def test_a_secret_is_shared_as_it_is_sealed(shared: Shared) -> None:
    world = shared.world
    await define(world, "token", "secret", sensitivity="secret")
    await say(world, wish("token", "swordfish"))
    await shared.some("token")
    _, content = shared.cache.kept[*shared.place, "token"]
    assert (b"swordfish" in content, b"fingerprint" in content) == (False, True)


@pytest.mark.req("ST84")
def test_nothing_that_is_said_gets_lost() -> None:
    place, minimum = (uuid4(), DEV), parse_constraint({"minimum": 1})
    later = START.replace(year=2099)
    said = Entry(3, EntryState.SET, {"a": [1.5, None]}, True, minimum, START, later, uuid4(), START, uuid4(), WHY,
                 meant_until=later, above="acme")  # fmt: skip
    assert [each.name for each in fields(said) if getattr(said, each.name) == each.default] == []
    bare = Entry(4, EntryState.UNSET, None, False, None, START, None, None, START, None, WHY)
    picture = Picture(
        START, 7, {"a": {"key": "a"}}, [StoredEntry(DEV, "a", DE, each, "told") for each in (said, bare)], 0
    )
    (claim,) = claims_of(place, picture)
    assert Claim.read(place, "a", claim.content()) == claim
    assert Claim.read((place[0], QA), "a", claim.content()) is None
    assert picture_of([claim], 7) == picture


async def test_a_process_that_begins_reads_no_more_than_it_has_room_for(shared: Shared) -> None:
    world, cache = shared.world, shared.cache
    for environment in (QA, DEV):
        await cache.asked(world.tenant.id, environment)
    process = Process(world, cache, Room(places=1, patience=60, worth=9))
    await asyncio.sleep(0)
    await process.snapshots.settled()
    down(world)
    assert len(await told(process.setting, world, DEV, ADA)) == len(KEYS)
    assert process.snapshots.tally.first_hits == len(KEYS)
    await process.close()
