"""What facts add to sums: counts, durations and costs, with the dimensions that they have."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from operator import neg, sub
from typing import Final, NamedTuple

_EXACT: Final = Context(prec=100)


References = tuple[tuple[str, ...], ...]


class Part(NamedTuple):
    """What a fact adds to the sums of its dimensions."""

    day: str
    media_kind: str
    creator: str
    references: References
    """The ids of each kind that is a dimension, in order."""
    counts: tuple[int, ...]
    durations: bytes | None
    costs: dict[str, str] | None

    @property
    def dimensions(self) -> tuple[object, ...]:
        """What decides which sums have the part."""
        return self[:4]


def differences(before: Part | None, after: Part) -> list[Part]:
    """What is to be added to the sums that have one part so that they have another one."""
    if before is None:
        return [after]
    if before.dimensions == after.dimensions:
        return [after._replace(counts=tuple(map(sub, after.counts, before.counts)))]
    return [before._replace(counts=tuple(map(neg, before.counts))), after]


def merged_costs(before: dict[str, str] | None, added: dict[str, str] | None) -> dict[str, str] | None:
    """The sums of exact amounts by currency."""
    if not (before and added):
        return before or added
    return {currency: written(amount) for currency, amount in sorted(sums_by_currency((before, added)).items())}


def sums_by_currency(costs: Iterable[Mapping[str, str]]) -> dict[str, Decimal]:
    """The exact sum of amounts in each currency."""
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    for each in costs:
        for currency, amount in each.items():
            amounts[currency].append(Decimal(amount))
    return {currency: exact_sum(each) for currency, each in amounts.items()}


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of amounts, without rounding."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def written(amount: Decimal) -> str:
    """The amount without an exponent and without trailing zeros."""
    return f"{_EXACT.normalize(amount):f}" if amount else "0"
