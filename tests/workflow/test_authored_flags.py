"""An authored flag is rolled out by what it serves to everybody else, and stands at either end as it was written."""

from typing import Any

import pytest

from application.ports.records import StoredFlag
from domain.rollouts import State, Verb
from tests.workflow.theatre import CLASSIC, PRODUCTION, Theatre

AUTHORED: dict[str, Any] = {
    "state": "ENABLED",
    "variants": CLASSIC["variants"],
    "authoring": {
        "owner": "shop", "off": "classic", "force": {"attribute": "tenant", "off": ["acme"]}, "serve": "classic",
    },
}  # fmt: skip
RAISED = {**AUTHORED, "authoring": {**AUTHORED["authoring"], "serve": "express"}}


@pytest.mark.req("FR-SM-011", "FR-SM-012", "FR-CFG-006")
async def test_its_stages_are_plain_and_both_ends_as_they_were_written(stage: Theatre) -> None:
    async with stage.store.transaction(stage.house.id) as tx:
        await tx.flags.put(StoredFlag(PRODUCTION, "till", 1, AUTHORED, "test", None, tx.now), expected=0)
    back = await stage.launch(10, 100, key="till", content=RAISED)
    exposed = await stage.served("till")
    split = exposed["targeting"]["or"][1]["fractional"]
    assert (exposed["defaultVariant"], split) == ("classic", [["express", 10_000], ["classic", 90_000]])
    assert (exposed["metadata"], "authoring" in exposed) == ({"owner": "shop", "off": "classic"}, False)
    await stage.act(stage.house.olu, back, Verb.ABORT)
    assert await stage.end(back) is State.ROLLED_BACK
    assert await stage.served("till") == AUTHORED
    up = await stage.submit("till", content=RAISED, base_version=3)
    await stage.skip(up, hours=3)
    assert await stage.end(up) is State.SUCCEEDED
    assert await stage.served("till") == RAISED
