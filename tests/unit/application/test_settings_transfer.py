import copy
import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from adapters.memory.store import MemoryStore
from application.settings.arriving import NotOneChange
from application.settings.transfer import DefinitionsDiffer, DefinitionsFirst, Imported, Intake
from domain.canonical import Json, digest_of
from domain.errors import Invalid
from domain.people import PermissionMissing
from domain.settings import Bundle, Op, OutOfPolicy, RulesViolated, SettingEnforced, parse_bundle
from tests.wishing import (
    ADA,
    BERLIN,
    DE,
    DEV,
    QA,
    SCOPES,
    STAGING,
    WHY,
    define,
    govern,
    needs,
    resolution,
    rule,
    say,
    ungovern,
    unset,
    wish,
)
from tests.world import Clock, World, at_once, world_in

DAY = timedelta(days=1)


async def exported(world: World, environment: Any = DEV) -> Bundle:
    out = io.BytesIO()
    await world.setting.transfer.export(world.ada, environment, out)
    return parse_bundle(json.loads(out.getvalue()))


async def brought(world: World, raw: Json, environment: Any = QA, **more: Any) -> Imported:
    imported = await world.setting.transfer.import_(world.ada, Intake(environment, raw, WHY, **more))
    world.clock += timedelta(seconds=1)
    return imported


async def written(world: World, environment: Any = QA) -> dict[tuple[str, str], list[tuple[Any, ...]]]:
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for line in (await exported(world, environment)).lines:
        found.setdefault(line.place, []).append((line.value, line.enforced, line.since, line.until))
    return found


def resigned(raw: Json, **changed: Json) -> Json:
    content = {name: value for name, value in {**copy.deepcopy(raw), **changed}.items() if name != "checksum"}
    return {**content, "checksum": digest_of(content)}


def lines(*values: tuple[str, str, Json], **more: Json) -> list[Json]:
    return [{"key": key, "scope": scope, "state": "set", "value": value, **more} for key, scope, value in values]


def paths(refused: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [fault.path for fault in refused.value.faults]


@pytest.fixture
def other() -> World:
    """A tenant elsewhere, with nothing in it."""
    clock = Clock()
    return at_once(world_in(MemoryStore(clock), clock))


@pytest.mark.req("FR-SM-030", "FR-SM-031", "ST81")
class TestTransfer:
    async def test_brings_what_is_stored_and_freezes_nothing(self, world: World, other: World) -> None:
        await define(world, default=10, nullable=True)
        await define(world, "dark", "boolean", default=False)
        await say(world, wish("limit", 20, DE, enforced=True, constraint={"maximum": 90}), wish("dark", True, ADA))
        await say(
            world, wish("limit", None, "company:fr"), unset("dark", DE), wish("limit", 5, until=world.clock() + DAY)
        )
        bundle = await exported(world)
        imported = await brought(other, bundle.to_json(), DEV, from_tenant=world.tenant.slug)
        assert (imported.outcome, imported.difference.missing) == ("applied", ["dark", "limit"])
        assert await written(other, DEV) == await written(world, DEV)
        assert {place for place, _ in (await written(world, DEV)).items()} == {
            ("limit", DE), ("limit", ""), ("limit", "company:fr"), ("dark", ADA),
        }  # fmt: skip
        for each in (world, other):
            await ungovern(each)
            raw = {"type": "boolean", "default": True, "scopes": SCOPES}
            await each.setting.definitions.replace(each.ada, "dark", raw, expected=1, reason=WHY)
            assert (await resolution(each, "dark", BERLIN)).value is True

    async def test_brings_every_piece_of_time_and_takes_the_place_of_every_plan(self, world: World) -> None:
        await define(world, default=10)
        now = world.clock()
        await say(world, wish("limit", 1))
        await say(world, wish("limit", 2, since=now + DAY, until=now + 2 * DAY))
        await say(world, wish("limit", 7, until=now + 9 * DAY), environment=QA)
        await say(world, wish("limit", 8, since=now + 10 * DAY), environment=QA)
        imported = await brought(world, (await exported(world)).to_json())
        assert imported.difference.places == {("limit", ""): Op.CHANGED}
        assert await written(world) == await written(world, DEV)
        values = [(await resolution(world, as_of=now + days * DAY, environment=QA)).value for days in (1, 2, 9, 10, 11)]
        assert values == [2, 1, 1, 1, 1]

    async def test_is_told_in_the_trail_both_ways(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 1))
        bundle = await exported(world)
        await brought(world, bundle.to_json())
        (left,) = await world.events("setting:bundle:exported")
        (came,) = await world.events("setting:bundle:imported")
        assert (left.event["resource"], left.event["after"]["checksum"]) == ("dev", bundle.checksum)
        assert (came.event["resource"], came.event["reason"], came.event["after"]["changed"]) == ("qa", WHY, 1)
        assert len(await world.events("setting:value:changed")) == 2

    async def test_leaves_secrets_where_they_are(self, world: World) -> None:
        await define(world, "token", "string", sensitivity="secret")
        await say(world, wish("token", "s3cret"))
        bundle = await exported(world)
        assert (bundle.lines, b"s3cret" in bundle.to_bytes()) == ((), False)
        with pytest.raises(Invalid) as refused:
            await brought(world, resigned(bundle.to_json(), values=lines(("token", "", "other"))))
        assert paths(refused) == ["/bundle/values/0/key"]
        pruned = await brought(world, bundle.to_json(), DEV, prune=True)
        assert (pruned.outcome, (await resolution(world, "token")).value) == ("no_changes", "s3cret")


@pytest.mark.req("FR-SM-031", "ST82")
class TestImport:
    async def test_of_what_is_there_already_changes_nothing(self, world: World) -> None:
        await define(world, default=10)
        await say(world, wish("limit", 20, DE), wish("limit", 3, since=world.clock() + DAY))
        raw = (await exported(world)).to_json()
        before = await world.events()
        for dry_run in (True, False):
            imported = await brought(world, raw, DEV, dry_run=dry_run, prune=True)
            assert (imported.outcome, imported.epoch) == ("no_changes", None)
        assert await world.events() == before

    async def test_that_is_dry_tells_and_writes_nothing(self, world: World, other: World) -> None:
        await define(world)
        await say(world, wish("limit", 20, DE))
        raw = (await exported(world)).to_json()
        imported = await brought(other, raw, DEV, dry_run=True, from_tenant=world.tenant.slug)
        assert (imported.outcome, imported.difference.places) == ("planned", {("limit", DE): Op.ADDED})
        assert (await exported(other, DEV)).definitions == ()

    async def test_prunes_and_overwrites_only_as_it_is_told(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 1))
        await say(world, wish("limit", 2), wish("limit", 3, DE), environment=QA)
        raw = (await exported(world)).to_json()
        kept = await brought(world, raw, overwrite=False)
        assert (kept.outcome, kept.difference.places) == ("no_changes", {("limit", ""): Op.KEPT})
        await brought(world, raw)
        assert await written(world) == {
            ("limit", ""): [(1, False, None, None)],
            ("limit", DE): [(3, False, None, None)],
        }
        pruned = await brought(world, raw, prune=True)
        assert pruned.difference.having(Op.REMOVED) == [("limit", DE)]
        assert await written(world) == await written(world, DEV)
        assert (await brought(world, raw, prune=True)).outcome == "no_changes"

    @pytest.mark.req("SM-D9")
    async def test_of_another_tenant_is_never_an_accident(self, world: World, other: World) -> None:
        await define(world)
        raw = (await exported(world)).to_json()
        for named in (None, "somebody-else"):
            with pytest.raises(Invalid) as refused:
                await brought(other, raw, DEV, from_tenant=named)
            assert paths(refused) == ["/bundle/tenant"]
        assert (await exported(other, DEV)).definitions == ()

    async def test_fails_as_a_whole_and_names_every_fault(self, world: World) -> None:
        await define(world)
        values: list[Json] = lines(*(("limit", f"company:c{number:03}", number) for number in range(500)))
        values[99]["key"], values[399]["value"] = "nothing", "x"
        raw = resigned((await exported(world)).to_json(), values=values)
        with pytest.raises(Invalid) as refused:
            await brought(world, raw)
        assert paths(refused) == ["/bundle/values/99/key"]
        values[99]["key"], values[400]["scope"] = "limit", "planet:earth"
        with pytest.raises(Invalid) as refused:
            await brought(world, resigned(raw, values=values))
        assert paths(refused) == ["/bundle/values/399/value", "/bundle/values/400/scope"]
        assert await written(world) == {}
        assert await world.events("setting:value:changed") == []

    async def test_is_refused_where_settings_are_defined_otherwise(self, world: World, other: World) -> None:
        await define(world, default=10)
        await define(other, default=11)
        with pytest.raises(DefinitionsDiffer) as refused:
            await brought(other, (await exported(world)).to_json(), DEV, from_tenant=world.tenant.slug)
        assert refused.value.facts == {"keys": ["limit"]}

    async def test_keeps_to_the_rules_and_to_what_broader_scopes_say(self, world: World) -> None:
        await define(world)
        await define(world, "dark", "boolean")
        await rule(world, needs("dark", "limit"))
        raw = (await exported(world)).to_json()
        with pytest.raises(RulesViolated) as broken:
            await brought(world, resigned(raw, values=lines(("dark", DE, True), ("limit", "company:fr", 1))))
        assert paths(broken) == ["/bundle/values/0"]
        await say(world, wish("limit", 20, enforced=True), environment=QA)
        with pytest.raises(SettingEnforced):
            await brought(world, resigned(raw, values=lines(("limit", DE, 1))))
        await say(world, wish("limit", 20, constraint={"maximum": 90}), environment=QA)
        with pytest.raises(OutOfPolicy) as beyond:
            await brought(world, resigned(raw, values=lines(("limit", "company:fr", 1), ("limit", DE, 91))))
        assert paths(beyond) == ["/bundle/values/1/value"]
        both = lines(("dark", DE, True), ("limit", DE, 1))
        assert (await brought(world, resigned(raw, values=both))).outcome == "applied"

    async def test_of_who_may_only_read(self, world: World) -> None:
        raw = (await exported(world)).to_json()
        await world.setting.transfer.export(world.eve, DEV, io.BytesIO())
        with pytest.raises(PermissionMissing):
            await world.setting.transfer.import_(world.eve, Intake(DEV, raw, WHY))

    async def test_sent_again_does_it_once_and_says_so(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 1))
        again = replace(world.ada, request=uuid4())
        raw = (await exported(world)).to_json()
        first = await world.setting.transfer.import_(again, Intake(QA, raw, WHY))
        second = await world.setting.transfer.import_(again, Intake(QA, raw, WHY))
        assert (first.outcome, first.epoch) == (second.outcome, second.epoch) == ("applied", first.epoch)
        assert len(await world.events("setting:bundle:imported")) == 1


@pytest.mark.req("FR-SM-031")
class TestGoverned:
    async def test_waits_for_approval_as_one_change(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 1), wish("limit", 2, DE))
        raw = (await exported(world)).to_json()
        await govern(world, STAGING, 1)
        told = await brought(world, raw, STAGING, dry_run=True)
        assert (told.outcome, told.submitted) == ("planned", None)
        again = replace(world.ada, request=uuid4())
        first, second = [await world.setting.transfer.import_(again, Intake(STAGING, raw, WHY)) for _ in range(2)]
        assert (first.outcome, await written(world, STAGING)) == ("submitted", {})
        assert first.submitted is not None
        assert second.submitted is not None
        assert first.submitted.change.id == second.submitted.change.id == again.request
        assert [target.key for target in first.submitted.change.content.targets] == ["#limit", f"{DE}#limit"]

    async def test_wants_settings_defined_first(self, world: World, other: World) -> None:
        await define(world)
        await say(world, wish("limit", 1))
        await govern(other, STAGING, 1)
        with pytest.raises(DefinitionsFirst) as refused:
            await brought(other, (await exported(world)).to_json(), STAGING, from_tenant=world.tenant.slug)
        assert refused.value.facts == {"keys": ["limit"]}

    async def test_takes_one_value_at_a_place_where_nothing_is_planned(self, world: World) -> None:
        await define(world)
        soon = world.clock() + DAY
        await govern(world, STAGING, 0)
        await say(world, wish("limit", 9, DE, since=soon), environment=STAGING)
        await govern(world, STAGING, 1)
        await say(world, wish("limit", 1, until=soon), wish("limit", 2, DE))
        await say(world, wish("limit", 3, since=soon))
        with pytest.raises(NotOneChange) as refused:
            await brought(world, (await exported(world)).to_json(), STAGING)
        assert refused.value.facts == {"places": [{"key": "limit", "scope": ""}, {"key": "limit", "scope": DE}]}

    async def test_tells_a_fault_at_its_line(self, world: World) -> None:
        await define(world)
        await govern(world, STAGING, 1)
        values = lines(("limit", "company:fr", 1), ("limit", DE, "x"))
        raw = resigned((await exported(world)).to_json(), values=values)
        with pytest.raises(Invalid) as refused:
            await brought(world, raw, STAGING)
        assert paths(refused) == ["/bundle/values/1/value"]
