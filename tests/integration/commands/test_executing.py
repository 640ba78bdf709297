"""A lease is executed on PostgreSQL: what a handler writes and what became of its command are one transaction."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.commands import CommandState, ParkedKind, ReplyTo
from domain.commands.outcomes import BusinessRule, Permanent, RetryAfter, Transient
from domain.errors import Stale
from tests.works import Site, for_ever

S = CommandState
A_MINUTE = timedelta(minutes=1)
REFUSING = """
    CREATE FUNCTION works.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no reply is kept'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON command FOR EACH ROW
        WHEN (NEW.tenant_id = '{tenant}') EXECUTE FUNCTION works.refuse();
"""


class TestOutcomes:
    @pytest.mark.req("CB-53", "S005")
    async def test_what_it_returns_is_the_result_and_every_move_is_told(self, site: Site) -> None:
        await site.send("1", payload={"words": "hello"})
        assert await site.execute() == {"completed": 1}
        record = await site.stand("1")
        assert (record.state, record.result, record.attempt) == (S.COMPLETED, {"wrote": "hello"}, 1)
        assert await site.effects() == ["1"]
        assert await site.trail("1") == ["started", "completed"]

    @pytest.mark.req("S005", "CB-D14")
    async def test_what_cannot_be_replied_has_no_effect(self, site: Site) -> None:
        await site.send("1", reply_to=ReplyTo.by_command("works.call", "answer-"))
        await site.owner.execute(REFUSING.format(tenant=site.tenant))
        try:
            assert await site.execute() == {"retry-wait": 1}
            assert await site.effects() == []
        finally:
            await site.owner.execute("DROP FUNCTION works.refuse CASCADE")
        await site.let_pass(A_MINUTE)
        assert (await site.execute(), await site.effects()) == ({"completed": 1}, ["1"])
        (reply,) = await site.stands("answer-works:1")
        assert reply.command.payload["state"] == "completed"

    @pytest.mark.req("CB-11", "S006")
    async def test_without_a_handler_it_is_parked_once(self, site: Site) -> None:
        await site.send("1", type="works.forgotten")
        assert await site.execute() == {"parked": 1}
        record = await site.stand("1")
        assert (record.parked, record.attempt) == (ParkedKind.NO_HANDLER, 0)
        assert await site.execute() == {}
        assert await site.trail("1") == ["parked"]

    async def test_what_its_handler_does_not_take_is_parked_with_pointers(self, site: Site) -> None:
        await site.send("1", payload={"words": 7})
        await site.execute()
        record = await site.stand("1")
        assert (record.parked, record.attempt) == (ParkedKind.SCHEMA, 0)
        assert record.error is not None
        assert [each["path"] for each in record.error.details["faults"]] == ["/payload/words"]

    @pytest.mark.req("CB-13", "S008")
    async def test_transient_twice_and_then_well(self, site: Site) -> None:
        await site.send("1")
        site.works.ways["1"] = [Transient("busy"), Transient("busy")]
        for rest in (10, 60):
            before = await site.stand("1")
            assert await site.execute() == {"retry-wait": 1}
            after = await site.stand("1")
            assert timedelta(seconds=rest) <= after.due_at - before.sent_at < timedelta(seconds=rest) + A_MINUTE
            assert await site.execute() == {}  # not before that
            await site.let_pass(timedelta(seconds=rest) + A_MINUTE)
        assert await site.execute() == {"completed": 1}
        assert (await site.stand("1")).attempt == 3
        assert await site.effects() == ["1"]
        assert await site.trail("1") == ["started", "retried"] * 2 + ["started", "completed"]

    @pytest.mark.req("CB-14", "S010", "CB-D2")
    async def test_no_attempt_is_left_after_as_many_as_command_or_type_say(self, site: Site) -> None:
        await site.send("1", max_attempts=1)
        await site.send("2", type="works.hurry")
        for each in ("1", "2"):
            site.works.ways[each] = [Transient("busy")] * 9
        assert await site.execute() == {"parked": 1, "retry-wait": 1}
        await site.let_pass(timedelta(hours=1))
        assert await site.execute() == {"parked": 1}
        records = [await site.stand("1"), await site.stand("2")]
        assert [(each.parked, each.attempt) for each in records] == [
            (ParkedKind.EXHAUSTED, 1),
            (ParkedKind.EXHAUSTED, 2),
        ]

    @pytest.mark.req("CB-15", "S009")
    async def test_permanent_failure_is_parked_and_writes_nothing(self, site: Site) -> None:
        await site.send("1")
        site.works.ways["1"] = [Permanent("no-account", "there is no account 1200", {"account": "1200"})]
        assert await site.execute() == {"parked": 1}
        record = await site.stand("1")
        assert (record.parked, record.attempt) == (ParkedKind.PERMANENT, 1)
        assert record.error is not None
        assert (record.error.code, record.error.details) == ("no-account", {"account": "1200"})
        assert await site.effects() == []

    @pytest.mark.req("CB-16")
    async def test_rule_of_the_business_ends_it(self, site: Site) -> None:
        await site.send("1")
        site.works.ways["1"] = [BusinessRule("limit-exceeded")]
        assert await site.execute() == {"failed": 1}
        assert (await site.stand("1")).over
        assert await site.effects() == []

    @pytest.mark.req("CB-17", "S008")
    async def test_it_waits_as_long_as_its_handler_says(self, site: Site) -> None:
        await site.send("1", "2")
        site.works.ways = {"1": [RetryAfter(120)], "2": [ValueError("unheard of")]}
        before = await site.stand("1")
        assert await site.execute() == {"retry-wait": 2}
        assert (await site.stand("1")).due_at - before.sent_at >= timedelta(seconds=120)
        assert (await site.stand("2")).due_at - before.sent_at < timedelta(seconds=120)

    @pytest.mark.req("CB-17")
    async def test_what_expired_is_never_run(self, site: Site) -> None:
        await site.send("0")
        soon = (await site.stand("0")).sent_at + timedelta(hours=1)
        await site.send("1", expires_at=soon)
        await site.let_pass(timedelta(hours=2))
        assert await site.execute() == {"completed": 1, "expired": 1}
        assert (await site.states("1"), site.works.calls) == ([S.EXPIRED], ["works/0:1"])

    @pytest.mark.req("CB-36")
    async def test_not_before_its_time(self, site: Site) -> None:
        await site.send("0")
        soon = (await site.stand("0")).sent_at + timedelta(hours=1)
        await site.send("1", not_before=soon, priority=9)
        assert await site.execute() == {"completed": 1}
        await site.let_pass(timedelta(hours=1) + A_MINUTE)
        assert await site.execute() == {"completed": 1}
        assert site.works.calls == ["works/0:1", "works/1:1"]


class TestTogether:
    @pytest.mark.req("CB-19", "CB-D14")
    async def test_one_that_fails_after_it_wrote_takes_back_its_own_alone(self, site: Site) -> None:
        await site.send("1", "2", "3")
        site.works.ways["2"] = [Transient("busy")]
        assert await site.execute() == {"completed": 2, "retry-wait": 1}
        assert await site.effects() == ["1", "3"]
        assert (await site.stand("2")).attempt == 1

    async def test_one_that_breaks_the_transaction_is_the_only_one_that_failed(
        self, site: Site, owner: asyncpg.Connection
    ) -> None:
        async def cut() -> None:
            await owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
                " AND query LIKE 'INSERT INTO works.effect%'"
            )

        await site.send("1", "2", "3")
        site.works.ways["2"] = [cut, cut, cut]
        assert await site.execute() == {"completed": 2, "retry-wait": 1}
        assert await site.effects() == ["1", "3"]

    async def test_one_that_fails_is_called_once_and_those_before_it_again(self, site: Site) -> None:
        await site.send("1", "2", "3", "4")
        site.works.ways = {"3": [Permanent("no")]}
        assert await site.execute() == {"completed": 3, "parked": 1}
        assert site.works.calls == [f"works/{each}:1" for each in "123124"]
        assert await site.effects() == ["1", "2", "4"]

    async def test_one_that_breaks_the_transaction_in_silence_is_not_taken_for_another(self, site: Site) -> None:
        await site.send("1", type="works.hush")
        await site.send("2", type="works.judge")
        assert await site.execute() == {"completed": 1, "retry-wait": 1}
        assert await site.states("1", "2") == [S.RETRY_WAIT, S.COMPLETED]
        assert await site.effects() == ["2"]

    async def test_one_that_takes_too_long_is_cut_short(self, site: Site) -> None:
        await site.send("1")
        await site.send("2", type="works.hurry")
        site.works.ways["2"] = [for_ever, for_ever]
        assert await site.execute() == {"completed": 1, "retry-wait": 1}
        record = await site.stand("2")
        assert record.error is not None
        assert (record.error.code, await site.effects()) == ("timeout", ["1"])

    async def test_result_that_nobody_can_keep_is_a_failure_of_its_own(self, site: Site) -> None:
        await site.send("1")
        await site.send("2", type="works.babble")
        assert await site.execute() == {"completed": 1, "retry-wait": 1}
        assert await site.effects() == ["1"]


class TestCost:
    @pytest.mark.req("CB-55")
    async def test_of_a_lease_is_the_same_however_many_are_in_it(self, site: Site, engine: AsyncEngine) -> None:
        """Beside the one statement of each handler: nothing is asked or written for each by itself."""
        said: list[str] = []

        def heard(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            said.append(statement)

        event.listen(engine.sync_engine, "before_cursor_execute", heard)
        costs = []
        for many in (2, 50):
            await site.send(*(f"{many}-{number}" for number in range(many)))
            said.clear()
            assert await site.execute() == {"completed": many}
            costs.append(len(said) - sum("works.effect" in each for each in said))
        event.remove(engine.sync_engine, "before_cursor_execute", heard)
        assert len(set(costs)) == 1


class TestOutside:
    @pytest.mark.req("S007")
    async def test_they_run_side_by_side_and_each_is_written_when_it_ends(self, site: Site) -> None:
        together = asyncio.Barrier(3)

        async def meet() -> None:
            await together.wait()

        await site.send("1", "2", "3", type="works.call")
        site.works.ways = {each: [meet] for each in ("1", "2", "3")}
        assert await site.execute() == {"completed": 3}
        assert sorted(site.works.calls) == ["works/1:1", "works/2:1", "works/3:1"]

    async def test_failures_are_settled_alike(self, site: Site) -> None:
        await site.send("1", "2", "3", type="works.call")
        site.works.ways = {"1": [Permanent("no")], "2": [Transient("busy")]}
        assert await site.execute() == {"completed": 1, "parked": 1, "retry-wait": 1}

    async def test_what_it_raised_counts_and_not_what_that_came_of(self, site: Site) -> None:
        refused = Permanent("no")
        refused.__cause__ = Transient("busy")
        await site.send("1", "2", "3", type="works.call")
        site.works.ways = {"1": [refused], "2": [Stale()], "3": [Permanent("no", details=object())]}
        assert await site.execute() == {"parked": 1, "retry-wait": 2}
        assert (await site.stand("1")).parked is ParkedKind.PERMANENT
        codes = [each.error.code for each in await site.stands("2", "3") if each.error is not None]
        assert codes == ["Stale", "TypeError"]
