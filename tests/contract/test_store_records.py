from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from application.ports.records import (
    AuditFilter,
    Intent,
    Notice,
    NoticeProgress,
    NoticeState,
    Review,
    TelemetryBatch,
    TelemetrySample,
    Waiting,
    WaitingKind,
)
from domain.audit import Action, leaf_of
from domain.canonical import canonical_bytes
from domain.gates import Counts
from domain.rollouts import (
    State,
)
from tests.contract.homes import DEV, LONG_AGO, PRODUCTION, Home


class TestAuditTrail:
    async def test_is_read_newest_first_by_keyset(self, home: Home) -> None:
        events = [home.event(resource=str(n)) for n in range(5)]
        for event in events:
            async with home.transaction() as tx:
                await tx.audit.append(event)
        async with home.transaction() as tx:
            first = await tx.audit.page(AuditFilter(), None, 3)
            rest = await tx.audit.page(AuditFilter(), (first[-1].recorded_at, first[-1].id), 3)
        assert [row.event["resource"] for row in (*first, *rest)] == ["4", "3", "2", "1", "0"]

    async def test_a_row_is_the_canonical_event_and_its_leaf(self, home: Home) -> None:
        event = home.event(after={"b": 1, "a": [True, None]}, reason="größer", actor=home.ada.id)
        async with home.transaction() as tx:
            await tx.audit.append(event)
            (row,) = await tx.audit.page(AuditFilter(), None, 9)
        salt = row.event.pop("salt")
        assert row.event == event.to_json()
        assert len(salt) == 32
        assert row.leaf == leaf_of(canonical_bytes({**row.event, "salt": salt}))

    async def test_every_field_of_the_filter_narrows(self, home: Home) -> None:
        change = uuid4()
        wanted = home.event(
            action=Action.CHANGE_CREATED, actor=home.ada.id, resource_type="change", resource="c", change=change
        )
        async with home.transaction() as tx:
            await tx.audit.append(home.event())
            await tx.audit.append(wanted)
        async with home.transaction() as tx:
            everything = await tx.audit.page(AuditFilter(), None, 9)
            for narrow in (
                AuditFilter(action="change:record:created"),
                AuditFilter(actor=home.ada.id),
                AuditFilter(resource_type="change"),
                AuditFilter(resource="c"),
                AuditFilter(change=change),
                AuditFilter(since=everything[0].recorded_at),
            ):
                assert [row.id for row in await tx.audit.page(narrow, None, 9)] == [wanted.id]
            until = AuditFilter(until=everything[0].recorded_at)
            assert [row.id for row in await tx.audit.page(until, None, 9)] == [everything[1].id]


class TestOutbox:
    async def test_an_intent_is_kept(self, home: Home) -> None:
        intent = Intent(uuid4(), home.ada.id, "approve", uuid4(), {"reason": "so", "behalf": None}, LONG_AGO)
        async with home.transaction() as tx:
            await tx.intents.add(intent)
            assert await tx.intents.get(intent.id) == intent
            assert await tx.intents.get(uuid4()) is None
            await tx.intents.add(replace(intent, verb="reject"))
            assert await tx.intents.get(intent.id) == intent

    async def test_an_intent_takes_effect_once(self, home: Home) -> None:
        intent = Intent(uuid4(), home.ada.id, "approve", uuid4(), {}, LONG_AGO)
        async with home.transaction() as tx:
            await tx.intents.add(intent)
            await tx.intents.done(intent.id)
        async with home.transaction() as tx:
            assert await tx.intents.get(intent.id) == replace(intent, done=True)

    async def test_a_notice_is_told_once(self, home: Home) -> None:
        async with home.transaction() as tx:
            notice = Notice(uuid4(), "kill_switch", None, {"flag": "f"}, "/x", tx.now, destination="ops", place="p")
            assert await tx.notices.add([]) == set()
            assert await tx.notices.add([notice, notice]) == {notice.id}
            another = replace(notice, id=uuid4(), destination=None, place=None, recipient=home.bob.id)
            assert await tx.notices.add([replace(notice, link="/other"), another]) == {another.id}
        async with home.transaction() as tx:
            for each in (notice, another):
                found = await tx.notices.get(each.id)
                assert found == replace(each, created_at=found.created_at)
            assert await tx.notices.get(uuid4()) is None
            await tx.notices.delivered(notice.id)
            assert (await tx.notices.get(notice.id)).state is NoticeState.DELIVERED

    async def test_a_notice_stands_as_far_as_it_was_brought_and_what_was_told_stays_told(self, home: Home) -> None:
        due, failed, told = NoticeState.DUE, NoticeState.FAILED, NoticeState.DELIVERED
        moves = [(due, 1), (failed, 2), (due, 0), (told, 1), (failed, 2), (due, 0)]
        async with home.transaction() as tx:
            notice = Notice(uuid4(), "kill_switch", home.bob.id, {}, "/x", tx.now)
            other = replace(notice, id=uuid4())
            await tx.notices.add([notice, other])
            stood = []
            for state, attempts in moves:
                news = [NoticeProgress(each, state, attempts, "down") for each in (uuid4(), notice.id)]
                await tx.notices.follow(news)
                stood.append(((found := await tx.notices.get(notice.id)).state, found.attempts))
            assert await tx.notices.get(other.id) == replace(other, created_at=found.created_at)
        assert stood == [*moves[:4], moves[3], moves[3]]

    async def test_a_review_is_owed(self, home: Home) -> None:
        async with home.transaction() as tx:
            review = Review(uuid4(), PRODUCTION, "f", home.ada.id, "why", tx.now, tx.now + timedelta(hours=24),
                            rollout=uuid4())  # fmt: skip
            await tx.reviews.open(review)
            assert await tx.reviews.all() == [review]
            assert await tx.reviews.get(review.id) == review
            assert await tx.reviews.get(uuid4()) is None

    async def test_a_key_is_claimed_answered_and_replayed(self, home: Home) -> None:
        async with home.transaction() as tx:
            assert (await tx.idempotency.claim(home.ada.id, "k", "print")).fresh
        async with home.transaction() as tx:
            running = await tx.idempotency.claim(home.ada.id, "k", "print")
            assert (running.fresh, running.status) == (False, None)
            assert (await tx.idempotency.claim(home.bob.id, "k", "print")).fresh
            await tx.idempotency.answer(home.ada.id, "k", 201, b"{}")
            other = await tx.idempotency.claim(home.ada.id, "k", "another")
            assert (other.fresh, other.fingerprint, other.status, other.body) == (False, "print", 201, b"{}")
            await tx.idempotency.release(home.ada.id, "k")
            assert not (await tx.idempotency.claim(home.ada.id, "k", "print")).fresh

    async def test_a_released_key_is_free(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.idempotency.claim(home.ada.id, "k", "print")
            await tx.idempotency.release(home.ada.id, "k")
            assert (await tx.idempotency.claim(home.ada.id, "k", "other")).fresh


class TestTelemetry:
    async def test_counts_once_and_accumulates(self, home: Home) -> None:
        early = TelemetrySample(PRODUCTION, "f", "on", LONG_AGO, 10, 1, ((0.1, 4), (0.5, 6)))
        late = replace(early, window_end=LONG_AGO + timedelta(minutes=1), errors=0, buckets=((0.1, 10),))
        elsewhere = replace(early, environment=DEV)
        batch = TelemetryBatch(uuid4(), "b-1", (early, late, elsewhere))
        async with home.transaction() as tx:
            assert await tx.telemetry.add(batch)
            assert not await tx.telemetry.add(batch)
            at = [LONG_AGO, LONG_AGO + timedelta(hours=1)]
            counted = await tx.telemetry.counted(PRODUCTION, "f", "on", at)
            assert await tx.telemetry.counted(PRODUCTION, "f", "off", at) == [None, None]
        assert counted == [
            Counts(10, 1, ((0.1, 4), (0.5, 10), (float("inf"), 10))),
            Counts(20, 1, ((0.1, 14), (0.5, 20), (float("inf"), 20))),
        ]

    async def test_an_arm_without_buckets_has_none(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.telemetry.add(
                TelemetryBatch(uuid4(), "b", (TelemetrySample(PRODUCTION, "f", "off", LONG_AGO, 5, 0),))
            )
            assert await tx.telemetry.counted(PRODUCTION, "f", "off", [LONG_AGO]) == [Counts(5, 0)]


class TestWaiting:
    async def test_an_unstarted_rollout_waits(self, home: Home) -> None:
        change = await home.submitted()
        row = Waiting(WaitingKind.ROLLOUT, home.tenant.id, change.id)
        assert row in await home.store.waiting()
        async with home.transaction() as tx:
            await tx.rollouts.mark_started(change.id)
        assert row not in await home.store.waiting()

    async def test_one_that_is_just_being_started_does_not(self, home: Home) -> None:
        change = home.change()
        async with home.transaction() as tx:
            await tx.changes.add(change)
            await tx.rollouts.add(home.rollout(change, created_at=tx.now))
        assert Waiting(WaitingKind.ROLLOUT, home.tenant.id, change.id) not in await home.store.waiting()

    async def test_a_kill_waits_until_its_rollout_has_ended(self, home: Home) -> None:
        change = await home.submitted()
        row = Waiting(WaitingKind.KILLED, home.tenant.id, change.id)
        running = home.rollout(change, state=State.RUNNING)
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(), expected=0)
            await tx.rollouts.save(running)
        assert row not in await home.store.waiting()
        async with home.transaction() as tx:
            await tx.flags.put(home.flag(2), expected=1)
        assert row in await home.store.waiting()
        async with home.transaction() as tx:
            await tx.rollouts.save(replace(running, state=State.ROLLING_BACK))
        assert row not in await home.store.waiting()
