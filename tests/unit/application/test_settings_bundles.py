"""Flags in bundles, signatures, syncs and drift, in memory."""

import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from adapters.memory.signing import MemorySignatures
from application.locking.ruling import RolloutPolicies
from application.settings.arriving_flags import FlagsApart, FlagsBusy, FlagsGoverned
from application.settings.syncing import Drifted, Syncs
from application.settings.transfer import Imported, Intake, SettingTransfer
from domain.approvals import ApprovalPolicy, Level
from domain.canonical import Json, digest_of
from domain.changes import Kind
from domain.errors import Fault, Invalid
from domain.flags import SHARED_RULES
from domain.people import PermissionMissing
from domain.rollouts.policy import StrategyNotAllowed
from domain.settings import Move, Op, Side
from tests.wishing import DE, DEV, QA, WHY, define, govern, say, unset, wish
from tests.world import OFF, ON, World

INSIDER = {"==": [{"var": "email"}, "a@b.c"]}
RULED = {**OFF, "targeting": {"if": [{"$ref": "insiders"}, "on", "off"]}}


async def exported(world: World, environment: Any = DEV) -> Json:
    out = io.BytesIO()
    await world.setting.transfer.export(world.ada, environment, out)
    return json.loads(out.getvalue())


async def brought(world: World, raw: Json, environment: Any = QA, **more: Any) -> Imported:
    imported = await world.setting.transfer.import_(world.ada, Intake(environment, raw, WHY, **more))
    world.clock += timedelta(seconds=1)
    return imported


def resigned(raw: Json, **changed: Json) -> Json:
    content = {**raw, **changed}
    covered = {name: content[name] for name in content.keys() - {"checksum", "exported_at", "signature"}}
    return {**content, "checksum": digest_of(covered)}


def flags(**definitions: Json) -> list[Json]:
    return [{"key": key, "definition": definition} for key, definition in definitions.items()]


def faults(refused: pytest.ExceptionInfo[Invalid]) -> tuple[Fault, ...]:
    return refused.value.faults


async def stored(world: World, environment: Any = QA) -> dict[str, Json]:
    async with world.store.transaction(world.tenant.id) as tx:
        return {key: flag.definition for key, flag in (await tx.bundles.flags(environment)).items()}


@pytest.fixture
async def flagged(world: World) -> World:
    """Development has a flag, and one that names a shared rule."""
    await world.shared_rules.replace(world.ada, DEV, {"insiders": INSIDER}, expected=0, reason=WHY)
    await world.flags.create(world.ada, (DEV, "plain"), ON, WHY)
    await world.flags.create(world.ada, (DEV, "ruled"), RULED, WHY)
    return world


@pytest.mark.req("FR-SM-030", "FR-SM-031")
class TestFlags:
    async def test_leave_and_come_with_the_rules_that_they_share(self, flagged: World) -> None:
        raw = await exported(flagged)
        assert (raw["evaluators"], [each["key"] for each in raw["flags"]]) == (
            {"insiders": INSIDER},
            ["plain", "ruled"],
        )
        imported = await brought(flagged, raw)
        assert (imported.outcome, imported.difference.flags) == (
            "applied", {SHARED_RULES: Op.ADDED, "plain": Op.ADDED, "ruled": Op.ADDED},
        )  # fmt: skip
        assert await stored(flagged) == await stored(flagged, DEV)
        assert (await brought(flagged, raw)).outcome == "no_changes"
        told = [each.event["action"] for each in await flagged.events() if "/qa" in "/" + each.event["resource"]]
        assert sorted(each for each in told if each.startswith("flag")) == [
            "flag:definition:created", "flag:definition:created", "flagset:evaluators:changed",
        ]  # fmt: skip

    async def test_of_a_bundle_without_them_stay_as_they_are(self, flagged: World) -> None:
        raw = await exported(flagged)
        await brought(flagged, raw)
        silent = resigned({name: raw[name] for name in raw.keys() - {"flags", "evaluators", "fiscal_calendars"}})
        assert (await brought(flagged, silent, prune=True)).outcome == "no_changes"
        fewer = resigned(raw, flags=flags(ruled=RULED))
        assert (await brought(flagged, fewer, prune=True)).outcome == "no_changes"
        assert set(await stored(flagged)) == {SHARED_RULES, "plain", "ruled"}

    async def test_of_the_version_before_come_in(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 20, DE))
        raw = await exported(world)
        old = {name: raw[name] for name in raw.keys() - {"flags", "evaluators", "fiscal_calendars", "exported_at"}}
        assert (await brought(world, resigned(old, version="1.0.0"))).outcome == "applied"

    async def test_are_valid_together_or_not_taken(self, flagged: World) -> None:
        raw = await exported(flagged)
        await brought(flagged, raw)
        with pytest.raises(Invalid) as refused:
            await brought(flagged, resigned(raw, evaluators={}, flags=flags(plain=ON)))
        assert [fault.path for fault in faults(refused)] == ["/bundle/evaluators"]
        with pytest.raises(Invalid) as refused:
            await brought(flagged, resigned(raw, evaluators={}))
        assert faults(refused)[0].path.startswith("/bundle/flags/1/definition/targeting")
        both = resigned(raw, evaluators={"others": INSIDER}, flags=flags(plain=ON, ruled=ON))
        assert (await brought(flagged, both)).outcome == "applied"

    async def test_that_differ_stay_where_nothing_may_be_overwritten(self, flagged: World) -> None:
        await flagged.flags.create(flagged.ada, (QA, "plain"), OFF, WHY)
        imported = await brought(flagged, await exported(flagged), overwrite=False)
        assert (imported.outcome, imported.difference.flags["plain"]) == ("applied", Op.KEPT)
        assert (await stored(flagged))["plain"]["defaultVariant"] == "off"

    async def test_are_refused_where_policy_asks(self, flagged: World) -> None:
        async with flagged.store.transaction(flagged.tenant.id) as tx:
            await tx.policies.put(QA, Kind.FLAG, ApprovalPolicy((Level(),)))
        with pytest.raises(FlagsGoverned):
            await brought(flagged, await exported(flagged))
        assert await stored(flagged) == {}

    @pytest.mark.req("S70")
    async def test_that_people_know_go_out_as_the_rollout_policy_says(self, flagged: World) -> None:
        """A new one may come at once: there is nothing that it could be compared with."""
        await RolloutPolicies(flagged.store).put(
            flagged.root, (QA, Kind.FLAG), {"strategies": ["canary"]}, expected=0, reason=WHY
        )
        raw = await exported(flagged)
        assert (await brought(flagged, raw)).outcome == "applied"
        changed = resigned(raw, flags=flags(plain={**ON, "defaultVariant": "off"}, ruled=RULED))
        for dry_run in (True, False):
            with pytest.raises(StrategyNotAllowed):
                await brought(flagged, changed, dry_run=dry_run)
        assert (await stored(flagged))["plain"] == ON

    async def test_are_not_parted_from_settings_that_need_approval(self, flagged: World) -> None:
        await define(flagged)
        await say(flagged, wish("limit", 20, DE))
        await govern(flagged, QA, 1)
        with pytest.raises(FlagsApart):
            await brought(flagged, await exported(flagged))
        assert await stored(flagged) == {}

    async def test_that_are_being_rolled_out_are_busy(self, world: World) -> None:
        await world.put()
        submitted = await world.submit()
        raw = {**await exported(world, DEV), "flags": flags(checkout=ON)}
        async with world.store.transaction(world.tenant.id) as tx:
            await tx.policies.put(submitted.rollout.environment, Kind.FLAG, ApprovalPolicy())
        with pytest.raises(FlagsBusy) as refused:
            await brought(world, resigned(raw), submitted.rollout.environment)
        assert refused.value.facts == {"rollouts": {"checkout": str(submitted.rollout.id)}}

    async def test_sent_again_are_written_once(self, flagged: World) -> None:
        again = replace(flagged.ada, request=uuid4())
        raw = await exported(flagged)
        for _ in range(2):
            done = await flagged.setting.transfer.import_(again, Intake(QA, raw, WHY))
            assert done.outcome == "applied"
        assert len(await flagged.events("setting:bundle:imported")) == 1

    async def test_of_who_may_only_read(self, flagged: World) -> None:
        with pytest.raises(PermissionMissing):
            await flagged.setting.transfer.import_(flagged.eve, Intake(QA, await exported(flagged), WHY))


@pytest.mark.req("SM-D8")
class TestSections:
    @pytest.mark.parametrize(
        ("changed", "path"),
        [({"fiscal_calendars": [{}]}, "/bundle/fiscal_calendars/0/code"), ({"calendars": []}, "/bundle/calendars"),
         ({"flags": {}}, "/bundle/flags"), ({"flags": [{"key": "a"}]}, "/bundle/flags/0"),
         ({"flags": flags(**{"-a": OFF})}, "/bundle/flags/0/key"),
         ({"flags": [*flags(a=OFF), *flags(a=OFF)]}, "/bundle/flags/1/key"),
         ({"flags": flags(a={})}, "/bundle/flags/0/definition/state"),
         ({"evaluators": []}, "/bundle/evaluators"), ({"signature": {}}, "/bundle/signature"),
         ({"signature": {"algorithm": "Ed25519", "key": "k", "value": "short"}}, "/bundle/signature/value")],
    )  # fmt: skip
    async def test_of_another_form_are_told(self, world: World, changed: Json, path: str) -> None:
        with pytest.raises(Invalid) as refused:
            await brought(world, resigned(await exported(world), **changed))
        assert faults(refused)[0].path == path


class Signed:
    """One installation beside another that it does not trust."""

    def __init__(self, world: World, **more: Any) -> None:
        writes = world.setting.writes
        self.world = world
        self.transfer = SettingTransfer(world.store, writes, MemorySignatures("here", **more))
        self.elsewhere = SettingTransfer(world.store, writes, MemorySignatures("there"))

    async def exported(self, transfer: SettingTransfer) -> Json:
        out = io.BytesIO()
        await transfer.export(self.world.ada, DEV, out)
        return json.loads(out.getvalue())

    async def fault(self, raw: Json) -> str:
        with pytest.raises(Invalid) as refused:
            await self.transfer.import_(self.world.ada, Intake(QA, raw, WHY))
        return faults(refused)[0].path


@pytest.mark.req("FR-SM-030", "FR-SM-031", "ST82")
class TestSignature:
    async def test_that_is_there_must_hold(self, world: World) -> None:
        signed = Signed(world)
        raw = await signed.exported(signed.transfer)
        assert (await signed.transfer.import_(world.ada, Intake(QA, raw, WHY))).outcome == "no_changes"
        other = resigned({**raw, "flags": flags(a=OFF)})
        assert await signed.fault(other) == "/bundle/signature/value"
        assert await signed.fault(await signed.exported(signed.elsewhere)) == "/bundle/signature/key"

    async def test_of_a_trusted_installation_is_believed(self, world: World) -> None:
        signed = Signed(world, trusted={"there": "words of there"})
        raw = await signed.exported(signed.elsewhere)
        assert (await signed.transfer.import_(world.ada, Intake(QA, raw, WHY))).outcome == "no_changes"

    async def test_may_be_left_out_unless_it_is_required(self, world: World) -> None:
        raw = await exported(world)
        assert raw["signature"] is None
        assert (await Signed(world).transfer.import_(world.ada, Intake(QA, raw, WHY))).outcome == "no_changes"
        assert await Signed(world, required=True).fault(raw) == "/bundle/signature"


async def drift(world: World, raw: Json) -> Drifted:
    return await Syncs(world.store, world.setting.transfer).drift(world.eve, DEV, raw)


def told(drifted: Drifted) -> list[tuple[Any, ...]]:
    return [(*each.thing, each.side, each.move) for each in drifted.drifts]


@pytest.mark.req("FR-SM-030", "FR-SM-031", "FR-SM-032")
class TestDrift:
    async def test_tells_who_moved_since_the_last_sync(self, flagged: World) -> None:
        await define(flagged)
        await say(flagged, wish("limit", 1), wish("limit", 2, DE))
        raw = await exported(flagged)
        assert (await brought(flagged, raw, DEV, sync=True, prune=True)).outcome == "no_changes"
        drifted = await drift(flagged, raw)
        assert drifted.base is not None
        assert (drifted.base.checksum, drifted.drifts) == (raw["checksum"], ())
        await say(flagged, wish("limit", 3), unset("limit", DE))
        file = [{**line, "value": 9} if not line["scope"] else line for line in raw["values"]]
        moved = resigned(raw, values=file, flags=flags(plain=OFF, ruled=RULED))
        assert told(await drift(flagged, moved)) == [
            ("flag", "plain", "", Side.FILE, Move.CHANGED), ("value", "limit", "", Side.CONFLICT, Move.CHANGED),
            ("value", "limit", DE, Side.SERVER, Move.REMOVED),
        ]  # fmt: skip
        await brought(flagged, moved, DEV, sync=True, prune=True)
        assert told(await drift(flagged, moved)) == []
        assert len(await flagged.events("setting:bundle:synced")) == 2

    async def test_begins_with_nothing_where_nothing_was_synced(self, world: World) -> None:
        await define(world)
        await say(world, wish("limit", 1))
        drifted = await drift(world, resigned(await exported(world), values=[]))
        assert drifted.base is None
        assert told(drifted) == [("value", "limit", "", Side.SERVER, Move.ADDED)]

    async def test_of_what_both_did_alike_there_is_none(self, world: World) -> None:
        await define(world)
        raw = await exported(world)
        await brought(world, raw, DEV, sync=True)
        await say(world, wish("limit", 1))
        assert told(await drift(world, await exported(world))) == []

    async def test_a_sync_of_a_dry_run_is_none(self, world: World) -> None:
        await brought(world, await exported(world), DEV, sync=True, dry_run=True)
        assert (await drift(world, await exported(world))).base is None
