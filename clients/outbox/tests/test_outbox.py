"""A message is passed on exactly if its transaction commits, and once, on a real PostgreSQL and a real Temporal."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from relaying import Line, Post, eventually, running
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from temporal_outbox.delivery import relay_of
from temporal_outbox.events import Delayed, Passed, Postponed, SetAside
from temporal_outbox.messages import Signal
from temporal_outbox.relay import Away, Pace
from temporal_outbox.source import Config
from temporal_outbox.table import Added, Conflict, Outbox
from temporalio.client import Client
from temporalio.service import RPCStatusCode

HERE = Path(__file__).parent


class TestAdding:
    async def test_is_part_of_the_callers_transaction(self, post: Post) -> None:
        async with post.engine.connect() as connection:
            await post.outbox.add_async(connection, post.start("1"))
            await connection.rollback()
        assert await post.states() == []
        async with AsyncSession(post.engine) as session:
            await post.outbox.add_async(session, post.start("1"))
            await session.commit()
        assert await post.states() == ["waiting"]

    async def test_the_same_again_is_the_same_message(self, post: Post) -> None:
        key = f"start/{post.queue}/1"
        assert await post.add(post.start("1")) == [Added(key)]
        assert await post.add(post.start("2"), post.start("1")) == [
            Added(f"start/{post.queue}/2"),
            Added(key, "waiting", again=True),
        ]
        with pytest.raises(ValueError, match="one key"):
            await post.add(post.start("3"), post.start("3", many=1))

    @pytest.mark.parametrize("others", [0, 1])
    async def test_another_under_its_key_is_refused_and_the_transaction_goes_on(self, post: Post, others: int) -> None:
        """Nothing of what was added with it is there either."""
        await post.add(post.start("1"))
        asked = [*(post.start(f"other-{number}") for number in range(others)), post.start("1", many=7)]
        async with post.engine.begin() as connection:
            with pytest.raises(Conflict) as refused:
                await post.outbox.add_async(connection, *asked)
            await post.outbox.add_async(connection, post.start("2"))
        assert refused.value.key == f"start/{post.queue}/1"
        assert [row.key for row in await post.rows()] == [f"start/{post.queue}/{name}" for name in ("1", "2")]

    @pytest.mark.parametrize("word", ["\0", "\\\0", "\ud800", float("nan"), datetime.now(UTC)])
    async def test_what_cannot_be_stored_is_refused_and_the_transaction_goes_on(self, post: Post, word: object) -> None:
        async with post.engine.begin() as connection:
            with pytest.raises((ValueError, TypeError)):
                await post.outbox.add_async(connection, replace(post.start("1"), args=[{"words": word}]))
            await post.outbox.add_async(connection, replace(post.start("2"), args=["\\u0000 é"]))
        assert await post.states() == ["waiting"]

    async def test_two_who_add_the_same_at_once_add_it_once(self, post: Post) -> None:
        async with post.engine.begin() as connection:
            await post.outbox.add_async(connection, post.start("1"))
            other = asyncio.create_task(post.add(post.start("1")))
            await eventually(lambda: _waits(post))
        assert [each.again for each in await other] == [True]

    async def test_makes_its_table_where_there_is_none(self, post: Post) -> None:
        async with post.engine.begin() as connection:
            await connection.run_sync(post.outbox.create)
        with pytest.raises(ValueError, match="named"):
            Outbox("drop table")

    async def test_needs_the_rights_that_are_said_and_no_others(self, post: Post) -> None:
        table, adds, relays = post.outbox.table, f"adds_{post.outbox.table}", f"relays_{post.outbox.table}"
        async with post.engine.begin() as connection:
            for words in (
                f"CREATE ROLE {adds}",
                f"CREATE ROLE {relays}",
                f"GRANT INSERT, SELECT ON {table} TO {adds}",
                f"GRANT SELECT ON {table}_listener TO {adds}",
                f"GRANT SELECT, UPDATE, DELETE ON {table} TO {relays}",
                f"GRANT SELECT, INSERT, UPDATE ON {table}_listener TO {relays}",
            ):
                await connection.exec_driver_sql(words)
        async with post.engine.begin() as connection:
            await connection.exec_driver_sql(f"SET LOCAL ROLE {adds}")
            await post.outbox.add_async(connection, post.start("1"), post.start("2"))
            await post.outbox.add_async(connection, post.start("1"))
        engine = create_async_engine(post.database, connect_args={"server_settings": {"role": relays}})
        async with running(relay_of(engine, post.client, post.outbox)):
            await eventually(lambda: _passed(post, 2))
            await eventually(lambda: _listened(post))
        await engine.dispose()


class TestRelaying:
    async def test_starts_what_was_committed_once(self, post: Post) -> None:
        await post.add(*(post.start(str(number)) for number in range(5)), post.start("late", not_before=_in(hours=1)))
        relay = post.relay(Config(most=2))
        assert await relay.round() == 5
        assert await post.states() == [*["passed"] * 5, "waiting"]
        async with post.worker():
            assert await post.result("3") == []
        assert (await post.add(post.start("0")))[0].state == "passed"
        assert await relay.round() == 0

    async def test_what_commits_late_is_not_missed(self, post: Post) -> None:
        relay = post.relay()
        async with post.engine.begin() as connection:
            await post.outbox.add_async(connection, post.start("early"))
            await post.add(post.start("later"))
            assert await relay.round() == 1
        assert await relay.round() == 1

    async def test_two_relays_share_and_neither_starts_twice(self, post: Post) -> None:
        await post.add(*(post.start(str(number)) for number in range(40)))
        relays = [post.relay(Config(most=3)) for _ in range(2)]
        assert sum(await asyncio.gather(*(each.round() for each in relays))) == 40
        assert sum(isinstance(each, Passed) and each.fresh for each in post.events) == 40

    async def test_signals_follow_the_start_of_their_workflow_in_order_and_count_once(self, post: Post) -> None:
        where = f"{post.queue}/1"
        words = [Signal(where, "tell", str(number), [str(number)]) for number in range(3)]
        await post.add(post.start("1", many=4), *words[:2])
        relay = post.relay()
        assert await relay.round() == 3
        async with post.engine.begin() as connection:  # as if the relay had died before it wrote that they were passed
            words_again = "SET state = 'waiting', ended_at = NULL WHERE key LIKE 'signal/%'"
            await connection.exec_driver_sql(f"UPDATE {post.outbox.table} {words_again}")
        assert await relay.round() == 2
        await post.add(words[2], Signal(where, "tell", "3", ["3"], start=post.start("1", many=4)))
        assert await relay.round() == 2
        async with post.worker():
            assert await post.result("1") == ["0", "1", "2", "3"]

    async def test_a_signal_starts_its_workflow_where_there_is_none(self, post: Post) -> None:
        start = post.start("1", many=2, memo={"of": "a test"}, summary="gathers", run_timeout=timedelta(hours=1))
        await post.add(*(Signal(start.id, "tell", word, [word], start=start) for word in "ab"))
        await post.relay().round()
        assert await (await post.client.get_workflow_handle(start.id).describe()).memo() == {"of": "a test"}
        async with post.worker():
            assert await post.result("1") == ["a", "b"]

    async def test_what_temporal_never_takes_is_set_aside_and_holds_nothing_up(self, post: Post) -> None:
        await post.add(Signal(f"{post.queue}/none", "tell", "1"), post.start("1"))
        relay = post.relay()
        assert await relay.round() == 2
        (signalled, _), started = await post.rows("state, reason")
        assert (signalled, started.state) == ("aside", "passed")
        (aside,) = [each for each in post.events if isinstance(each, SetAside)]
        assert "not found" in aside.reason
        assert await relay.round() == 0
        async with post.engine.begin() as connection:
            assert await connection.run_sync(post.outbox.retry, aside.key) == [aside.key]
        assert await relay.round() == 1

    async def test_what_has_no_answer_is_tried_again_later_and_then_set_aside(self, post: Post) -> None:
        """What follows for its workflow waits for it, and nothing else does."""
        await post.add(post.start("1"), Signal(f"{post.queue}/1", "tell", "1", ["a"]), post.start("2"))
        relay = post.troubled({"1": RPCStatusCode.INTERNAL})
        assert await relay.round() == 2
        assert await post.states() == ["waiting", "waiting", "passed"]
        await post.let_pass()
        assert await relay.round() == 2
        assert await post.states() == ["aside", "aside", "passed"]
        assert [each.pause for each in post.events if isinstance(each, Postponed)] == [3600.0]

    async def test_an_outage_between_two_calls_gives_back_what_was_not_passed_on(self, post: Post) -> None:
        await post.add(post.start("1"), post.start("2"))
        with pytest.raises(Away):
            await post.troubled({"1": RPCStatusCode.UNAVAILABLE}).turn()
        assert await post.rows("state, attempts, lease") == [("waiting", 0, None), ("passed", 1, None)]

    async def test_a_namespace_that_is_not_there_is_an_outage_and_no_attempt(self, post: Post) -> None:
        elsewhere = await Client.connect(post.temporal, namespace="nowhere")
        with pytest.raises(ValueError, match="nowhere"):
            post.relay(client=elsewhere)
        post.outbox = replace(post.outbox, namespace="nowhere")
        await post.add(post.start("1"))
        async with running(post.relay(client=elsewhere)):
            await eventually(lambda: _told(post, Delayed))
        assert await post.rows("state, attempts, lease") == [("waiting", 0, None)]

    async def test_what_was_passed_on_is_removed_after_its_time(self, post: Post) -> None:
        now = [0.0]
        relay = post.relay(Config(keeps=timedelta(0), clock=lambda: now[0]))
        await relay.round()
        await post.add(post.start("1"), post.start("late", not_before=_in(hours=1)))
        await relay.round()
        assert await post.states() == ["passed", "waiting"]
        now[0] = 60.0
        await relay.round()
        assert await post.states() == ["waiting"]


class TestRunning:
    async def test_who_has_nothing_to_do_is_told_also_after_every_connection_was_cut(self, post: Post) -> None:
        """Its next look would be in a minute."""
        async with running(post.relay(Config(pace=Pace(idle=60, listens=timedelta(minutes=2))))):
            await eventually(lambda: _listened(post))
            await post.add(post.start("1"))
            await eventually(lambda: _passed(post, 1))
            async with post.engine.connect() as connection:
                cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                await connection.execute(text(f"{cut} AND query LIKE :query"), {"query": f"%{post.outbox.table}%"})
            await post.add(post.start("2"))
            await eventually(lambda: _passed(post, 2))

    @pytest.mark.parametrize("away", ["postgres", "temporal"])
    async def test_it_goes_on_once_a_server_that_went_away_is_back(self, post: Post, away: str) -> None:
        url = make_url(post.database)
        line = Line(*((url.host, url.port) if away == "postgres" else ("127.0.0.1", post.temporal.rpartition(":")[2])))
        await line.mend()
        engine, client = create_async_engine(url.set(port=line.port) if away == "postgres" else url), post.client
        if away == "temporal":
            client = await Client.connect(f"127.0.0.1:{line.port}")
        async with running(relay_of(engine, client, post.outbox, tell=post.events.append)):
            await post.add(post.start("1"))
            await eventually(lambda: _passed(post, 1))
            await line.cut()
            await post.add(post.start("2"))
            await eventually(lambda: _told(post, Delayed))
            assert await post.states() == ["passed", "waiting"]
            await line.mend()
            await eventually(lambda: _passed(post, 2))
        await line.cut()
        await engine.dispose()

    @pytest.mark.parametrize("point", ["leased", "started"])
    async def test_killed_it_has_started_a_workflow_once(self, post: Post, point: str) -> None:
        await post.add(post.start("1"))
        asked = [sys.executable, str(HERE / "doomed.py"), post.database, post.temporal, post.outbox.table, point]
        path = os.pathsep.join(each for each in sys.path if each)
        doomed = await asyncio.create_subprocess_exec(*asked, env={**os.environ, "PYTHONPATH": path})
        assert await asyncio.wait_for(doomed.wait(), 60) == -signal.SIGKILL
        run = await post.run_of("1") if point == "started" else None
        relay = post.relay()
        assert await relay.round() == 0  # its lease has not ended
        await post.let_pass()
        assert await relay.round() == 1
        assert [each.fresh for each in post.events if isinstance(each, Passed)] == [point == "leased"]
        assert run in {None, await post.run_of("1")}
        assert await post.states() == ["passed"]


def _in(**span: int) -> datetime:
    return datetime.now(UTC) + timedelta(**span)


async def _told(post: Post, kind: type) -> bool:
    return any(isinstance(each, kind) for each in post.events)


async def _passed(post: Post, many: int) -> bool:
    return (await post.states()).count("passed") == many


async def _waits(post: Post) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE :query"
    async with post.engine.connect() as connection:
        return bool(await connection.scalar(text(waiting), {"query": f"%INTO {post.outbox.table}%"}))


async def _listened(post: Post) -> bool:
    async with post.engine.connect() as connection:
        return bool(await connection.scalar(text(f"SELECT count(*) FROM {post.outbox.table}_listener")))  # noqa: S608
