"""What takes a change back is still that when it is carried over to what is there now."""

from uuid import uuid4

import pytest

from tests.unit.application.estates import (
    DIRECT,
    flag,
    found,
    stocked,  # noqa: F401 -- a fixture is found by its name
)
from tests.unit.application.reverts import revert, succeeded
from tests.world import OFF, ON, World


class TestRebasedRevert:
    @pytest.mark.req("S14", "FR-CFG-008")
    async def test_still_takes_the_other_back(self, shop: World) -> None:
        change = await succeeded(shop, flag(), plan=DIRECT)
        done = await revert(shop, change)
        assert done.submitted is not None
        await shop.put({**ON, "metadata": {"by": "somebody else"}})
        rebased = await shop.changes.rebase(shop.root, done.submitted.change.id, uuid4())
        assert (rebased.reverts, rebased.supersedes) == (change, done.submitted.change.id)
        assert rebased.target.content == {**OFF, "metadata": {"by": "somebody else"}}
        assert (await shop.submission.submit(shop.root, rebased.id)).rollout.reverts == change

    async def test_over_tenants_gives_each_what_it_had(self, shop: World) -> None:
        for slug in ("one", "other"):
            await found(shop, slug)
        change = await succeeded(shop, flag(base=None), plan=DIRECT, tenants={"all": True})
        done = await revert(shop, change)
        assert done.submitted is not None
        rebased = await shop.changes.rebase(shop.root, done.submitted.change.id, uuid4())
        assert rebased.content.tenants == {"slugs": ["one", "other"], "as_before": str(change)}
