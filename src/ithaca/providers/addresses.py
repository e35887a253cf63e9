"""Which addresses may be called: never those that only attacks name, and private ones only where that is allowed.

Never: link-local ones, where clouds keep their machines' credentials (169.254.169.254 and its kin), multicast,
unspecified and reserved ones. An IPv4 address within an IPv6 one (mapped, compatible, translated, 6to4, Teredo, NAT64)
is judged as well, as the packets may end there. From the IANA's special-purpose address registries (RFC 6890).
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from ithaca.providers.target import Reach

Address: TypeAlias = IPv4Address | IPv6Address

#: Clouds' metadata that lies outside of the link-local networks: AWS (machines, pods), Google, Scaleway, ...
_METADATA_6 = ("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42")
#: ... Alibaba, Azure, Oracle.
_METADATA_4 = ("100.100.100.200", "168.63.129.16", "192.0.0.192")
_METADATA = frozenset(map(ip_address, _METADATA_6 + _METADATA_4))

_THIS_NETWORK = ip_network("0.0.0.0/8")  # Linux connects 0.0.0.0 to this machine

#: Networks whose last 32 bits are an IPv4 address: compatible (the past), translated (RFC 2765), and NAT64 (RFC 6052,
#: RFC 8215).
_WITHIN = tuple(map(IPv6Network, ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")))


def refusal(address: str, reach: Reach) -> str | None:
    """Why an address must not be called; None if it may be."""
    given = ip_address(address.partition("%")[0])
    return next(filter(None, (_refusal(each, reach) for each in (given, *_embedded(given)))), None)


def _embedded(address: Address) -> Iterator[Address]:
    """The IPv4 addresses in an IPv6 one."""
    if isinstance(address, IPv4Address) or address.is_loopback or address.is_unspecified:
        return
    yield from filter(None, (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())))
    if any(address in network for network in _WITHIN):
        yield IPv4Address(int(address) & 0xFFFF_FFFF)


def _refusal(address: Address, reach: Reach) -> str | None:
    if address.is_loopback:
        return None if reach == "private" else "it is this machine, where only shared endpoints may be"
    if address.is_unspecified or address in _THIS_NETWORK:
        return "it is no address of a machine"
    if address.is_link_local or address in _METADATA:
        return "it is a link-local or metadata address"
    if address.is_multicast or (address.version == 4 and address.is_reserved):
        return "it is a multicast or reserved address"
    if reach == "public" and not _is_public(address):
        return "it is an address of a private network, where only shared endpoints may be"
    return None


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return address.is_global
    # A mapped address is its IPv4 address, which is judged by itself.
    return address.ipv4_mapped is not None or (address.is_global and not address.is_site_local)
