"""What a handler sends follows from its command: it names it, and belongs to what that belongs to."""

from datetime import timedelta
from uuid import uuid4

import pytest

from domain.commands import CommandState
from domain.commands.outcomes import Permanent, Transient
from tests.works import Site

S = CommandState


@pytest.fixture(autouse=True)
async def types(site: Site) -> None:
    await site.store.put_command_types(site.handlers.types())


@pytest.mark.req("CB-09")
class TestChild:
    @pytest.mark.parametrize("kind", ["works.split", "works.pass-on"])
    async def test_it_names_its_cause_and_shares_what_it_belongs_to(self, site: Site, kind: str) -> None:
        correlation = uuid4()
        await site.send("1", type=kind, correlation=correlation)
        assert await site.execute() == {"completed": 1}
        options = (await site.stand("1-child")).command.options
        assert (options.causation, options.correlation) == ("works/1", correlation)
        assert await site.trail("1-child") == ["sent"]

    async def test_of_one_that_fails_it_was_never_sent(self, site: Site) -> None:
        await site.send("1", type="works.split")
        site.works.ways["1"] = [Permanent("no")]
        await site.execute()
        assert await site.stands("1-child") == []

    async def test_of_one_that_is_executed_twice_it_is_sent_once(self, site: Site) -> None:
        await site.send("1", type="works.pass-on")
        site.works.ways["1"] = [Transient("busy")]
        assert await site.execute() == {"retry-wait": 1}
        assert await site.states("1", "1-child") == [S.RETRY_WAIT, S.PENDING]
        await site.let_pass(timedelta(minutes=1))
        while await site.execute():
            pass
        assert await site.states("1", "1-child") == [S.COMPLETED, S.COMPLETED]
        assert site.works.calls == ["works/1-child:1"]
