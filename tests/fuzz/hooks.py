"""What Schemathesis cannot know of this API: its bodies of lines, and refusals that hang on what is recorded."""

import json
from typing import Any

import schemathesis
from hypothesis import strategies
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import CoverageScenario
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from domain.large_documents import DOCUMENTS

BY_STATE = {
    "asset-deleted",
    "beyond-head",
    "content-too-large",
    "content-type-refused",
    "cursor",
    "document-too-large",
    "entry-too-large",
    "filter-missing",
    "foreign-asset",
    "foreign-reference",
    "missing-reference",
    "moments-reversed",
    "source-not-found",
    "stale-revision",
    "tag-not-allowed",
    "upload-not-found",
    "url-refused",
    "fetch-failed",
}
"""Problems of requests whose form is right: what they name is not there, not yet, or not allowed to this tenant."""
UNNAMED = "None"
"""What a link leads to whose source said null: Schemathesis follows it all the same."""
UNSAYABLE = ("put `file` last", "pairs; at most 1,000 fit in a request")
"""Refusals of what a schema cannot say: the order of a form's parts, and how many items two lists make together."""
EACH_ALONE = ("/batch", "/links", "/from-urls")
"""Paths whose items are refused one by one, in an answer of 200."""

UNKNOWN_NAME = CoverageScenario.OBJECT_UNEXPECTED_PROPERTIES
NEEDING_SIGNS = {"X-Actor", "If-Match"}
"""Headers with signs in them. The coverage phase writes headers of letters and digits alone. Where signs have to be, it
makes no right value, and sends a wrong one as if it were right; unless a format makes the values of the header.
"""
VISIBLE = strategies.characters(min_codepoint=33, max_codepoint=126)


@schemathesis.hook
def before_load_schema(_context: Any, raw_schema: dict[str, Any]) -> None:
    """Give each header that needs signs a format, whose values are those of the header's pattern."""
    operations = (operation for methods in raw_schema["paths"].values() for operation in methods.values())
    for parameter in (parameter for operation in operations for parameter in operation.get("parameters", ())):
        if parameter["in"] == "header" and parameter["name"] in NEEDING_SIGNS:
            name, pattern = parameter["name"].lower(), parameter["schema"]["pattern"]
            parameter["schema"]["format"] = name
            values = strategies.from_regex(pattern, fullmatch=True, alphabet=VISIBLE)
            schemathesis.openapi.format(name, values)


def _problem(response: Any) -> str:
    """The last word of the problem's type; empty for an answer without a body, such as that to HEAD."""
    return str(json.loads(response.content or b"{}").get("type", "")).rpartition(":")[2]


def _only_in_documents(response: Any) -> bool:
    """Whether all that is wrong is in free documents: that they are I-JSON (RFC 7493) is said in words."""
    wrong = json.loads(response.content or b"{}").get("errors", ())
    return bool(wrong) and all(error["field"].rpartition(".")[2] in DOCUMENTS for error in wrong)


@schemathesis.serializer("application/x-ndjson")
def lines(_context: Any, value: Any) -> bytes:
    """A list as lines of JSON; whatever else, as it is."""
    if isinstance(value, bytes):
        return value
    return b"\n".join(json.dumps(item).encode() for item in (value if isinstance(value, list) else [value]))


@schemathesis.check
def right_requests_are_accepted(context: Any, response: Any, case: Any) -> bool | None:
    """A request of the form described is refused only for what is recorded."""
    try:
        return positive_data_acceptance(context, response, case)
    except (Failure, FailureGroup):
        unnamed = UNNAMED in map(str, (case.path_parameters or {}).values())
        unsayable = any(words in response.text for words in UNSAYABLE)
        if unnamed or unsayable or _only_in_documents(response) or _problem(response) in BY_STATE:
            return None
        raise


@schemathesis.check
def wrong_requests_are_refused(context: Any, response: Any, case: Any) -> bool | None:
    """A request of another form than described is refused, as a whole or item by item."""
    if case.operation.path.endswith(EACH_ALONE) and response.status_code == 200:
        return None
    wrong = case.meta.phase.data
    if wrong.parameter_location is ParameterLocation.HEADER and getattr(wrong, "scenario", None) is UNKNOWN_NAME:
        return None  # HTTP lets every request have more headers than are described
    return negative_data_rejection(context, response, case)


@schemathesis.check
def no_faults(_context: Any, response: Any, case: Any) -> bool | None:
    """Of 5xx there is only 503, told as a problem with Retry-After, and 502 for what others' servers answer."""
    if response.status_code >= 500:
        assert response.status_code in (502, 503), response.text
        assert response.status_code != 503 or response.headers["retry-after"], case
    return None
