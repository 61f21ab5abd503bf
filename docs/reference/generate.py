"""Writes the reference pages beside this file from the code itself: `python docs/reference/generate.py`."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import typer
from shapes import Schema, line, objects, page, table, type_, unwrapped
from texts import CONVENTIONS, ENVELOPE, EVENTS, GENERATED, KINDS, OUTCOMES, SETTINGS, VERSIONS

import domain.asset.events
import domain.job.events
import domain.tenant.events  # noqa: F401 - all of them define topics
from api.cli.main import app as command_line
from api.composition import Services
from api.http import conditions, middleware
from api.http.app import BODY_LIMITS, create_app
from api.http.batch_bodies import MOST_ITEMS, NDJSON
from api.http.problems import BASES, STATUS, status_of
from api.http.request_body import MAX_BODY
from domain.errors import LedgerError
from domain.event import Envelope, Event, event_types, personal_fields
from domain.large_documents import MOST, MOST_IN_EVENT
from domain.reference import ALIASES, ORIGIN_KINDS, ReferenceAliases
from domain.strict_json import MOST_VALUES
from infra.event_log.mapper import MAX_ENTRY
from infra.settings import Settings

GOLDEN = Path(__file__).parents[2] / "tests" / "golden" / "events"


def pages() -> dict[str, str]:
    """The text of every reference page by file name."""
    writers: dict[str, Callable[[], str]] = {
        "events.md": events,
        "settings.md": settings,
        "http.md": http,
        "openapi.json": openapi,
        "cli.md": cli,
    }
    return {name: write() for name, write in writers.items()}


def events() -> str:
    """The events page: every topic with its fields, which are sealed, and an example."""
    schema = Event.model_json_schema(mode="validation")["$defs"]["Envelope"]
    rows = [
        (f"`{name}`", type_(schema["properties"][name]), "sealed" if name == "reason" else "", ENVELOPE[name])
        for name in Envelope.model_fields
    ]
    values: dict[str, Schema] = {}
    sections = [
        text for topic, event_class in sorted(event_types().items()) for text in _event(topic, event_class, values)
    ]
    values.pop("Envelope")
    parts = [f"# Events\n\n{GENERATED}", EVENTS.format(max_entry=MAX_ENTRY)]
    parts += ["## Every event", table(("member", "type", "", "meaning"), rows)]
    parts.append(VERSIONS.format(version=Event.class_version))
    return page([*parts, *sections, "## Values", *objects(sorted(values), values)])


def _event(topic: str, event_class: type[Event], values: dict[str, Schema]) -> Iterator[str]:
    schema = event_class.model_json_schema(mode="validation")
    values |= schema["$defs"]
    sealed = personal_fields(event_class)
    rows = [
        (f"`{name}`", type_(field), "sealed" if name in sealed else "")
        for name, field in schema["properties"].items()
        if name != "envelope"
    ]
    yield f"## `{topic}`"
    own = event_class.class_version
    version = "" if own == Event.class_version else f" Its schema version is {own}."
    yield line(event_class.__doc__) + version
    yield table(("field", "type", ""), rows) if rows else "It has no fields of its own."
    yield _example(GOLDEN / f"{topic}.v{event_class.class_version}.json")


def _example(path: Path) -> str:
    golden = json.loads(path.read_text())
    clear, personal = golden["clear"], golden["personal"]
    text = json.dumps(clear | ({"sealed": "A256GCM.…"} if personal else {}), indent=2, ensure_ascii=False)
    block = f"```json\n{text}\n```"
    return block + (f"\n\nSealed: `{json.dumps(personal, ensure_ascii=False)}`" if personal else "")


def settings() -> str:
    """The settings page: every environment variable with its type, default and meaning."""
    schema = Settings.model_json_schema()["properties"]
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{str(field.default).lower()}`"
        if name == "data":
            default = "`/var/lib/asset-ledger` for root, else `~/.local/share/asset-ledger`"
        rows.append((f"`ASSET_LEDGER_{name.upper()}`", type_(schema[name]), default, line(field.description)))
    return page([f"# Settings\n\n{GENERATED}", SETTINGS, table(("variable", "type", "default", "meaning"), rows)])


def described() -> dict[str, Any]:
    """The OpenAPI document of the app."""

    def never() -> AbstractContextManager[Services]:
        raise AssertionError("describing the API opens nothing")

    return create_app(never).openapi()


def openapi() -> str:
    """The OpenAPI document as a file."""
    return json.dumps(described(), indent=2, ensure_ascii=False) + "\n"


def http() -> str:
    """The HTTP page: conventions, errors, every route, every object."""
    document = described()
    larger = "\n".join(f"- `{path}`: {limit:,} bytes" for path, limit in sorted(BODY_LIMITS.items()))
    conventions = CONVENTIONS.format(
        wait=conditions.WAIT_SECONDS,
        body=MAX_BODY,
        values=MOST_VALUES,
        headers=middleware.MOST_HEADERS,
        items=MOST_ITEMS,
        larger=larger,
        document=MOST,
        documents=MOST_IN_EVENT,
    )
    routes = [(method, path, route) for path, ways in document["paths"].items() for method, route in ways.items()]
    index = [(f"`{method.upper()} {path}`", line(route["description"])) for method, path, route in routes]
    sections = [text for method, path, route in routes for text in _route(method, path, route)]
    schemas = document["components"]["schemas"]
    names = sorted(name for name in schemas if name != "JsonValue")
    parts = [f"# HTTP API\n\n{GENERATED}", conventions, _problems(), KINDS, _kinds()]
    parts += ["## Routes", table(("route", "what it does"), index), *sections]
    return page([*parts, "## Objects", *objects(names, schemas)])


def _kinds() -> str:
    rows = [(f"`{name}`", f"`{kind}`", "origin" if kind in ORIGIN_KINDS else "link") for name, kind in ALIASES]
    return table(("short name", "kind", "role when given at creation"), rows)


def _problems() -> str:
    rows = [
        (status_of(kind).value, f"`urn:asset-ledger:problem:{_problem(kind)}`", line(kind.__doc__))
        for kind in _kinds_of(LedgerError)
        if kind not in BASES and not STATUS.keys().isdisjoint(kind.__mro__)
    ]
    rows += [
        (404, "`urn:asset-ledger:problem:not-found`", "There is no such route."),
        (405, "`urn:asset-ledger:problem:method-not-allowed`", "The route does not have this method."),
        (413, "`urn:asset-ledger:problem:body-too-large`", "The body is larger than the route accepts."),
        (422, "`urn:asset-ledger:problem:invalid-request`", "A field is invalid. `errors` names each, with a message."),
        (431, "`urn:asset-ledger:problem:header-too-large`", "The header has more than 100 fields or 48 KiB."),
        (500, "`urn:asset-ledger:problem:internal-error`", "An error of the service. Its log has the request id."),
    ]
    rows.sort()
    return table(("status", "type", "meaning"), rows) + f"\n\n429 and 503 come with `Retry-After`.\n\n{OUTCOMES}"


def _kinds_of(error: type[LedgerError]) -> Iterator[type[LedgerError]]:
    for kind in error.__subclasses__():
        yield kind
        yield from _kinds_of(kind)


def _problem(kind: type[Exception]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__.removesuffix("Error")).lower()


def _route(method: str, path: str, route: Schema) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`"
    yield route["description"]
    rows: list[tuple[str, str, str]] = []
    short = False
    for parameter in route.get("parameters", ()):
        name, schema = f"`{parameter['name']}`", parameter["schema"]
        if parameter["name"] in ReferenceAliases.model_fields and parameter["in"] == "query":
            short = True
        elif parameter["name"] not in {"X-Actor", "X-Causation-ID"}:
            rows.append((f"{name} ({parameter['in']})", type_(schema), line(parameter.get("description"))))
    if short:
        meaning = "Items with this reference; repeat it for several. See [Reference kinds](#reference-kinds)."
        rows.append(("the short names of references (query)", "list of string", meaning))
    if rows:
        yield table(("parameter", "type", "meaning"), rows)
    if "requestBody" in route:
        body = route["requestBody"]
        optional = "" if body.get("required") else " It may be left out."
        lines = " Or NDJSON, an item on each line." if NDJSON in body["content"] else ""
        yield f"Body: {_body(body['content'])}.{optional}{lines}"
    yield table(("answer", "when"), [_answer(code, answer) for code, answer in sorted(route["responses"].items())])


def _body(content: Schema) -> str:
    if "application/json" in content:
        return type_(content["application/json"]["schema"])
    if "multipart/form-data" in content:
        return f"{type_(content['multipart/form-data']['schema'])}, as a form (`multipart/form-data`)"
    return "the bytes"


def _answer(code: str, answer: Schema) -> tuple[str, str]:
    status = f"{code} {HTTPStatus(int(code)).phrase}"
    content = answer.get("content", {})
    if "application/json" in content:
        description = answer["description"].removeprefix("Successful Response")
        return status, type_(content["application/json"]["schema"]) + (f". {description}" if description else "")
    shown = [f"`{kind}`: {type_(media['schema'])}" for kind, media in content.items() if int(code) < 400]
    return status, "No body." if code == "204" else "; or ".join(shown) or answer["description"]


def cli() -> str:
    """The command line page: every command with its arguments and options."""
    group = typer.main.get_command(command_line)
    parts = [f"# Command line\n\n{GENERATED}", str(group.help), str(group.epilog)]
    parts.append(
        "An expected error prints one line and exits with 1: nothing of the command was recorded. Wrong usage exits "
        "with 2. Exit status 3 means that the connection was lost during a commit and the outcome is unknown: the line "
        "says where to look, or how to undo the command."
    )
    return page([*parts, *_commands(group, "asset-ledger")])


def _commands(group: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - typer's own click has no public types
    for name, command in group.commands.items():
        yield f"## `{path} {name}`"
        yield unwrapped(command.help)
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
            continue
        rows = [_parameter(parameter) for parameter in command.params if parameter.name != "help"]
        if rows:
            yield table(("parameter", "default", "meaning"), rows)


def _parameter(parameter: Any) -> tuple[str, str, str]:  # noqa: ANN401 - typer's own click has no public types
    if parameter.param_type_name == "argument":
        return f"`{(parameter.metavar or parameter.name).upper()}`", "required", line(parameter.help)
    names = " / ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    default = "" if parameter.default in (None, False) or parameter.is_flag else f"`{parameter.default}`"
    if parameter.is_flag and parameter.default:
        default = f"`{parameter.opts[0]}`"
    return names, default, line(parameter.help)


if __name__ == "__main__":
    for file_name, page in pages().items():
        Path(__file__).with_name(file_name).write_text(page)
