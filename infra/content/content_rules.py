"""What content this service takes, and which addresses it may fetch it from."""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

from domain.asset.events import Content
from domain.errors import ContentTooLargeError, ContentTypeRefusedError

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


@dataclass(frozen=True)
class ContentRules:
    """What content this service takes, and for how long URLs and uploads are good."""

    most: int
    """Bytes of one content."""
    types: tuple[str, ...]
    """Beginnings of the media types that are taken; every one if there are none."""
    url_time: timedelta
    upload_time: timedelta
    idle_time: timedelta
    """How long a body may pause that is being taken."""
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """What may be fetched from besides the public internet."""

    def may_fetch_from(self, address: Address) -> bool:
        """Whether what is at an address may be fetched because a caller names its URL."""
        return is_public(address) or any(address in network for network in self.networks)

    def check(self, announced: Content) -> None:
        """ContentTooLargeError, ContentTypeRefusedError."""
        if announced.size is not None:
            self.check_size(announced.size)
        kind = (announced.content_type or "").lower()
        if kind and self.types and not kind.startswith(self.types):
            raise ContentTypeRefusedError(f"Content of the type {kind} is not taken; {', '.join(self.types)} is.")

    def check_size(self, size: int) -> None:
        """ContentTooLargeError if there are more bytes than this service takes."""
        if size > self.most:
            raise ContentTooLargeError(f"Content may have at most {self.most:,} bytes.")
