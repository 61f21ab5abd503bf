"""JSON from outside: UTF-8 in which no object has two members of one name (I-JSON, RFC 7493)."""

import json
import re
from typing import Any, Final

import jiter

MOST_VALUES: Final = 250_000
"""How many values a body may have, at every depth: each takes up to a hundred bytes once it is parsed."""
BYTES_A_VALUE: Final = 100
_STRING_OR_MARK = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[,\[{]', re.DOTALL)
"""A string without an end goes to the end of the text, which is read once, not again from each quote in it."""
_SHOWN: Final = 100


def parse(text: bytes) -> Any:  # noqa: ANN401 - any JSON
    """The value that the text is. json.JSONDecodeError, which names a member that is there twice."""
    try:
        return jiter.from_json(text, cache_mode="keys", catch_duplicate_keys=True)
    except ValueError:
        return _parse_slowly(text)


def _parse_slowly(text: bytes) -> Any:  # noqa: ANN401 - any JSON
    """The value, or why it is none. Words with half a character are left to whoever knows the field's name."""
    try:
        return json.loads(text.decode("utf-8-sig"), object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise json.JSONDecodeError(error.msg, "", error.pos) from None
    except RecursionError:
        raise json.JSONDecodeError("it is nested too deeply", "", 0) from None
    except ValueError as error:
        raise json.JSONDecodeError(str(error), "", 0) from None


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    unique: dict[str, Any] = {}
    for name, value in members:
        if name in unique:
            raise json.JSONDecodeError(f"the member {name[:_SHOWN]!r} is there twice", "", 0)
        unique[name] = value
    return unique


def most_values(text: bytes) -> int:
    """An upper bound of how many values the text has: exact but for what strings contain, if that could matter.

    Every value but the first follows a comma or an opening bracket.
    """
    marks = 1 + text.count(b",") + text.count(b"[") + text.count(b"{")
    return marks if marks <= MOST_VALUES else _counted(text)


def _counted(text: bytes) -> int:
    """How many values the text has; one more than it may have, if it has more."""
    count = 1
    for match in _STRING_OR_MARK.finditer(text):
        count += match[0][:1] != b'"'
        if count > MOST_VALUES:
            break
    return count
