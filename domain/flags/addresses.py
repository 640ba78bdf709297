"""A range of addresses is written as networks, and published as a rule of operators that every evaluator of flagd has.

`{"ip_range": [<value>, "10.0.0.0/8", "2001:db8::/32", ...]}` is true for the canonical text of an address in one of
the networks: a dotted quad, RFC 5952 for IPv6, and either spelling of an IPv4-mapped address. What is written
otherwise, and what is no address, is in no network; an IPv4 network holds no IPv6 address, mapped or not.
"""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Final

from domain.flags.address_texts import (
    CURRENT,
    hextets,
    is_hexadecimal,
    is_octets,
    is_text,
    let,
    octets,
    part,
    starts,
)
from domain.json_value import Json

IP_RANGE: Final = "ip_range"
MOST_NETWORKS: Final = 200
_MOST_BEGINNINGS: Final = 8
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_MAPPED_TEXT: Final = "::ffff:"
_QUAD, _MAPPED_QUAD = "1", "2"
_NETWORK: Final = re.compile(r"[0-9A-Fa-f:.]+(/(0|[1-9][0-9]{0,2}))?")
_EXPECTED: Final = 'expected a network, such as "10.0.0.0/8" or "2001:db8::/32", or one address'

_Span = tuple[int, int]


def range_faults(operands: Json) -> Iterator[tuple[int | None, str]]:
    """What is wrong, and with which operand; None stands for them all."""
    if not isinstance(operands, list) or len(operands) < 2:  # noqa: PLR2004  the value and a network
        yield None, "expected a value and at least one network"
    elif len(operands) - 1 > MOST_NETWORKS:
        yield None, f"expected at most {MOST_NETWORKS} networks"
    else:
        for place, written in enumerate(operands[1:], start=1):
            message = _network_fault(written)
            if message is not None:
                yield place, message


def _network_fault(written: Json) -> str | None:
    if not isinstance(written, str) or not _NETWORK.fullmatch(written):
        return _EXPECTED
    try:
        network = ip_network(written, strict=False)
    except ValueError:
        return _EXPECTED
    address = written.partition("/")[0]
    if ip_network(address).network_address == network.network_address:
        return None
    return f"has bits set behind its prefix; the network is {network}"


def lowered(operands: Sequence[Json]) -> Json:
    """The rule for checked operands: the value, which stands in it once, and networks as text."""
    value, *written = operands
    networks = [ip_network(each) for each in written]
    four = list(collapse_addresses(each for each in networks if isinstance(each, IPv4Network)))
    six = list(collapse_addresses(each for each in networks if isinstance(each, IPv6Network)))
    mapped = [each for each in map(_mapped, six) if each is not None]
    is_dotted = {"in": [".", CURRENT]}
    found = {"if": [is_dotted, _in_dotted(four, mapped), _in_colons(six)]}
    return let(value, {"if": [is_text(CURRENT), found, False]})


def _mapped(network: IPv6Network) -> IPv4Network | None:
    """The IPv4 addresses that lie in it mapped."""
    if network.supernet_of(_MAPPED):
        return IPv4Network("0.0.0.0/0")
    if not network.subnet_of(_MAPPED):
        return None
    address = IPv4Address(int(network.network_address) & 0xFFFF_FFFF)
    return IPv4Network((address, network.prefixlen - _MAPPED.prefixlen))


def _in_dotted(four: Sequence[IPv4Network], mapped: Sequence[IPv4Network]) -> Json:
    """The digits of the octets, behind one for the kind of address, are numbers in the order of the addresses."""
    if not four and not mapped:
        return False
    spans = sorted([_span(_QUAD, each) for each in four] + [_span(_MAPPED_QUAD, each) for each in mapped])
    beginnings = [_beginning(each) for each in four]
    digits: Json = {"cat": [_QUAD, octets(CURRENT)]}
    if mapped:
        beginnings.append(_MAPPED_TEXT)
        is_mapped = starts(CURRENT, _MAPPED_TEXT)
        quad = {"if": [is_mapped, part(CURRENT, len(_MAPPED_TEXT)), CURRENT]}
        digits = {"cat": [{"if": [is_mapped, _MAPPED_QUAD, _QUAD]}, octets(quad)]}
    exact = {"and": [is_octets(CURRENT, 1), let({"+": [CURRENT]}, _among(spans))]}
    return _begun(beginnings, let(digits, exact))


def _span(kind: str, network: IPv4Network) -> _Span:
    first, last = (
        int(kind + "".join(f"{octet:03}" for octet in address.packed))
        for address in (network.network_address, network.broadcast_address)
    )
    return first, last


def _among(spans: Sequence[_Span]) -> Json:
    """Whether the current number lies in one of the spans, which are in order and apart."""
    if len(spans) == 1:
        first, last = spans[0]
        return {"<=": [first, CURRENT, last]}
    middle = len(spans) // 2
    return {"if": [{"<": [CURRENT, spans[middle][0]]}, _among(spans[:middle]), _among(spans[middle:])]}


def _in_colons(six: Sequence[IPv6Network]) -> Json:
    """A network is those first digits, or at most eight of them where its prefix ends within the last."""
    if not six:
        return False
    prefixes: dict[int, list[Json]] = {}
    for network in six:
        length = -(-network.prefixlen // 4)
        first = int(network.network_address) >> (128 - 4 * length)
        prefixes.setdefault(length, []).extend(
            f"{first + each:0{length}x}" for each in range(1 << (4 * length - network.prefixlen))
        )
    listed = [{"in": [part(CURRENT, 0, length), each]} for length, each in sorted(prefixes.items()) if length]
    within = [{"or": listed}] if listed else []
    exact = let(hextets(CURRENT), {"and": [*within, is_hexadecimal(CURRENT)]})
    return {"and": [{"in": [":", CURRENT]}, _begun([_beginning(each) for each in six], exact)]}


def _begun(beginnings: Sequence[str], exact: Json) -> Json:
    """Most addresses are in none of the networks, and are seen not to be by how they begin."""
    distinct = sorted(set(beginnings))
    if "" in distinct or len(distinct) > _MOST_BEGINNINGS:
        return exact
    return {"and": [{"or": [starts(CURRENT, each) for each in distinct]}, exact]}


def _beginning(network: IPv4Network | IPv6Network) -> str:
    """What the text of every address in the network begins with."""
    if isinstance(network, IPv4Network):
        fields = [str(octet) for octet in network.network_address.packed]
        whole = network.prefixlen // 8
        return ".".join(fields[:whole]) + "." * (0 < whole < len(fields))
    digits = network.network_address.exploded.replace(":", "")[: network.prefixlen // 4]
    text = ""
    for start in range(0, len(digits), 4):
        field = digits[start : start + 4]
        if len(field) < 4:  # noqa: PLR2004  a part of a field is seen only where no zeros are left out before it
            return text + ("" if field.startswith("0") else field)
        if int(field, 16) == 0:  # the zeros from here on may be left out
            return text
        text += f"{int(field, 16):x}:"
    return text.removesuffix(":") if len(digits) == 32 else text  # noqa: PLR2004  a whole address
