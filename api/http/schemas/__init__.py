"""The models of requests and answers."""

from typing import Any

from pydantic import Field


def optional(description: str) -> Any:  # noqa: ANN401 - what pydantic's Field returns, so that it fits every member
    """A member that is left out of the answer where it is None."""
    return Field(default=None, exclude_if=lambda value: value is None, description=description)
