"""An outbound address is public, or it is refused; what an operator names may be private, never link-local."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

from application.ports.egress import AddressRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Every address of a host name, as text; OSError when there is none."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


async def resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


def vetted(host: str, found: Sequence[str], *, loopback: bool, private: bool) -> tuple[Address, ...]:
    """`found` without duplicates; AddressRefused when there is none, or when a single one may not be called."""
    addresses = tuple(dict.fromkeys(ipaddress.ip_address(text) for text in found))
    if not addresses:
        raise AddressRefused(reason="no-address", host=host)
    for address in addresses:
        if not _may_be_called(inner(address), loopback=loopback, private=private):
            raise AddressRefused(reason="not-public", host=host)
    return addresses


def inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address only wraps (mapped, 6to4, Teredo, NAT64), else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _may_be_called(address: Address, *, loopback: bool, private: bool) -> bool:
    if address.is_multicast or address.is_unspecified or address.is_link_local:
        return False
    if address.is_loopback:
        return loopback or private
    if address.is_reserved or getattr(address, "is_site_local", False):
        return False
    return address.is_global or (private and address.is_private)


def is_spelled_oddly(host: str) -> bool:
    """True for a number that is not a plain IP address: `2130706433`, `0x7f.1`, `0177.0.0.1`, `127.1`."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2].lower()
        return last.isdigit() or last.startswith("0x")
    return False
