from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.ports.bundles import Leaving, Sync
from application.ports.imports import ImportRecord, ImportState, Progress, Upload
from application.ports.records import StoredFlag
from domain.environments import Environment
from domain.flags import BUCKETING, SHARED_RULES
from domain.rollouts import StaleGeneration, State
from domain.settings import Section
from tests.contract.homes import DEFINITION, DEV, LONG_AGO, PRODUCTION, Home
from tests.contract.settings import day, entry, put, stored

HOUR = timedelta(hours=1)


async def opened(home: Home, *pieces: bytes, until: Any = HOUR) -> UUID:
    new = uuid4()
    async with home.transaction() as tx:
        await tx.uploads.open(Upload(new, home.ada.id, LONG_AGO, LONG_AGO + until))
        for number, piece in enumerate(pieces):
            await tx.uploads.add(new, number, piece)
    return new


async def asked(home: Home, upload: UUID | None = None, **given: Any) -> ImportRecord:
    record = ImportRecord(
        uuid4(), upload or uuid4(), DEV, home.ada.id, {"prune": True}, "because", ImportState.RUNNING, LONG_AGO
    )
    record = replace(record, **given)
    async with home.transaction() as tx:
        assert await tx.imports.add(record)
    return record


class TestUploads:
    async def test_come_back_in_order_and_have_a_size_once_they_are_whole(self, home: Home) -> None:
        upload = await opened(home, b"one", b"two")
        async with home.transaction() as tx:
            found = await tx.uploads.get(upload)
            assert (found.size, found.digest, found.owner) == (None, None, home.ada.id)
            await tx.uploads.close(upload, 6, "sha256:x", LONG_AGO + 2 * HOUR)
        async with home.transaction() as tx:
            found = await tx.uploads.get(upload)
            assert (found.size, found.digest, found.expires_at) == (6, "sha256:x", LONG_AGO + 2 * HOUR)
            assert [piece async for piece in tx.uploads.pieces(upload)] == [b"one", b"two"]
            assert [each.id for each in await tx.uploads.all()] == [upload]
            await tx.uploads.drop(upload)
            assert await tx.uploads.get(upload) is None
            assert [piece async for piece in tx.uploads.pieces(upload)] == []

    async def test_go_when_they_expire_unless_an_import_needs_them(self, home: Home) -> None:
        old, needed, kept = await opened(home, b"x"), await opened(home), await opened(home)
        record = await asked(home, needed)
        async with home.transaction() as tx:
            await tx.uploads.keep(kept, LONG_AGO + 3 * HOUR)
            await tx.uploads.keep(kept, LONG_AGO)
            await tx.uploads.drop_expired(LONG_AGO + 2 * HOUR)
            assert {each.id for each in await tx.uploads.all()} == {needed, kept}
            await tx.imports.save(replace(record, state=ImportState.FAILED, ended_at=tx.now))
            await tx.uploads.drop_expired(LONG_AGO + 2 * HOUR)
            assert [each.id for each in await tx.uploads.all()] == [kept]
            assert await tx.uploads.get(old) is None


class TestImports:
    async def test_are_added_once_and_end_once(self, home: Home) -> None:
        record = await asked(home)
        async with home.transaction() as tx:
            assert not await tx.imports.add(replace(record, reason="other"))
            assert await tx.imports.get(record.id, lock=True) == record
            await tx.imports.mark_started(record.id)
            ended = replace(record, state=ImportState.APPLIED, outcome={"values": 1}, ended_at=tx.now, change=uuid4())
            await tx.imports.save(ended)
            assert await tx.imports.get(record.id) == replace(ended, started=True)
            assert await tx.imports.get(uuid4()) is None

    async def test_that_have_ended_do_not_change(self, home: Home) -> None:
        record = await asked(home)
        async with home.transaction() as tx:
            record = replace(record, state=ImportState.CANCELLED, ended_at=tx.now)
            await tx.imports.save(record)
        with pytest.raises(Exception, match="ended does not change"):
            async with home.transaction() as tx:
                await tx.imports.save(replace(record, state=ImportState.APPLIED))

    async def test_are_paged_newest_first(self, home: Home) -> None:
        old = await asked(home, created_at=LONG_AGO - HOUR)
        new = await asked(home)
        async with home.transaction() as tx:
            assert [each.id for each in await tx.imports.page(None, 9)] == [new.id, old.id]
            assert [each.id for each in await tx.imports.page((new.created_at, new.id), 9)] == [old.id]
            assert [each.id for each in await tx.imports.page(None, 1)] == [new.id]

    async def test_tell_how_far_they_are_while_somebody_has_them(self, home: Home) -> None:
        record = await asked(home)
        async with home.transaction() as tx:
            assert await tx.imports.progress(record.id) is None
            await tx.imports.report(record.id, Progress("planning", 1, 9))
        async with home.transaction() as tx:
            await tx.imports.report(record.id, Progress("applying", 3, 9))
            assert await tx.imports.progress(record.id) == Progress("applying", 3, 9)

    async def test_that_nobody_started_are_waiting(self, home: Home) -> None:
        lost, started, ended = await asked(home), await asked(home), await asked(home)
        async with home.transaction() as tx:
            await tx.imports.mark_started(started.id)
            await tx.imports.save(replace(ended, state=ImportState.CANCELLED, ended_at=tx.now))
        waiting = [each for each in await home.store.waiting() if each.tenant == home.tenant.id]
        assert [(each.kind.value, each.id) for each in waiting] == [("import", lost.id)]


class TestLeaving:
    async def test_is_in_the_order_of_a_bundle(self, home: Home) -> None:
        await put(
            home, stored(entry(home), "b.key", "company:de"), stored(entry(home, until=2), "b.key"),
            stored(entry(home, 2, since=2, until=3), "b.key"), stored(entry(home), "a.key"),
            replace(stored(entry(home), "a.key"), environment=DEV),
        )  # fmt: skip
        async with home.transaction() as tx:
            for key in ("z-flag", "A-flag", SHARED_RULES):
                definition = {} if key == SHARED_RULES else DEFINITION
                await tx.flags.put(replace(home.flag(key=key), definition=definition), expected=0)
            await tx.flags.put(replace(home.flag(key=BUCKETING), definition={"version": "v2"}), expected=0)
            assert BUCKETING not in await tx.bundles.flags(PRODUCTION)
            left = [each async for some in tx.bundles.leaving(PRODUCTION) for each in some]
        assert [(each.section, each.key) for each in left] == [
            (Section.DEFINITIONS, "a.key"), (Section.DEFINITIONS, "b.key"), (Section.EVALUATORS, SHARED_RULES),
            (Section.FLAGS, "A-flag"), (Section.FLAGS, "z-flag"), *[(Section.VALUES, key) for key in
            ("a.key", "b.key", "b.key", "b.key")],
        ]  # fmt: skip
        lines = [each.line for each in left if each.line is not None]
        assert [(line.scope.text, line.since, line.until) for line in lines] == [
            ("", day(0), None), ("", day(0), day(2)), ("", day(2), day(3)), ("company:de", day(0), None),
        ]  # fmt: skip
        assert left[3] == Leaving(Section.FLAGS, "A-flag", DEFINITION)

    async def test_is_only_one_tenants(self, home: Home) -> None:
        async with home.transaction() as tx:
            assert [each async for some in tx.bundles.leaving(PRODUCTION) for each in some] == []


def version(home: Home, key: str, number: int, **given: Any) -> StoredFlag:
    return replace(home.flag(number, key), origin="import", **given)


class TestFlags:
    async def test_are_put_together_with_one_revision(self, home: Home) -> None:
        request = uuid4()
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(key="old"), expected=0)
        new, raised = version(home, "new", 1, request=request), version(home, "old", 2, definition={"x": 1})
        async with home.transaction() as tx:
            await tx.bundles.put_flags(PRODUCTION, new, raised)
            await tx.bundles.put_flags(PRODUCTION)
        async with home.transaction() as tx:
            assert await tx.bundles.flags(PRODUCTION) == {"new": new, "old": raised}
            assert await tx.flags.revision(PRODUCTION) == 2
            assert await tx.flags.asked(request) == new
            assert [each.version for each in await tx.flags.versions(PRODUCTION, "old", 9, 9)] == [2, 1]
            assert await tx.bundles.flags(DEV) == {}

    @pytest.mark.parametrize("number", [1, 3])
    async def test_that_moved_are_stale_and_nothing_is_put(self, home: Home, number: int) -> None:
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(key="old"), expected=0)
        with pytest.raises(StaleGeneration):
            async with home.transaction() as tx:
                await tx.bundles.put_flags(PRODUCTION, version(home, "new", 1), version(home, "old", number))
        async with home.transaction() as tx:
            assert set(await tx.bundles.flags(PRODUCTION)) == {"old"}

    async def test_that_are_rolled_out_are_held(self, home: Home) -> None:
        change = await home.submitted("checkout")
        async with home.transaction() as tx:
            assert await tx.bundles.held(PRODUCTION, ["checkout", "other"]) == {"checkout": change.id}
            assert await tx.bundles.held(DEV, ["checkout"]) == {}
            assert await tx.bundles.held(PRODUCTION, ["other"]) == {}


def sync(home: Home, checksum: str, environment: Environment = PRODUCTION, change: UUID | None = None) -> Sync:
    return Sync(uuid4(), environment, checksum, b"{}", home.ada.id, LONG_AGO, change)


class TestSyncs:
    async def test_the_last_one_counts(self, home: Home) -> None:
        async with home.transaction() as tx:
            assert await tx.bundles.synced(PRODUCTION) is None
            await tx.bundles.sync(sync(home, "other", DEV))
        for checksum in ("one", "two", "three"):
            async with home.transaction() as tx:
                await tx.bundles.sync(sync(home, checksum))
        async with home.transaction() as tx:
            found = await tx.bundles.synced(PRODUCTION)
            assert (found.checksum, found.content, found.by) == ("three", b"{}", home.ada.id)

    async def test_of_a_change_counts_when_its_rollout_has_succeeded(self, home: Home) -> None:
        change = await home.submitted()
        async with home.transaction() as tx:
            await tx.bundles.sync(sync(home, "one"))
        async with home.transaction() as tx:
            await tx.bundles.sync(sync(home, "two", change=change.id))
        async with home.transaction() as tx:
            assert (await tx.bundles.synced(PRODUCTION)).checksum == "one"
            rollout = await tx.rollouts.get(change.id, lock=True)
            await tx.rollouts.save(replace(rollout, state=State.SUCCEEDED, revision=rollout.revision + 1))
            assert (await tx.bundles.synced(PRODUCTION)).checksum == "two"
