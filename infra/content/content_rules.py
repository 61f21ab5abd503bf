"""What content this service takes."""

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network

from domain.asset.events import Content
from domain.errors import ContentTooLargeError, ContentTypeRefusedError
from infra.content.addresses import Address, is_public


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
