"""Which addresses are on the public internet."""

from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final

_UNICAST_V6: Final = ip_network("2000::/3")
_NAT64: Final = ip_network("64:ff9b::/96")
# Global to `is_global`, but without web servers: multicast, tunnels, protocols, a cloud's metadata service.
_SPECIAL: Final = [
    ip_network(network)
    for network in "192.0.0.0/24 192.88.99.0/24 224.0.0.0/4 168.63.129.16/32 2001::/23 2002::/16 3fff::/20".split()
]

Address = IPv4Address | IPv6Address


def is_public(address: Address) -> bool:
    """Whether the address is routed all over the internet. One that stands for an IPv4 address is judged by that."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped or address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        if address not in _UNICAST_V6:
            return False
    return address.is_global and not any(address in network for network in _SPECIAL)
