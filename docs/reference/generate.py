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

import domain.asset.events
import domain.tenant.events  # noqa: F401 - both define topics
from api import requests
from api.app import MAX_BODY, create_app
from api.cli.main import app as command_line
from api.composition import Services
from api.problems import STATUS
from domain.errors import LedgerError
from domain.event import Envelope, Event, event_types, personal_fields
from domain.reference import ORIGIN_KINDS, ReferenceAliases, alias_kind
from infra.event_log.mapper import MAX_ENTRY
from infra.settings import Settings

GOLDEN = Path(__file__).parents[2] / "tests" / "golden" / "events"

ENVELOPE = {
    "tenant_id": "Whose log it is in.",
    "originator_id": "What it happened to: an asset, or the tenant itself.",
    "originator_version": "Which event of that asset or tenant it is, from 1: its revision.",
    "recorded_at": "The server's clock when it was decided.",
    "actor": "Who acted.",
    "subject": "The person whose data it holds. Absent: the tenant. Its key seals the sealed fields.",
    "correlation_id": "The id of the request it came with.",
    "causation_id": "The id of what led to that request (`X-Causation-ID`).",
    "reason": "Why, in the caller's words.",
}

GENERATED = "<!-- Written by docs/reference/generate.py. Change the code or that script, not this page. -->"

EVENTS = """\
Every change is one of these events. An event is stored once, as one JSON document on one line, and never changed.
A document has at most {max_entry:,} bytes. A member of the document or of `data` that is null is left out.

Sealed fields are not stored in the clear. They go together into one JSON object, which is encrypted with AES-256-GCM
under the key of the event's subject; the last member, `sealed`, holds the result. The rest of the document is the
additional data of that encryption, so changing any of it breaks the seal. Why it is so:
[decision 0002](../decisions/0002-the-stored-bytes-are-the-event.md).

The examples are laid out over several lines here. `A256GCM.…` stands for the sealed fields."""

SETTINGS = """\
All settings come from the environment. Without any, the ledger runs on a PostgreSQL of its own. To run on yours, set
the five URLs and the key-encryption key: see [Use your own PostgreSQL](../how-to/your-own-postgresql.md)."""

CONVENTIONS = """\
The API speaks JSON. A running service describes itself at `/docs` and `/openapi.json`.

## Conventions

**Keys.** Send a key with every request but `/health`: `Authorization: Bearer KEY`. The key decides the tenant.
`asset-ledger key issue` makes one. A missing, wrong or revoked key is 401.

**X-Actor** says who acts, written `type:id`, such as `user:u_42`. The type is `user`, `worker` or `system`. Use a
pseudonymous id, never an e-mail address: it is not sealed. Absent, the key's holder acts.

**X-Request-ID** names the request: 1 to 64 letters, digits, dots, hyphens or underscores. Absent or malformed, the
service makes one. Every answer carries it, the log of the service has it, and every event keeps it as
`correlation_id`. **X-Causation-ID** names what led to the request and has the same form; every event keeps it.

**ETag and If-Match.** An answer with an asset carries its revision as `ETag: "3"`. Send it back as `If-Match: "3"` with
a change: if somebody else was faster, the answer is 412 and nothing is written. Without it, the change is decided on
the newest revision, again if need be, up to five times, and then answered with 409.

**Ledger-Position and min_position.** Every write answers with the position of its event in the tenant's log. Lists
lag a few milliseconds behind. Give the position as `min_position` to a list, and it waits until it shows that write;
after {wait:g} seconds it gives up with 503 and `Retry-After`. Reading one asset by its id is always current.

**Paging.** A list takes `limit` (1 to 200, 50 if absent) and answers `items` and `next`. Give `next` as `cursor` for
the next page; null is the end. What is inserted or deleted meanwhile neither repeats nor skips what was there. A
cursor belongs to one tenant and one set of filters; anywhere else it is 400.

**as_of** asks for an earlier moment: a position of the log, or a time with its zone (RFC 3339). A time stands for the
last position whose effective time is not after it. In a URL, write the `+` of a zone as `%2B`, or use `Z`.

**Times** are answered in UTC with six digits of a second: `2026-11-20T15:04:05.000000Z`.

**References** are written `kind:id`, such as `message:m_91`; in a body also `{{"kind": "message", "id": "m_91"}}`. Ids
are any string of 1 to 512 characters. A kind is lower-case letters, digits and underscores, and starts with a letter.
Common kinds have short names: see [Reference kinds](#reference-kinds).

**Limits.** A body has at most {body:,} bytes (413). `metadata` and `prompt_spec` together have at most 40 KiB of JSON.

## Errors

Errors are problem details (RFC 9457, `application/problem+json`): `type`, `title`, `status`, `detail`, `request_id`,
and for a request that does not fit, `errors` with a field and a message each. Go by `type`; `detail` is for people."""

KINDS = """\
## Reference kinds

The short names below work in bodies and in filters; every other kind is written in `references` and `ref`. An origin
kind, given when the asset is recorded, says what made it and stays for good. All else is a link, which can be taken
away. `scope` is the one reference an asset belongs to, and stays too. Why:
[decision 0009](../decisions/0009-origin-is-permanent-links-come-and-go.md)."""


def pages() -> dict[str, str]:
    """The text of every reference page by file name."""
    made: dict[str, Callable[[], str]] = {"events.md": events, "settings.md": settings, "http.md": http, "cli.md": cli}
    return {name: page() for name, page in made.items()}


def events() -> str:
    """The events page: every topic with its fields, which are sealed, and an example."""
    schema = Event.model_json_schema(mode="validation")["$defs"]["Envelope"]
    rows = [
        (f"`{name}`", type_(schema["properties"][name]), "sealed" if name == "reason" else "", ENVELOPE[name])
        for name in Envelope.model_fields
    ]
    values: dict[str, Schema] = {}
    told = [text for topic, event_class in sorted(event_types().items()) for text in _event(topic, event_class, values)]
    values.pop("Envelope")
    parts = [f"# Events\n\n{GENERATED}", EVENTS.format(max_entry=MAX_ENTRY)]
    parts += ["## Every event", table(("member", "type", "", "meaning"), rows)]
    parts.append("Besides, every document has `topic`, `schema_version` (1 unless said otherwise) and `data`.")
    return page([*parts, *told, "## Values", *objects(sorted(values), values)])


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
    version = "" if event_class.class_version == 1 else f" Its schema version is {event_class.class_version}."
    yield line(event_class.__doc__) + version
    yield table(("field", "type", ""), rows) if rows else "It has no fields of its own."
    yield _example(GOLDEN / f"{topic}.v{event_class.class_version}.json")


def _example(path: Path) -> str:
    golden = json.loads(path.read_text())
    clear, personal = golden["clear"], golden["personal"]
    text = json.dumps(clear | ({"sealed": "A256GCM.…"} if personal else {}), indent=2, ensure_ascii=False)
    told = f"```json\n{text}\n```"
    return told + (f"\n\nSealed: `{json.dumps(personal, ensure_ascii=False)}`" if personal else "")


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


def http() -> str:
    """The HTTP page: conventions, errors, every route, every object."""

    def never() -> AbstractContextManager[Services]:
        raise AssertionError("describing the API opens nothing")

    described = create_app(never).openapi()
    conventions = CONVENTIONS.format(wait=requests.WAIT_SECONDS, body=MAX_BODY)
    routes = [(method, path, route) for path, ways in described["paths"].items() for method, route in ways.items()]
    index = [(f"`{method.upper()} {path}`", line(route["description"])) for method, path, route in routes]
    told = [text for method, path, route in routes for text in _route(method, path, route)]
    schemas = described["components"]["schemas"]
    names = sorted(name for name in schemas if name != "JsonValue")
    parts = [f"# HTTP API\n\n{GENERATED}", conventions, _problems(), KINDS, _kinds()]
    parts += ["## Routes", table(("route", "what it does"), index), *told]
    return page([*parts, "## Objects", *objects(names, schemas)])


def _kinds() -> str:
    kinds = [(name, alias_kind(name)) for name in ReferenceAliases.model_fields]
    rows = [(f"`{name}`", f"`{kind}`", "origin" if kind in ORIGIN_KINDS else "link") for name, kind in kinds]
    return table(("short name", "kind", "role when given at creation"), rows)


def _problems() -> str:
    rows = [
        (status.value, f"`urn:asset-ledger:problem:{_problem(kind)}`", line(kind.__doc__))
        for kind, status in STATUS.items()
        if issubclass(kind, LedgerError)
    ]
    rows += [
        (404, "`urn:asset-ledger:problem:not-found`", "There is no such route."),
        (405, "`urn:asset-ledger:problem:method-not-allowed`", "The route does not take this method."),
        (422, "`urn:asset-ledger:problem:invalid-request`", "A field does not fit. `errors` says which, and why."),
        (500, "`urn:asset-ledger:problem:internal-error`", "A fault of the service. Its log has the request id."),
    ]
    rows.sort(key=lambda row: row[0])
    return table(("status", "type", "meaning"), rows) + "\n\n503 comes with `Retry-After`."


def _problem(kind: type[Exception]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__.removesuffix("Error")).lower()


def _route(method: str, path: str, route: Schema) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`"
    yield route["description"]
    rows: list[tuple[str, str, str]] = []
    short = False
    for parameter in route.get("parameters", ()):
        name, schema = f"`{parameter['name']}`", parameter["schema"]
        if parameter["name"] in ReferenceAliases.model_fields:
            short = True
        elif parameter["name"] not in {"X-Actor", "X-Causation-ID"}:
            rows.append((f"{name} ({parameter['in']})", type_(schema), line(parameter.get("description"))))
    if short:
        told = "Assets that have this reference; repeat it for several. See [Reference kinds](#reference-kinds)."
        rows.append(("the short names of references (query)", "list of string", told))
    if rows:
        yield table(("parameter", "type", "meaning"), rows)
    if "requestBody" in route:
        body = route["requestBody"]
        optional = "" if body.get("required") else " It may be left out."
        yield f"Body: {type_(body['content']['application/json']['schema'])}.{optional}"
    yield table(("answer", "when"), [_answer(code, answer) for code, answer in sorted(route["responses"].items())])


def _answer(code: str, answer: Schema) -> tuple[str, str]:
    schema = answer.get("content", {}).get("application/json", {}).get("schema")
    if schema:
        return f"{code} {HTTPStatus(int(code)).phrase}", f"{type_(schema)}"
    text = "Nothing more to say." if code == "204" else answer["description"]
    return f"{code} {HTTPStatus(int(code)).phrase}", text


def cli() -> str:
    """The command line page: every command with its arguments and options."""
    group = typer.main.get_command(command_line)
    parts = [f"# Command line\n\n{GENERATED}", str(group.help), str(group.epilog)]
    parts.append("An expected error ends in one line and exit status 1; a wrong use of a command in exit status 2.")
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
