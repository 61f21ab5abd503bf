"""The base of values and events, and the marks on their fields."""

from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: immutable, and strict about members it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def members(self) -> dict[str, Any]:
        """The members by name, in the order of their definition."""
        return dict(vars(self))


M = TypeVar("M", bound=BaseModel)


def of_valid(model: type[M], values: dict[str, Any]) -> M:
    """A value of all its fields, in their order, which have been validated as parts of other values.

    To validate them once more costs a command more than the rest of its decision. It is what pydantic's
    `model_construct` does, without its search for aliases and defaults.
    """
    value = model.__new__(model)
    object.__setattr__(value, "__dict__", values)
    object.__setattr__(value, "__pydantic_fields_set__", set(values))
    object.__setattr__(value, "__pydantic_extra__", None)
    object.__setattr__(value, "__pydantic_private__", None)
    return value


def example(**members: Any) -> ConfigDict:  # noqa: ANN401 - any JSON
    """The configuration of a model whose JSON Schema shows an example with these members."""
    return ConfigDict(json_schema_extra={"examples": [members]})


PERSONAL: Final = object()
"""Marks a field that holds personal data: it is sealed before it is stored."""
T = TypeVar("T")
Personal = Annotated[T, PERSONAL]
