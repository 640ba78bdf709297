"""What is over for long enough is purged, and what remains of it answers whoever sends it again, by either store."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from application.commands.purging import Purging
from application.commands.sending import send_in
from application.ports.records import AuditFilter
from domain.audit import Action
from domain.commands import Command, CommandConflict, CommandState, CommandType
from domain.commands.answers import OWN
from domain.commands.operations import Act, Operation
from domain.commands.policies import TypePolicy
from domain.commands.purging import CommandPurged, Retention, TenantRetention
from domain.errors import Invalid, Missing, Stale
from domain.people import PermissionMissing, Role
from tests.contract.aged import DAYS, RETENTION, Old
from tests.contract.homes import Home
from tests.contract.ordering import POST, catalogued, journal


@pytest_asyncio.fixture
async def old(home: Home) -> Old:
    return Old(await catalogued(home))


@pytest.mark.req("CB-08")
async def test_what_was_kept_for_long_enough_goes_and_the_rest_stays(old: Old) -> None:
    change = old.home.change()
    async with old.home.transaction() as tx:
        await tx.changes.add(change)
    for place in range(7):
        await old.ended(journal(f"old-{place}"), 31 + place)
    await old.ended(journal("held", change=change.id), 31)
    await old.ended(journal("held-no-longer", change=change.id), 366)
    await old.ended(journal("young"), 29)
    await old.ended(journal("waiting"), 31, over=False)
    assert await old.purge() == 8
    kept = ["held", "young", "waiting"]
    assert await old.there(*kept, "held-no-longer", *(f"old-{each}" for each in range(7))) == kept
    told = await old.told()
    assert sum(each["after"]["count"] for each in told) == 8
    assert all(each["after"]["ended"].keys() == {"ledger/completed"} for each in told)
    assert await old.purge() == 0
    assert len(await old.told()) == len(told)


@pytest.mark.req("CB-08")
async def test_what_the_product_sends_itself_is_kept_as_its_types_say(old: Old) -> None:
    """They stand in no catalogue, and what nobody declares is held."""
    short, usual, gone = (f"{OWN}.{name}" for name in ("be-short", "be-usual", "be-gone"))
    types = [CommandType(short, 1, {}, TypePolicy(kept_days=7).to_json()), CommandType(usual, 1, {}, {})]
    for place, (name, days) in enumerate([(short, 8), (short, 6), (usual, 31), (usual, 29), (gone, 31)]):
        await old.ended(Command(name, str(place), {}), days)
    store: Any = old.home.store
    assert await Purging(store, RETENTION, types).purge(old.home.tenant.id) == 2
    async with old.home.transaction() as tx:
        left = [each for each in "01234" if await tx.commands.get((OWN, each)) is not None]
    assert left == ["1", "3", "4"]


@pytest.mark.req("CB-08")
async def test_a_tenant_may_say_for_how_long_and_holds_nothing_for_less(old: Old) -> None:
    change = old.home.change()
    async with old.home.transaction() as tx:
        await tx.changes.add(change)
    root = replace(old.home.ada.actor, roles=frozenset({Role.ADMIN}))
    await old.use.keeping.set(root, TenantRetention(10, 20, 5), "the law of this country")
    await old.ended(journal("kept"), 9)
    await old.ended(journal("gone"), 11)
    await old.ended(journal("held", change=change.id), 364)
    assert await old.purge() == 1
    assert await old.there("kept", "gone", "held") == ["kept", "held"]
    async with old.home.transaction() as tx:
        gone = await tx.commands.purged.get(("ledger", "gone"))
        assert gone.known_until < tx.now + 6 * DAYS
    longer = await old.use.keeping.set(root, TenantRetention(held_days=400, version=1), "longer than elsewhere")
    assert await old.use.keeping.get(root) == longer == TenantRetention(held_days=400, version=2)
    await old.ended(journal("held-longer", change=change.id), 399)
    assert await old.purge() == 0
    for wrong, refusal in ((TenantRetention(version=1), Stale), (TenantRetention(0, version=2), Invalid)):
        with pytest.raises(refusal):
            await old.use.keeping.set(root, wrong, "not as it was seen")
    with pytest.raises(PermissionMissing):
        await old.use.keeping.set(old.home.ada.actor, TenantRetention(version=2), "she may not")
    async with old.home.transaction() as tx:
        rows = await tx.audit.page(AuditFilter(action=Action.COMMAND_RETENTION_SET), None, 9)
    assert [each.event["after"]["version"] for each in rows] == [2, 1]


@pytest.mark.req("CB-08", "CB-03")
async def test_sent_again_it_is_answered_by_what_remains(old: Old) -> None:
    before = await old.ended(journal(), 31)
    await old.purge()
    again = await old.send(journal())
    assert (again.replayed, again.record.purged, again.record.state) == (True, True, CommandState.COMPLETED)
    assert (again.record.ended_at, again.record.sender, again.record.result) == (before.ended_at, before.sender, None)
    assert again.record.command.options.correlation == before.command.options.correlation
    async with old.home.transaction() as tx:
        sent = await send_in(tx, [journal("new"), journal()])
    assert [(each.replayed, each.record.purged) for each in sent] == [(False, False), (True, True)]
    assert await old.there("42", "new") == ["new"]


@pytest.mark.req("CB-08", "CB-05")
async def test_something_else_under_its_id_is_a_conflict(old: Old) -> None:
    await old.ended(journal(), 31)
    await old.purge()
    async with old.home.transaction() as tx:
        with pytest.raises(CommandConflict) as refused:
            await send_in(tx, [journal("new"), journal(entry=8)])
        await send_in(tx, [journal("after")])
    assert refused.value.facts == {
        "command": "ledger/42", "at": "/commands/1", "differs": [], "state": "completed", "purged": True,
    }  # fmt: skip
    assert await old.there("new", "after") == ["after"]


@pytest.mark.req("CB-08")
async def test_it_is_new_when_nobody_need_remember_it(old: Old) -> None:
    store: Any = old.home.store
    await old.ended(journal(), 31)
    await Purging(store, Retention(30 * DAYS, known=timedelta())).purge(old.home.tenant.id)
    again = await old.send(journal())
    assert (again.replayed, again.record.state) == (False, CommandState.PENDING)
    async with old.home.transaction() as tx:
        assert await tx.commands.purged.forget(9) == 0


@pytest.mark.req("CB-08")
async def test_who_looks_is_told_what_remains(old: Old) -> None:
    before = await old.ended(journal(), 31)
    await old.purge()
    with pytest.raises(CommandPurged) as gone:
        await old.use.looking.get(old.home.ada.actor, ("ledger", "42"))
    assert before.ended_at is not None
    facts = gone.value.facts
    assert (facts["command"], facts["type"], facts["state"], facts["fingerprint"], facts["ended_at"]) == (
        "ledger/42", POST, "completed", before.fingerprint, before.ended_at.isoformat(),
    )  # fmt: skip
    with pytest.raises(Missing):
        await old.use.looking.get(old.home.ada.actor, ("ledger", "43"))


@pytest.mark.req("CB-08")
async def test_its_trail_stays(old: Old) -> None:
    await old.ended(journal(), 31)
    assert await old.purge() == 1
    rows = await old.use.looking.trail(old.home.ada.actor, ("ledger", "42"), None, 9)
    assert [each.event["action"] for each in rows] == [Action.COMMAND_SENT]


@pytest.mark.req("CB-08")
async def test_what_somebody_decided_about_stays(old: Old) -> None:
    done = await old.ended(journal(), 31)
    async with old.home.transaction() as tx:
        entry = Operation(
            uuid4(), done.key, Act.COMPLETE, old.home.ada.id, "it was done by hand", done.fingerprint, done.state, 1,
            done.version, tx.now,
        )  # fmt: skip
        assert await tx.commands.parked.add_operation(entry)
    await old.ended(journal("43"), 31)
    assert await old.purge() == 1
    assert await old.there("42", "43") == ["42"]


@pytest.mark.req("CB-08")
async def test_only_what_is_over_for_a_day_is_ever_purged(old: Old) -> None:
    await old.ended(journal("today"), 0)
    await old.ended(journal("waiting"), 31, over=False)
    async with old.home.transaction() as tx:
        assert await tx.commands.purged.purge([("ledger", "today"), ("ledger", "waiting")], DAYS) == []


@pytest.mark.req("CB-08", "CB-35")
async def test_a_unique_key_does_not_bring_it_back(old: Old) -> None:
    asked = journal(unique_key="rates")
    await old.ended(asked, 31)
    await old.purge()
    again = await old.send(asked)
    assert (again.replayed, again.record.purged) == (True, True)


@pytest.mark.req("CB-08")
async def test_tenants_are_found_by_what_is_old_there(old: Old) -> None:
    store: Any = old.home.store
    await old.ended(journal("young"), 0)
    assert old.home.tenant.id not in await store.tenants_of_old_commands(DAYS)
    await old.ended(journal(), 31)
    assert old.home.tenant.id in await store.tenants_of_old_commands(DAYS)
