"""A snapshot that follows another has every flag as it is stored now."""

from typing import Any

import pytest

from adapters.memory.cache import NoSnapshots
from application.evaluation import FlagSets
from domain.environments import Environment
from tests.hearing import Wire
from tests.world import World

DEV, WHY = Environment.DEV, "because of the test"


def flag(value: Any) -> dict[str, Any]:
    return {"state": "ENABLED", "variants": {"a": value}, "defaultVariant": "a"}


@pytest.mark.req("FR-SM-014")
async def test_a_value_that_is_only_equal_in_python_is_another(world: World) -> None:
    """Two changes that are read at once: 1 became true in one of them."""
    flags, sets = world.flags, FlagSets(world.store, Wire(), NoSnapshots(), lambda: 0.0)
    place = world.tenant.id, DEV
    await flags.create(world.ada, (DEV, "x"), flag(1), WHY)
    await flags.create(world.ada, (DEV, "y"), flag("p"), WHY)
    assert (await sets.get(*place)).evaluate("x", {}).value == 1
    await flags.update(world.ada, (DEV, "x"), flag(True), expected=1, reason=WHY)
    await flags.update(world.ada, (DEV, "y"), flag("q"), expected=1, reason=WHY)
    await sets.at_least(place, None)
    served = await sets.get(*place)
    assert served.evaluate("x", {}).value is True
    assert served.evaluate("y", {}).value == "q"
