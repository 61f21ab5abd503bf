"""Which form of an answer a caller prefers (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence


def preferred(accept: str | None, offered: Sequence[str]) -> str:
    """The media type offered that the header ranks highest: the first one of equals, and where nothing fits.

    Parameters but `q` are left out of account, and what cannot be read counts for nothing.
    """
    qualities = dict(map(_quality, (accept or "*/*").split(",")))

    def rank(media_type: str) -> float:
        ranges = media_type, f"{media_type.partition('/')[0]}/*", "*/*"
        return next((qualities[name] for name in ranges if name in qualities), 0.0)

    return max(offered, key=rank)


def _quality(media_range: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in media_range.split(";"))
    values = dict(parameter.partition("=")[::2] for parameter in parameters)
    try:
        return name, min(max(float(values.get("q", "1")), 0.0), 1.0)
    except ValueError:
        return name, 0.0
