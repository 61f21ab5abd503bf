"""Loads SQL statements from `.sql` files: each starts at a line `-- name: what it is for` and ends at the next one."""

import re
from functools import cache
from pathlib import Path
from typing import Any, LiteralString

_HEADING = re.compile(r"^-- (?P<name>[a-z0-9_]+): .+$", re.MULTILINE)


def literal(text: Any) -> LiteralString:  # noqa: ANN401 - the type says what no checker can see
    """Text that ships with the code, typed as what it is as good as: a literal."""
    stripped: LiteralString = text.strip()
    return stripped


@cache
def load_statements(module_file: str, name: str) -> dict[str, LiteralString]:
    """The statements of the `.sql` file of this name beside the module."""
    text = (Path(module_file).parent / name).read_text()
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    return {heading["name"]: literal(text[heading.end() : end]) for heading, end in zip(headings, ends, strict=True)}
