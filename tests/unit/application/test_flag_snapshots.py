"""A snapshot that follows another has every flag as it is stored now."""

from typing import Any

import pytest

from adapters.memory.cache import NoSnapshots
from application.evaluation import FlagSets, Shelf
from application.ports.records import FlagSetRecord
from domain.environments import Environment
from domain.flags import snapshot
from domain.flags.resolution import compile_flag
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


def needing(key: str) -> dict[str, Any]:
    return {**flag(1), "targeting": {"if": [{"$flag": [key, "a"]}, "a"]}}


@pytest.mark.req("FP1")
@pytest.mark.parametrize(
    ("changed", "compiled"),
    [
        ({"x": {**flag(1), "targeting": {"if": [{"var": "y"}, "a", "b"]}}}, {"x", "y", "z"}),
        ({"x": {**flag(1), "metadata": {"owner": "shop"}}}, {"x"}),
        ({"other": flag(2)}, {"other"}),
        ({}, set()),
    ],
)
def test_a_change_of_one_flag_compiles_that_one_and_who_needs_it(
    changed: dict[str, Any], compiled: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = {"x": flag(1), "y": needing("x"), "z": needing("y"), "other": flag(1), "last": needing("other")}
    shelf = Shelf.of(FlagSetRecord(1, "v3", {}, {}, flags), lambda: 0.0)
    seen = set[str]()

    def counted(key: str, *rest: Any) -> Any:
        seen.add(key)
        return compile_flag(key, *rest)

    monkeypatch.setattr(snapshot, "compile_flag", counted)
    shelf.take(FlagSetRecord(2, "v3", {}, {}, {**flags, **changed}), lambda: 0.0)
    assert (seen, shelf.flags.revision) == (compiled, 2)
