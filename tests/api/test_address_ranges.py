"""A range of addresses is written and shown as networks, and decides the same here and for a client of flagd."""

from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from domain.environments import Environment

pytestmark = pytest.mark.req("FR-SM-012")

WHY = {"reason": "because of the test"}
DEV = {"environment": "dev"}
BASE: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}}
OFFICE = {"ip_range": [{"var": "ip"}, "192.0.2.0/25", "2001:db8::/33"]}
SAID = {"attribute": "ip", "addresses": ["192.0.2.0/25", "2001:db8::/33"]}
FLAGS: dict[str, Any] = {
    "plain": {**BASE, "targeting": {"if": [OFFICE, "on", "off"]}},
    "authored": {**BASE, "authoring": {"rules": [{"when": SAID, "serve": "on"}], "serve": "off"}},
    "shared": {**BASE, "targeting": {"if": [{"$ref": "office"}, "on", "off"]}},
    "each": {
        **BASE,
        "targeting": {"if": [{"some": [{"var": "hops"}, {"ip_range": [{"var": ""}, "192.0.2.0/25"]}]}, "on", "off"]},
    },
}
GIVEN: list[tuple[dict[str, Any], bool]] = [
    ({"ip": "192.0.2.127", "hops": ["10.0.0.1", "192.0.2.1"]}, True),
    ({"ip": "192.0.2.128", "hops": ["10.0.0.1", "192.0.2.200"]}, False),
    ({"ip": "2001:db8:7fff::1", "hops": ["192.0.2.0"]}, True),
    ({"ip": "2001:db8:8000::", "hops": []}, False),
    ({"ip": 7, "hops": [None, 7]}, False),
    ({}, False),
]


async def test_it_decides_the_same_however_it_is_written_and_whoever_evaluates(
    ask: Any, world: Any, house: Any, eventually: Any
) -> None:
    wish = {"evaluators": {"office": OFFICE}, **WHY}
    assert (
        await ask("ada", "PUT", "/evaluators", params=DEV, json=wish, headers={"If-Match": '"v0"'})
    ).status_code == 200
    for key, definition in FLAGS.items():
        made = await ask("ada", "POST", "/flags", json={**DEV, "key": key, "definition": definition, **WHY})
        assert (made.status_code, made.json().get("definition")) == (201, definition)
    shelf = await world.services.flag_sets.shelf(house.id, Environment.DEV)
    await eventually(lambda: set(shelf.flags.keys) >= FLAGS.keys())
    core = FlagdCore()
    published = [(await ask("eve", "GET", f"/flags/{key}/published", params=DEV)).json() for key in FLAGS]
    assert "ip_range" not in str(published)
    shared = {name: rule for each in published for name, rule in each["evaluators"].items()}
    core.set_flags({"flags": {each["key"]: each["definition"] for each in published}, "$evaluators": shared})
    for context, expected in GIVEN:
        bulk = await ask("shop", "POST", "/ofrep/v1/evaluate/flags", json={"context": context},
                         headers={"Changegate-Environment": "dev"})  # fmt: skip
        assert {each["key"]: each["value"] for each in bulk.json()["flags"]} == dict.fromkeys(FLAGS, expected)
        for key in FLAGS:
            assert core.resolve_boolean_value(key, not expected, EvaluationContext(None, context)).value is expected


@pytest.mark.parametrize(
    ("definition", "path", "message"),
    [
        (
            {**BASE, "targeting": {"if": [{"ip_range": [{"var": "ip"}, "192.0.2.0/25", "192.0.2.7/25"]}, "on"]}},
            "/definition/targeting/if/0/ip_range/2", "has bits set behind its prefix; the network is 192.0.2.0/25",
        ),
        (
            {**BASE, "authoring": {"rules": [{"when": {**SAID, "addresses": ["::1", "::1%eth0"]}, "serve": "on"}]}},
            "/definition/authoring/rules/0/when/addresses/1",
            'expected a network, such as "10.0.0.0/8" or "2001:db8::/32", or one address',
        ),
    ],
)  # fmt: skip
async def test_what_is_no_network_is_refused_where_it_stands(
    ask: Any, definition: Any, path: str, message: str
) -> None:
    refused = await ask("ada", "POST", "/flags", json={**DEV, "key": "till", "definition": definition, **WHY})
    assert (refused.status_code, refused.json()["faults"]) == (422, [{"path": path, "message": message}])
    assert (await ask("eve", "GET", "/flags/till", params=DEV)).status_code == 404
