"""Prompt specs: typed where they say what they are, free objects otherwise."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter

from domain.json_documents import Document, JsonObject
from domain.model import Frozen
from domain.text import Text


class VideoPrompt(Frozen):
    """What a video should be; duration in seconds."""

    prompt_kind: Literal["video"]
    description: Annotated[Text, Field(min_length=1, max_length=10_000)]
    duration: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    aspect_ratio: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}:[1-9][0-9]{0,3}$")] | None = None
    quality: Literal["draft", "standard", "high"] | None = None


class AudioPrompt(Frozen):
    """What a piece of audio should be; duration in seconds, tempo in beats per minute."""

    prompt_kind: Literal["audio"]
    lyrics: Annotated[Text, Field(max_length=20_000)] | None = None
    style: Annotated[Text, Field(max_length=2_000)] | None = None
    duration: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    tempo: Annotated[float, Field(gt=0, lt=1_000, allow_inf_nan=False)] | None = None


_TYPED: dict[object, TypeAdapter[Any]] = {"video": TypeAdapter(VideoPrompt), "audio": TypeAdapter(AudioPrompt)}


def check_typed(prompt: JsonObject) -> JsonObject:
    """The prompt itself; pydantic's ValidationError if it says it is of a type and does not fit it."""
    kind = prompt.get("prompt_kind")
    if isinstance(kind, str) and kind in _TYPED:
        _TYPED[kind].validate_python(prompt, strict=True)
    return prompt


PromptSpec = Annotated[
    Document,
    AfterValidator(check_typed),
    Field(description="Any object. With `prompt_kind` video or audio it is checked as such a prompt."),
]
