"""Who comes while a deployment is under way is served what is stable, and what it brings once that is."""

import pytest

from domain.rollouts import State
from domain.tenants import Tier
from tests.workflow.estates import estate, rolling
from tests.workflow.theatre import Theatre


@pytest.mark.req("S44", "I4")
@pytest.mark.parametrize("kept", [True, False])
async def test_gets_it_when_it_has_succeeded_and_not_when_it_goes_back(stage: Theatre, kept: bool) -> None:  # noqa: FBT001 -- a parameter of the case
    below = await estate(stage, free=Tier.FREE, pro=Tier.PRO)
    below.drive()
    change = await below.submit(rolling(pause=600))
    await stage.until(change, State.RUNNING)
    await below.found("late", Tier.FREE)
    await stage.skip(change, minutes=5)
    assert await below.served() == {"free": "express", "pro": "classic", "late": "classic"}
    if kept:
        await stage.skip(change, hours=1)
        assert await stage.end(change) is State.SUCCEEDED
    else:
        await stage.handle(change).cancel()
        await stage.until(change, State.ROLLED_BACK)
    assert set((await below.served()).values()) == {"express" if kept else "classic"}
