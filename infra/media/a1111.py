"""The generation parameters AUTOMATIC1111's web interface writes, taken apart."""

import re
from itertools import islice

from pydantic import JsonValue

from domain.json_documents import JsonObject

MAX_SETTINGS = 64
_MAX_LINE = 16 * 1024
_NEGATIVE = "Negative prompt:"
_SETTING = re.compile(r'([A-Za-z][\w \-/]{0,40}):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_INTEGER = re.compile(r"-?\d{1,15}")
_DECIMAL = re.compile(r"-?\d{1,15}\.\d{1,15}")


def generation_of(text: str) -> JsonObject:
    """Prompt, negative prompt and settings, such as `cfg_scale`; empty if the text is not of this form.

    The last line holds the settings; numbers are numbers, all else is text.
    """
    body, _, last = text.strip().rpartition("\n")
    settings = _settings(last)
    if "steps" not in settings:
        return {}
    prompt, _, negative = body.partition(_NEGATIVE)
    texts: JsonObject = {"prompt": prompt.strip(), "negative_prompt": negative.strip()}
    return settings | {name: value for name, value in texts.items() if value}


def _settings(line: str) -> JsonObject:
    if len(line) > _MAX_LINE:
        return {}
    settings = islice(_SETTING.finditer(line), MAX_SETTINGS)
    return {re.sub(r"[ \-/]+", "_", match[1].strip().lower()): _value(match[2].strip()) for match in settings}


def _value(text: str) -> JsonValue:
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text
