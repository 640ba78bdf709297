"""Locks, freezes and rules of releases, in memory and in PostgreSQL."""

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.ports.locks import RuleKind, StoredRule, Turn, TurnKind
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import AlreadyExists
from domain.locks import Claim, Freeze, FreezeKind, Place, Reach, WhileRunning
from domain.rollouts import State
from domain.tenants import Tenancy
from tests.contract.homes import LONG_AGO, PRODUCTION, Home

CHECKOUT, SEARCH = Place(PRODUCTION, Kind.FLAG, "checkout"), Place(PRODUCTION, Kind.FLAG, "search")
ROOT, ACME = Place(PRODUCTION, Kind.SETTING, "limit"), Place(PRODUCTION, Kind.SETTING, "limit", "company:acme")


async def claimed(home: Home, *places: Place, tenant: UUID | None = None, priority: int = 0) -> UUID:
    rollout = uuid4()
    async with home.store.transaction(tenant or home.tenant.id) as tx:
        await tx.target_locks.in_turn(places)
        await tx.target_locks.claim(rollout, places, priority)
    return rollout


async def child(home: Home) -> UUID:
    async with home.transaction() as tx:
        own = await tx.tenants.own()
        slug = f"b-{secrets.token_hex(6)}"
        below = Tenancy(uuid4(), slug, "Below", tx.now, ancestors=(*own.ancestors, own.id), parent=own.slug)
        await tx.tenants.found(below)
    return below.id


class TestClaims:
    async def test_hold_from_when_they_have_a_token(self, home: Home) -> None:
        first = await claimed(home, SEARCH, CHECKOUT)
        async with home.transaction() as tx:
            before = await tx.target_locks.of(first)
            assert [(each.place, each.held) for each in before] == [(CHECKOUT, False), (SEARCH, False)]
            token = await tx.target_locks.take(first)
            assert {each.token for each in await tx.target_locks.of(first)} == {token}
            assert await tx.target_locks.holders(PRODUCTION) == [first]
            assert await tx.target_locks.holders(Environment.DEV) == []
            await tx.target_locks.let_go(first)
            assert await tx.target_locks.of(first) == before
            assert await tx.target_locks.take(first) > token
            await tx.target_locks.drop(first)
            assert await tx.target_locks.of(first) == []

    @pytest.mark.req("I3")
    async def test_of_one_place_only_one_holds(self, home: Home) -> None:
        first, second = await claimed(home, CHECKOUT), await claimed(home, SEARCH, CHECKOUT)
        async with home.transaction() as tx:
            await tx.target_locks.take(first)
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.target_locks.take(second)
        async with home.transaction() as tx:
            assert await tx.target_locks.holders(PRODUCTION) == [first]

    async def test_remember_since_when_they_queue_and_who_takes_their_place(self, home: Home) -> None:
        first = await claimed(home, CHECKOUT, priority=1)
        newer = uuid4()
        async with home.transaction() as tx:
            await tx.target_locks.queue(first, LONG_AGO, 2)
            assert await tx.target_locks.of(first) == [Claim(first, home.tenant.id, CHECKOUT, 2, LONG_AGO)]
            token = await tx.target_locks.take(first)
            await tx.target_locks.supersede(first, newer)
            (held,) = await tx.target_locks.of(first)
            assert held == Claim(first, home.tenant.id, CHECKOUT, 2, None, token, newer)

    @pytest.mark.req("S86")
    async def test_meet_where_a_scope_contains_the_other(self, home: Home) -> None:
        broad, narrow = await claimed(home, ROOT), await claimed(home, ACME)
        other = await claimed(home, replace(ACME, scope="company:acm"))
        async with home.transaction() as tx:
            assert {each.rollout for each in await tx.target_locks.rivals(broad)} == {narrow, other}
            assert [each.rollout for each in await tx.target_locks.rivals(narrow)] == [broad]

    @pytest.mark.req("S86")
    async def test_meet_those_of_tenants_above_and_below_and_of_nobody_else(self, home: Home) -> None:
        left, right = await child(home), await child(home)
        above = await claimed(home, CHECKOUT)
        below = [await claimed(home, CHECKOUT, tenant=each) for each in (left, right)]
        async with home.transaction() as tx:
            assert {each.rollout for each in await tx.target_locks.rivals(above)} == set(below)
        async with home.store.transaction(left) as tx:
            (rival,) = await tx.target_locks.rivals(below[0])
            assert (rival.rollout, rival.tenant) == (above, home.tenant.id)


class TestTurns:
    async def test_are_of_who_waits_and_of_who_must_give_way(self, home: Home) -> None:
        waits, frozen, runs = [await home.submitted() for _ in range(3)]
        async with home.transaction() as tx:
            for change, state in ((waits, State.QUEUED), (frozen, State.BLOCKED), (runs, State.RUNNING)):
                await tx.rollouts.save(home.rollout(change, state=state))
                await tx.target_locks.claim(change.id, [replace(CHECKOUT, key=str(change.id))], 0)
            await tx.target_locks.take(runs.id)
        assert await turns(home) == {(TurnKind.QUEUED, waits.id), (TurnKind.BLOCKED, frozen.id)}
        async with home.transaction() as tx:
            await tx.target_locks.supersede(runs.id, waits.id)
        assert (TurnKind.SUPERSEDED, runs.id) in await turns(home)


async def turns(home: Home) -> set[tuple[TurnKind, UUID]]:
    found: list[Turn] = await home.store.turns()
    return {(each.kind, each.rollout) for each in found if each.tenant == home.tenant.id}


class TestFreezes:
    async def test_are_kept_and_lifted(self, home: Home) -> None:
        first = freeze(home)
        async with home.transaction() as tx:
            assert await tx.freezes.add(first)
            assert not await tx.freezes.add(first)
            assert await tx.freezes.get(first.id, lock=True) == first
            assert await tx.freezes.get(uuid4()) is None
            await tx.freezes.lift(first.id, LONG_AGO, home.bob.id)
            lifted = replace(first, lifted_at=LONG_AGO, lifted_by=home.bob.id)
            assert await tx.freezes.get(first.id) == lifted
            assert await tx.freezes.over(LONG_AGO) == []

    async def test_are_listed_newest_first(self, home: Home) -> None:
        every = [freeze(home, created_at=LONG_AGO + timedelta(hours=n)) for n in range(3)]
        async with home.transaction() as tx:
            for each in every:
                await tx.freezes.add(each)
            assert await tx.freezes.page(FreezeKind.FREEZE, None, 2) == [every[2], every[1]]
            assert await tx.freezes.page(FreezeKind.BLOCK, None, 2) == []
            assert await tx.freezes.page(FreezeKind.FREEZE, (every[1].created_at, every[1].id), 2) == [every[0]]

    async def test_stand_over_the_tenants_below(self, home: Home) -> None:
        left = await child(home)
        above, past = freeze(home), freeze(home, ends=LONG_AGO + timedelta(minutes=1))
        own = freeze(home, tenant=left)
        async with home.transaction() as tx:
            for each in (above, past):
                await tx.freezes.add(each)
            assert await tx.freezes.over(LONG_AGO + timedelta(minutes=1)) == [above.cover]
        async with home.store.transaction(left) as tx:
            await tx.freezes.add(own)
            assert {each.id for each in await tx.freezes.over(LONG_AGO + timedelta(minutes=1))} == {above.id, own.id}
            assert await tx.freezes.page(FreezeKind.FREEZE, None, 9) == [own]
            assert await tx.freezes.get(above.id) is None


def freeze(home: Home, **given: Any) -> Freeze:
    made: dict[str, Any] = {
        "id": uuid4(), "tenant": home.tenant.id, "kind": FreezeKind.FREEZE,
        "reach": Reach(PRODUCTION, (Kind.FLAG, Kind.SETTING), "check", "pci"), "starts": LONG_AGO,
        "ends": LONG_AGO + timedelta(days=1), "running": WhileRunning.PAUSE, "owner": "ops",
        "reason": "the books are closed", "created_by": home.ada.id, "created_at": LONG_AGO,
    }  # fmt: skip
    return Freeze(**{**made, **given})


class TestRules:
    async def test_are_kept_version_by_version(self, home: Home) -> None:
        first = StoredRule(RuleKind.WINDOW, "office", 1, {"a": 1}, home.ada.id, LONG_AGO, "because", uuid4())
        second = replace(first, version=2, content={"a": 2}, request=None)
        other = replace(second, kind=RuleKind.POLICY)
        async with home.transaction() as tx:
            for each in (first, second, other):
                await tx.release_rules.put(each)
            assert await tx.release_rules.get(RuleKind.WINDOW, "office") == second
            assert await tx.release_rules.get(RuleKind.WINDOW, "other") is None
            assert await tx.release_rules.at(RuleKind.WINDOW, "office", first.version) == first
            assert await tx.release_rules.at(RuleKind.WINDOW, "office", 9) is None
            assert await tx.release_rules.page(RuleKind.WINDOW, "", 9) == [second]
            assert await tx.release_rules.page(RuleKind.WINDOW, "office", 9) == []
            assert first.request is not None
            assert await tx.release_rules.asked(first.request) == first
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.release_rules.put(replace(second, reason="again"))
