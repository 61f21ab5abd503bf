"""How the reference shows schemas, types and tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from api.http.request_body import MAX_BODY
from domain.reference import ReferenceAliases

Schema = Mapping[str, Any]


def objects(names: Iterable[str], schemas: Mapping[str, Schema]) -> Iterator[str]:
    for name in names:
        schema = schemas[name]
        yield f"### {name}"
        if text := line(schema.get("description")):
            yield text
        fields = schema.get("properties", {})
        rows = [
            (f"`{member}`", type_(field), line(field.get("description")))
            for member, field in fields.items()
            if member not in ReferenceAliases.model_fields
        ]
        if len(rows) < len(fields):
            rows.append(("the short names of references", "string or null", "See [Reference kinds](#reference-kinds)."))
        if rows:
            yield table(("member", "type", "meaning"), rows)


def type_(schema: Schema) -> str:
    """A JSON schema in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "JSON" if name == "JsonValue" else f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(map(type_, schema[several])))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return f"list of {type_(schema['items'])}{limits(schema, 'Items', '')}"
    if kind == "string":
        named = {"uuid": "UUID", "date-time": "time", "date": "date", "path": "path", "binary": "bytes"}.get(
            schema.get("format", ""), "string"
        )
        return named + limits(schema, "Length", " characters")
    if kind in {"integer", "number"}:
        return str(kind) + limits(schema, "imum", "")
    return {"null": "null", "boolean": "`true` or `false`", "object": "JSON object"}.get(str(kind), "JSON")


def limits(schema: Schema, what: str, unit: str) -> str:
    low, high = schema.get(f"min{what}"), schema.get(f"max{what}")
    if low is None and "exclusiveMinimum" in schema:
        return ", above 0"
    if low is None:
        return "" if high is None else f", at most {high:,}{unit}"
    if high is None or high > MAX_BODY:
        return f", at least {low:g}{unit}"
    return f", {low:g} to {high:,}{unit}"


def line(text: str | None) -> str:
    """The text on one line."""
    return " ".join((text or "").split())


def unwrapped(text: str) -> str:
    """The paragraphs of a text, each on one line."""
    return "\n\n".join(line(paragraph) for paragraph in text.split("\n\n"))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def page(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"
