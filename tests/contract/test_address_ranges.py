"""What a range of addresses is published as holds the addresses that Python's own networks hold, in every evaluator."""

import json
import logging
import subprocess
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openfeature.contrib.tools.flagd.core.targeting import targeting
from openfeature.evaluation_context import EvaluationContext

from domain.flags import Bucketing
from domain.flags.addresses import lowered
from domain.flags.jsonlogic import compile_rule
from domain.flags.resolution import _prepared

pytestmark = pytest.mark.req("FR-SM-012")

WHERE = {"var": "where"}
Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
MAPPED = IPv6Network("::ffff:0:0/96")
HEXTETS = (0, 0, 0, 1, 0xA, 0xFF, 0x2001, 0xDB8, 0xFFFF)
"""Mostly zeros, so that `::` hides runs of every length at every place."""


@pytest.fixture(scope="module", autouse=True)
def _no_log() -> Iterator[None]:
    """The reference logs every wrong argument."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def random_address(draw: Random) -> Address:
    if draw.random() < 0.4:
        return IPv4Address(draw.getrandbits(32))
    if draw.random() < 0.2:
        return MAPPED[draw.getrandbits(32)]
    if draw.random() < 0.2:
        return IPv6Address(draw.getrandbits(128))
    return IPv6Address(sum(draw.choice(HEXTETS) << (16 * place) for place in range(8)))


def random_network(draw: Random) -> Network:
    address = random_address(draw)
    return ip_network((address, draw.randint(0, address.max_prefixlen)), strict=False)


def near(network: Network, draw: Random) -> Iterator[Address]:
    """At the edges, beside them, and anywhere within."""
    first, last = int(network[0]), int(network[-1])
    for number in {first, first + 1, first - 1, last, last - 1, last + 1, draw.randint(first, last)}:
        if 0 <= number < 1 << network.max_prefixlen:
            yield type(network[0])(number)


def texts(address: Address, draw: Random) -> Iterator[str]:
    """Every canonical text, and for IPv6 also one without `::`."""
    yield str(address)
    if isinstance(address, IPv6Address):
        if address in MAPPED:
            yield f"::ffff:{IPv4Address(int(address) & 0xFFFF_FFFF)}"
        if draw.random() < 0.2:
            yield ":".join(f"{int(field, 16):x}" for field in address.exploded.split(":"))


def cases(draw: Random) -> tuple[list[Network], list[tuple[Any, bool]]]:
    """Networks, and texts with whether their addresses lie in one of them."""
    networks = [random_network(draw) for _ in range(draw.choice([1, 1, 1, 2, 3, 12]))]
    addresses = [address for each in networks[:3] for address in near(each, draw)]
    addresses += [random_address(draw) for _ in range(4)]
    return networks, [
        (text, any(address in network for network in networks))
        for address in addresses
        for text in texts(address, draw)
    ]


def rule_of(networks: Sequence[Network]) -> Any:
    return lowered([WHERE, *map(str, networks)])


def ours(rule: Any) -> Any:
    run, notes = compile_rule(rule, flag_key="f", bucketing=Bucketing.V3, evaluators={})
    evaluate = _prepared(run, notes, "f", lambda: 0.0)
    return lambda where: evaluate({"where": where})


def reference(rule: Any, where: Any) -> Any:
    return targeting("f", rule, EvaluationContext("u", {"where": where}))


class TestAgainstPythonsNetworks:
    def test_the_same_addresses_are_in_range(self) -> None:
        draw, told = Random(1), {True: 0, False: 0}
        while min(told.values()) < 3_000:
            networks, pairs = cases(draw)
            holds = ours(rule_of(networks))
            for text, expected in pairs:
                assert holds(text) is expected, (networks, text)
                told[expected] += 1

    @pytest.mark.parametrize("family", ["10.203.77.129", "2001:db8:0:0:5::9a", "::", "::ffff:10.20.30.40"])
    def test_for_every_length_of_a_prefix(self, family: str) -> None:
        draw, address = Random(2), ip_address(family)
        for length in range(address.max_prefixlen + 1):
            network = ip_network((address, length), strict=False)
            holds = ours(rule_of([network]))
            for each in near(network, draw):
                for text in texts(each, draw):
                    assert holds(text) is (each in network), (network, text)

    def test_two_hundred_networks_are_looked_through(self) -> None:
        draw = Random(3)
        networks = [random_network(draw) for _ in range(200)]
        networks = [each for each in networks if each.prefixlen > 12]
        holds = ours(rule_of(networks))
        for network in networks:
            for address in near(network, draw):
                assert holds(str(address)) is any(address in each for each in networks), address


ALL = ours(rule_of([ip_network("0.0.0.0/0"), ip_network("::/0")]))
SEVERAL = ours(lowered([WHERE, "0.0.0.0/1", "128.0.0.0/1", "2000::/3", "::/3", "fe80::/10"]))
NO_ADDRESSES: tuple[Any, ...] = (
    *(None, True, 10, 10.5, [], {}, ["10.0.0.1"], [["10.0.0.1"]], {"a": "10.0.0.1"}, "", " ", ".", ":", "::::", "-"),
    *("10", "10.0.0", "10.0.0.1.2", "10.0.0.256", "10.0.0.1000", "010.0.0.1", "10.00.0.1", "10.0.0.", ".10.0.0"),
    *("10..0.1", "10.0.0.1 ", " 10.0.0.1", "10.0.0.1\n", "1e1.0.0.1", "1_0.0.0.1", "-1.0.0.1", "+1.0.0.1", "٣.0.0.1"),
    *("0x1.0.0.1", "10.0.0.1/32", "10,0,0,1", "0,0.0.0.1", "10.0.0.-", "2001:db8", "2001:db8::1::2", "2001:db8:::1"),
    *("2001:db8::1:2:3:4:5:6:7", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4::5:6:7:8", ":1:2:3:4:5:6:7:8", ":1"),
    *(
        "1:2:3:4:5:6:7:8:",
        "1:2:3:4:5:6:7:",
        "1:",
        "::g",
        "2001:gabc::1",
        "2001:db8::12345",
        "2001:0db8::1",
        "2001:DB8::1",
    ),
    *(
        "2001:db8::%eth0",
        "fe80::1%1",
        "2001:db8::1/128",
        "[2001:db8::1]",
        "::ffff:10.0.0.256",
        "::ffff:10.0.0",
        "2001.db8::",
    ),
    *(
        "::ffff:010.0.0.1",
        "::ffff:",
        "::ffff:10.0.0.1:",
        "::ffff:0:10.0.0.1",
        "1213:1415",
        "2001:db8:1213:",
        "x" * 5_000,
    ),
)


class TestWhatIsNoAddress:
    @pytest.mark.parametrize("value", NO_ADDRESSES, ids=repr)
    def test_it_is_in_no_network(self, value: Any) -> None:
        assert ALL(value) is False
        assert SEVERAL(value) is False

    @settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(text=st.text(alphabet="0129af:.g-", max_size=20) | st.text(max_size=10))
    def test_only_texts_of_addresses_are_in_a_network(self, text: str) -> None:
        try:
            address = ip_address(text)
        except ValueError:
            assert ALL(text) is False
        else:
            assert ALL(text) is True or str(address) != text

    @settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(number=st.integers(0, 2**128 - 1), data=st.data())
    def test_nor_is_an_address_with_something_changed(self, number: int, data: st.DataObject) -> None:
        text = str(IPv6Address(number))
        place = data.draw(st.integers(0, len(text)))
        text = text[:place] + data.draw(st.sampled_from("0f:.g")) + text[place + data.draw(st.integers(0, 1)) :]
        try:
            address = ip_address(text)
        except ValueError:
            assert ALL(text) is False
        else:
            assert ALL(text) is True or str(address) != text


def test_the_reference_for_python_gives_the_same() -> None:
    draw, count = Random(4), 0
    while count < 1_200:
        networks, pairs = cases(draw)
        rule = rule_of(networks)
        for text, expected in pairs:
            assert reference(rule, text) is expected, (networks, text)
            count += 1
    rule = rule_of([ip_network("0.0.0.0/0"), ip_network("::/0")])
    assert [each for each in NO_ADDRESSES if reference(rule, each) is not False] == []


def test_the_reference_for_javascript_gives_the_same(node_home: Path) -> None:
    draw = Random(5)
    made = [cases(draw) for _ in range(150)]
    made.append(([ip_network("0.0.0.0/0"), ip_network("::/0")], [(each, False) for each in NO_ADDRESSES]))
    variants = {"state": "ENABLED", "variants": {"true": True, "false": False}}
    flags = {f"f{place}": {**variants, "targeting": rule_of(each)} for place, (each, _) in enumerate(made)}
    contexts = [{"where": where} for _, pairs in made for where, _ in pairs]
    keys = [f"f{place}" for place, (_, pairs) in enumerate(made) for _ in pairs]
    asked = [(key, "boolean", place) for place, key in enumerate(keys)]
    line = json.dumps({"document": {"flags": flags}, "contexts": contexts, "asked": asked})
    command = ["node", "differ.mjs", "1780000000"]
    done = subprocess.run(
        command, cwd=node_home, input=f"{line}\n", capture_output=True, text=True, timeout=60, check=True
    )
    told = [each and each[1] for each in json.loads(done.stdout)]
    expected = [holds for _, pairs in made for _, holds in pairs]
    assert len(told) > 1_000
    wrong = [
        (keys[place], contexts[place], told[place]) for place in range(len(told)) if told[place] is not expected[place]
    ]
    assert wrong == []
