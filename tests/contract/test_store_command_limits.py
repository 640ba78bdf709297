"""What both stores keep of limits and breakers, and what is leased where there is room for some types only."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.memory.store import MemoryStore
from adapters.postgres.store import PostgresStore
from application.ports.commands import Types
from domain.commands import CommandType
from domain.commands.breakers import Breaker, BreakerAct, BreakerOperation, BreakerState, act_digest
from domain.commands.dependencies import Dependence
from domain.commands.limits import Bucket, Limit, LimitScope, Room
from domain.commands.operations import Act
from domain.commands.policies import TypePolicy
from domain.commands.repairs import Edit
from tests.contract.homes import LONG_AGO, Home, moved_in
from tests.contract.test_store_commands import WRONG, ids, made, put, read
from tests.contract.test_store_parked_commands import DIGEST, decided

POST, CLOSE, REBUILD = "ledger.post-journal", "ledger.close-book", "ledger.rebuild"
OURS, SHARED = LimitScope.TENANT, LimitScope.EVERYWHERE
FOR_A_WHILE = timedelta(minutes=1)


async def leased(home: Home, rooms: dict[str, Room], most: int = 10, **types: Any) -> list[str]:
    async with home.transaction() as tx:
        wanted = Types(rooms=rooms, **types)
        return ids(await tx.commands.lease("ledger", most, tx.now + FOR_A_WHILE, uuid4(), wanted))


@pytest.fixture(params=["memory", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def neighbours(kind: str, store: PostgresStore) -> tuple[Home, Home]:
    shared: Any = MemoryStore() if kind == "memory" else store
    return await moved_in(shared), await moved_in(shared)


class TestRooms:
    @pytest.mark.req("CB-37")
    async def test_hold_back_some_types_and_let_the_others_pass(self, home: Home) -> None:
        await put(
            home,
            *(made(home, f"p{each}", at=LONG_AGO + timedelta(minutes=each)) for each in range(4)),
            made(home, "c", CLOSE, at=LONG_AGO + timedelta(hours=1)),
            made(home, "r", REBUILD, at=LONG_AGO + timedelta(hours=2)),
        )
        assert await leased(home, {POST: Room(0)}, most=1) == ["c"]
        assert await leased(home, {POST: Room(2)}) == ["p0", "p1", "r"]
        assert await leased(home, {POST: Room(0)}) == []
        assert await leased(home, {POST: Room(9)}, most=1) == ["p2"]
        assert await leased(home, {CLOSE: Room(0)}) == ["p3"]

    async def test_are_of_those_types_that_are_asked_for(self, home: Home) -> None:
        await put(home, *(made(home, f"{each}{n}", f"ledger.{each}") for n in range(2) for each in ("a", "b", "c")))
        some = frozenset({"ledger.a"})
        assert await leased(home, {"ledger.b": Room(1)}, names=some) == ["b0", "c0", "c1"]
        assert await leased(home, {"ledger.a": Room(1)}, names=some, only=True) == ["a0"]

    @pytest.mark.req("CB-38")
    async def test_let_one_through_of_all_that_see_the_same(self, home: Home) -> None:
        await put(home, made(home, "1", POST), made(home, "2", CLOSE), made(home, "3", REBUILD), made(home, "4", POST))
        one = Room(1, "crm")
        assert await leased(home, {POST: one, CLOSE: one}) == ["1", "3"]
        assert await leased(home, {POST: one, CLOSE: one}) == ["2"]

    @pytest.mark.req("CB-34")
    async def test_keep_the_line_of_an_ordering_key(self, home: Home) -> None:
        await put(home, made(home, "1", POST, ordering_key="a"), made(home, "2", CLOSE, ordering_key="a"))
        assert await leased(home, {POST: Room(0)}) == []
        assert await leased(home, {POST: Room(1)}) == ["1"]

    async def test_take_alone_what_lost_its_worker(self, home: Home) -> None:
        await put(home, *(made(home, each) for each in "ab"), made(home, "c", CLOSE))
        async with home.transaction() as tx:
            (first,) = await tx.commands.lease("ledger", 1, tx.now + FOR_A_WHILE, uuid4())
            await tx.commands.save([first.crashed(WRONG)])
        assert await leased(home, {CLOSE: Room(5)}) == ["a"]
        assert await leased(home, {CLOSE: Room(5)}) == ["b", "c"]


class TestReceivers:
    """Of one type, whose commands say to which receiver they go."""

    async def types(self, home: Home) -> tuple[str, str]:
        tell, warn = (f"ledger.t{uuid4().hex}" for _ in range(2))
        policy = TypePolicy(depends_on="hooks", apart="/to").to_json()
        store: Any = home.store
        await store.put_command_types([CommandType(each, 1, {}, policy) for each in (tell, warn)])
        return tell, warn

    @pytest.mark.req("CB-38")
    async def test_are_written_with_what_is_sent_and_with_what_is_edited(self, home: Home) -> None:
        tell, _ = await self.types(home)
        said = {"a": {"to": "crm"}, "b": {"to": "Ann <ann@example.com>"}, "c": {"to": 7}, "d": {"to": "é" * 80}}
        await put(home, *(made(home, name, tell, payload=payload) for name, payload in said.items()), made(home, "e"))
        depends = Dependence(tell, "hooks", apart="/to")
        told = {name: (await read(home, name)).dependency for name in "abcde"}
        assert told == {"e": "", **{name: depends.receiver(payload) for name, payload in said.items()}}
        assert (told["a"], told["c"], "ann" in told["b"]) == ("hooks:crm", "hooks", False)
        operation = decided(await read(home, "a"), Act.EDIT)
        edit = Edit(operation.id, ("ledger", "a"), 2, 1, [], DIGEST, DIGEST, {"to": "erp"}, LONG_AGO)
        async with home.transaction() as tx:
            assert await tx.commands.parked.add_operation(replace(operation, approval=UUID(int=7)))
            await tx.commands.repairs.edit(edit)
        assert (await read(home, "a")).dependency == "hooks:erp"

    @pytest.mark.req("CB-37", "CB-38")
    async def test_have_rooms_of_their_own_whatever_waits_for_others(self, home: Home) -> None:
        tell, warn = await self.types(home)
        minutes = (LONG_AGO + timedelta(minutes=each) for each in range(99))
        line = [
            *(made(home, f"dead{n}", tell, payload={"to": "dead"}, at=next(minutes)) for n in range(5)),
            *(made(home, f"slow{n}", tell, payload={"to": "slow"}, at=next(minutes)) for n in range(5)),
            *(made(home, f"well{n}", (warn, tell)[n % 2], payload={"to": "well"}, at=next(minutes)) for n in range(4)),
            made(home, "none", tell, payload={}, at=next(minutes)), made(home, "free", POST, at=next(minutes)),
        ]  # fmt: skip
        await put(home, *line)
        apart = Room(apart="hooks", each=3)
        rooms, parts = {tell: apart, warn: apart}, {"hooks:dead": 0, "hooks:slow": 1, "hooks": 0}
        assert await leased(home, rooms, parts=parts) == ["slow0", "well0", "well1", "well2", "free"]
        async with home.transaction() as tx:
            assert await tx.commands.limits.apart() == {"hooks:slow": 1, "hooks:well": 3}
        assert await leased(home, {tell: replace(apart, most=2), warn: Room(0)}) == ["dead0", "dead1"]
        assert await leased(home, rooms, most=4) == ["dead2", "dead3", "dead4", "slow1"]
        rest = ["slow2", "slow3", "slow4", "well3", "none"]
        assert await leased(home, {tell: apart}, names=frozenset({warn})) == rest

    async def test_are_what_types_depend_on_until_their_handlers_say_something_else(self, home: Home) -> None:
        tell, warn = await self.types(home)
        store: Any = home.store
        own = f"changegate.t{uuid4().hex}"
        crm = TypePolicy(depends_on="crm", limit_scope="everywhere").to_json()
        await store.put_command_types(
            [
                CommandType(tell, 2, {}, TypePolicy().to_json()),
                CommandType(tell, 1, {}, crm),
                CommandType(own, 1, {}, crm),
            ]
        )
        async with home.transaction() as tx:
            there = [each for each in await tx.commands.breakers.depending() if each.type in {tell, warn, own}]
            assert sorted(there, key=lambda each: each.type) == sorted(
                [Dependence(own, "crm", SHARED), Dependence(warn, "hooks", apart="/to")], key=lambda each: each.type
            )
            assert own not in {each.type for each in await tx.commands.types()}


class TestBuckets:
    @pytest.mark.req("CB-37")
    @pytest.mark.parametrize("scope", LimitScope)
    async def test_are_full_at_first_and_keep_what_is_left(self, home: Home, scope: LimitScope) -> None:
        name, other = f"ledger.t{uuid4().hex}", f"ledger.t{uuid4().hex}"
        limits = [Limit(name, scope, 10, 20), Limit(other, scope, None, 1, 3)]
        async with home.transaction() as tx:
            now = tx.now
            assert await tx.commands.limits.take(limits) == {name: Bucket(20, now), other: Bucket(1, now)}
            await tx.commands.limits.put(limits, {name: Bucket(7.5, now + FOR_A_WHILE)})
        async with home.transaction() as tx:
            there = await tx.commands.limits.take(limits)
            assert there == {name: Bucket(7.5, now + FOR_A_WHILE), other: Bucket(1, now)}

    @pytest.mark.req("CB-37")
    async def test_are_a_tenants_own_or_everybodys(self, kind: str, store: PostgresStore) -> None:
        ours, theirs = await neighbours(kind, store)
        own, shared = f"ledger.t{uuid4().hex}", f"ledger.t{uuid4().hex}"
        limits = [Limit(own, OURS, 1, 5, 9), Limit(shared, SHARED, 1, 5, 9)]
        await put(ours, made(ours, "1", own), made(ours, "2", shared), made(ours, "3", shared))
        async with ours.transaction() as tx:
            await tx.commands.lease("ledger", 9, tx.now + FOR_A_WHILE, uuid4())
            taken = await tx.commands.limits.take(limits)
            await tx.commands.limits.put(limits, {name: each.spent(4) for name, each in taken.items()})
            assert await tx.commands.limits.leased(limits) == {own: 1, shared: 2}
        async with theirs.transaction() as tx:
            left = await tx.commands.limits.take(limits)
            assert (left[own].tokens, left[shared].tokens) == (5, 1)
            assert await tx.commands.limits.leased(limits) == {shared: 2}


class TestBreakers:
    @pytest.mark.req("CB-38")
    @pytest.mark.parametrize("scope", LimitScope)
    async def test_are_kept(self, home: Home, scope: LimitScope) -> None:
        name = f"d{uuid4().hex}"
        async with home.transaction() as tx:
            assert await tx.commands.breakers.some([name]) == []
            assert await tx.commands.breakers.lock_free(name, scope) is None
            fresh = await tx.commands.breakers.lock(name, scope)
            assert fresh == Breaker(name, scope)
            resting = Breaker(name, scope, BreakerState.OPEN, 5, 2, tx.now + FOR_A_WHILE, tx.now, version=3)
            await tx.commands.breakers.save(resting)
        async with home.transaction() as tx:
            assert await tx.commands.breakers.some([name, "other"]) == [resting]
            assert await tx.commands.breakers.lock(name, scope) == resting
            assert await tx.commands.breakers.lock_free(name, scope) == resting
            assert resting in await tx.commands.breakers.some()

    @pytest.mark.req("CB-38")
    async def test_of_a_tenant_that_are_troubled_are_found(self, home: Home) -> None:
        async with home.transaction() as tx:
            calm, failed, held = [await tx.commands.breakers.lock(f"hooks:{each}", OURS) for each in ("a", "b", "c")]
            await tx.commands.breakers.save(calm)
            await tx.commands.breakers.save(replace(failed, failures=1))
            await tx.commands.breakers.save(held.opened(home.bob.id, "maintenance tonight", tx.now))
        async with home.transaction() as tx:
            assert [each.dependency for each in await tx.commands.breakers.troubled()] == ["hooks:b", "hooks:c"]

    async def test_are_a_tenants_own_or_everybodys(self, kind: str, store: PostgresStore) -> None:
        ours, theirs = await neighbours(kind, store)
        name = f"d{uuid4().hex}"
        async with ours.transaction() as tx:
            held = (await tx.commands.breakers.lock(name, OURS)).opened(ours.bob.id, "maintenance tonight", tx.now)
            await tx.commands.breakers.save(held)
            await tx.commands.breakers.lock(name, SHARED)
        async with theirs.transaction() as tx:
            assert await tx.commands.breakers.some([name]) == [Breaker(name, SHARED)]
        async with ours.transaction() as tx:
            assert await tx.commands.breakers.some([name]) == [Breaker(name, SHARED), held]

    @pytest.mark.req("CB-42")
    async def test_remember_what_people_did(self, home: Home) -> None:
        why = "maintenance tonight"
        digest = act_digest(home.bob.id, "crm", BreakerAct.OPEN, why)
        done = BreakerOperation(
            uuid4(), "crm", BreakerAct.OPEN, home.bob.id, why, digest, BreakerState.OPEN, 1, LONG_AGO
        )  # fmt: skip
        async with home.transaction() as tx:
            assert await tx.commands.breakers.operation(done.id) is None
            assert await tx.commands.breakers.add_operation(done)
        async with home.transaction() as tx:
            assert await tx.commands.breakers.operation(done.id) == done
            assert not await tx.commands.breakers.add_operation(replace(done, reason="because of the test"))


class TestAgeing:
    @pytest.mark.req("CB-32")
    async def test_lets_nothing_wait_for_ever_behind_what_is_urgent(self, home: Home) -> None:
        """An hour of urgent ones, one a minute: those of the first nine minutes go before it, and no other."""
        minutes = [timedelta(minutes=each) for each in range(60)]
        await put(home, made(home, "patient", priority=0))
        await put(home, *(made(home, f"u{place:02}", priority=9, at=LONG_AGO + at) for place, at in enumerate(minutes)))
        async with home.transaction() as tx:
            order = ids(await tx.commands.lease("ledger", 100, tx.now + FOR_A_WHILE, uuid4()))
        assert order == [*(f"u{each:02}" for each in range(9)), "patient", *(f"u{each:02}" for each in range(9, 60))]
