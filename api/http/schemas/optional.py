"""Conditions for leaving a member out of an answer."""


def is_none(value: object) -> bool:
    return value is None


def is_false(value: object) -> bool:
    return value is False
