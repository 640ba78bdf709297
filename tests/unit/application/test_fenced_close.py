"""A close with a module in another database, which answers late, or never."""

from datetime import timedelta

import pytest

from application.fences.cases import FenceCases
from application.fences.modules import ModuleWish
from application.ports.fences import FenceFilter
from domain.closures import Act, RunState
from domain.fences import Fence, FenceState, RemoteModule
from domain.people import PrincipalKind, Role
from domain.periods import StaleEpoch
from tests.closes import ENTITY, WHY, Close
from tests.contract.fencing import said
from tests.world import World


class Elsewhere:
    """The module, and who operates it."""

    def __init__(self, close: Close) -> None:
        self.close, self.world = close, close.world
        self.use = FenceCases.over(close.world.store)
        self.module: RemoteModule

    async def settle(self) -> "Elsewhere":
        service = await self.world.tenants.admit_principal(
            self.world.tenant, "stock", frozenset({Role.VIEWER}), issuer="tests", kind=PrincipalKind.SERVICE
        )
        self.world.people["stock"] = service.actor
        wish = ModuleWish("Payables elsewhere", "AP", "stock")
        self.module = await self.use.modules.put(self.world.root, "AP-2", wish, expected=0, reason=WHY)
        return self

    async def outstanding(self) -> Fence:
        (fence,) = await self.use.looking.page(self.world.eve, FenceFilter(outstanding=True), None, 9)
        return fence

    async def waits(self) -> bool:
        """Whether the close stays where it froze."""
        stand = await self.close.cases.freezing.frozen(self.close.step())
        return stand.state is RunState.FREEZING and stand.fences == 1

    async def silent(self) -> Fence:
        """Asked as often as a module is, and then left to a person."""
        for _ in range(2):
            await self.close.cases.freezing.ask_again(self.close.step())
        await self.close.cases.freezing.call(self.close.step())
        return await self.outstanding()


@pytest.fixture
async def elsewhere(world: World) -> Elsewhere:
    close = await Close(world).settle()
    await close.books()
    await close.books("ledger", "GL", entries=5)
    return await Elsewhere(close).settle()


class TestClose:
    @pytest.mark.req("FP54")
    async def test_waits_for_its_word_which_the_certificate_repeats(self, elsewhere: Elsewhere) -> None:
        close = elsewhere.close
        await close.frozen()
        assert await elsewhere.waits()
        fence = await elsewhere.outstanding()
        assert (fence.run, fence.epoch, fence.gate.posting) == (close.run_id, 2, "adjust_only")
        await elsewhere.use.settling.acknowledge(elsewhere.world.stock, fence.id, said(2, entries=7))
        assert not await elsewhere.waits()
        await close.validate()
        await close.vote(await close.cases.validating.ask(close.step()))
        await close.cases.closing.close(close.step())
        found = await close.cases.looking.certificate(elsewhere.world.eve, close.run_id)
        assert {each.module: each.entries for each in found.controls} == {"payables": 2, "ledger": 5, "AP-2": 7}
        assert found.exclusions == ()
        closed = await elsewhere.outstanding()
        assert (closed.epoch, closed.gate.status, closed.run) == (3, "closed", None)

    @pytest.mark.req("FP54")
    async def test_goes_on_after_a_retry(self, elsewhere: Elsewhere) -> None:
        await elsewhere.close.frozen()
        fence = await elsewhere.silent()
        assert (fence.state, fence.attempts) == (FenceState.OVERDUE, 3)
        assert await elsewhere.waits()
        await elsewhere.use.settling.retry(elsewhere.world.fin, fence.id, "the line was down")
        await elsewhere.use.settling.acknowledge(elsewhere.world.stock, fence.id, said(2))
        assert not await elsewhere.waits()

    @pytest.mark.req("FP54")
    async def test_calls_for_a_person_again_when_a_retry_is_met_with_silence(self, elsewhere: Elsewhere) -> None:
        close, clock = elsewhere.close, elsewhere.world.clock
        await close.frozen()
        fence = await elsewhere.silent()
        await elsewhere.use.settling.retry(elsewhere.world.fin, fence.id, "the line was down")
        stands = []
        for passed in (timedelta(0), timedelta(minutes=44), timedelta(minutes=2)):
            clock += passed
            await close.cases.looking.stand(close.step())
            stands.append((await elsewhere.outstanding()).state)
        assert stands == [FenceState.ASKED, FenceState.ASKED, FenceState.OVERDUE]
        await elsewhere.use.settling.acknowledge(elsewhere.world.stock, fence.id, said(2))
        assert not await elsewhere.waits()

    @pytest.mark.req("FP54")
    async def test_is_not_called_overdue_while_it_is_told_by_turns(self, elsewhere: Elsewhere) -> None:
        close, clock = elsewhere.close, elsewhere.world.clock
        await close.frozen()
        clock += timedelta(hours=2)
        await close.cases.looking.stand(close.step())
        assert (await elsewhere.outstanding()).state is FenceState.ASKED

    @pytest.mark.req("FP54")
    async def test_goes_on_without_it_and_says_so(self, elsewhere: Elsewhere) -> None:
        close, world = elsewhere.close, elsewhere.world
        await close.frozen()
        fence = await elsewhere.silent()
        await elsewhere.use.settling.exclude(world.fin, fence.id, "it is being replaced")
        assert not await elsewhere.waits()
        await close.validate()
        await close.act(world.own, Act.ACKNOWLEDGE_CHECK, check="exclusions", reason="known")
        await close.validate()
        await close.vote(await close.cases.validating.ask(close.step()))
        await close.cases.closing.close(close.step())
        found = await close.cases.looking.certificate(world.eve, close.run_id)
        assert found.exclusions == ("AP-2",)
        async with close.transaction() as tx:
            with pytest.raises(StaleEpoch):
                await tx.fences.assert_epoch("AP-2", ENTITY, fence.period.id, 1)

    @pytest.mark.req("FP55")
    async def test_given_up_tells_it_how_the_gate_was(self, elsewhere: Elsewhere) -> None:
        close = elsewhere.close
        await close.frozen()
        frozen = await elsewhere.outstanding()
        await close.cases.compensating.end(close.step(), RunState.ABORTED, "given_up")
        back = await elsewhere.outstanding()
        assert (back.epoch, back.gate.posting, back.run) == (3, "all", None)
        late = await elsewhere.use.settling.acknowledge(elsewhere.world.stock, frozen.id, said(2))
        assert (late.id, late.epoch, late.outstanding) == (back.id, 3, True)
