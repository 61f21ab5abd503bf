"""Strings from outside: what can be stored, and how they are compared in a search."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints


def storable(text: str) -> str:
    """The text itself; ValueError for what neither UTF-8 nor PostgreSQL can hold."""
    if "\x00" in text:
        raise ValueError("must not contain the character U+0000")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must not contain lone surrogates") from None
    return text


Text = Annotated[str, AfterValidator(storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]
MOST_ID_CHARACTERS = 512
OutsideId = Annotated[Text, StringConstraints(min_length=1, max_length=MOST_ID_CHARACTERS)]


def searchable(text: str) -> str:
    """The text as search compares it: compatibility-normalised and case-folded (Unicode, section 3.13)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
