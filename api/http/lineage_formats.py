"""Lineage as JSON, and as diagrams for Mermaid and Graphviz.

Names and ids come from callers. In a diagram they are text between quotes, whatever they hold.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import orjson

from domain.utc_time import iso_micros
from projections.queries.lineage import AssetDetails, Details, JobDetails, Lineage, Node, parts_of

LONGEST_LABEL: Final = 120
"""Characters of one line of a label; a longer one is cut."""

_SPECIAL_IN_MERMAID = re.compile(r"[^\w .,:/-]")
_UNSEEN = "\N{REPLACEMENT CHARACTER}"


def to_json(lineage: Lineage) -> bytes:
    """The nodes and edges as `api.http.schemas.lineage.Lineage` describes them."""
    times = {position: iso_micros(at) for position, at in lineage.times.items()}
    return orjson.dumps(
        {
            "start": lineage.start,
            "nodes": [node_members(node, details) for node, details in lineage.nodes.items()],
            "edges": [
                {"from": start, "to": end, "kind": kind, "position": position, "time": times[position]}
                for start, end, kind, position in lineage.edges
            ],
            "truncated": lineage.truncated_by is not None,
            "truncated_by": lineage.truncated_by,
        }
    )


def node_members(node: Node, details: Details) -> dict[str, str | None]:
    """The members of a node, as `api.http.schemas.lineage.LineageNode` describes them."""
    of_type, id_ = parts_of(node)
    own: dict[str, str | None] = {"id": node, "type": of_type}
    match details:
        case AssetDetails():
            name, media_kind, status = details
            own |= {"asset_id": id_, "name": name, "status": status, "media_kind": media_kind}
            return own
        case JobDetails():
            about = {"status": details.status, "media_kind": details.media_kind}
            return {**own, "job_id": id_, **about, "provider": details.provider, "model": details.model}
        case None if of_type == "reference":
            return {**own, "ref": id_}
        case None:
            return {**own, f"{of_type}_id": id_, "status": None}


def to_mermaid(lineage: Lineage) -> bytes:
    """A flowchart of Mermaid."""
    shapes = {"asset": ('["', '"]'), "job": ('(["', '"])'), "reference": ('{{"', '"}}')}
    numbers = {node: f"n{number}" for number, node in enumerate(lineage.nodes)}
    lines = ["flowchart LR"]
    for node, details in lineage.nodes.items():
        opening, closing = shapes[parts_of(node)[0]]
        label = "<br/>".join(map(_in_mermaid, _label(node, details)))
        lines.append(f"    {numbers[node]}{opening}{label}{closing}")
    lines += [f"    {numbers[edge.start]} -->|{edge.kind}| {numbers[edge.end]}" for edge in lineage.edges]
    lines += [f"    %% {reason}" for reason in _truncation(lineage)]
    return "\n".join([*lines, ""]).encode()


def _in_mermaid(text: str) -> str:
    """The text with every character that could mean something as its code (Mermaid, "Entity codes to escape")."""
    return _SPECIAL_IN_MERMAID.sub(lambda special: f"#{ord(special[0])};", text)


def to_graphviz(lineage: Lineage) -> bytes:
    """A digraph in the DOT language of Graphviz."""
    shapes = {"asset": "box", "job": "ellipse", "reference": "hexagon"}
    numbers = {node: f"n{number}" for number, node in enumerate(lineage.nodes)}
    lines = ["digraph lineage {", "    rankdir=LR;", '    charset="UTF-8";']
    for node, details in lineage.nodes.items():
        label = r"\n".join(map(_in_graphviz, _label(node, details)))
        lines.append(f'    {numbers[node]} [shape={shapes[parts_of(node)[0]]}, label="{label}"];')
    lines += [f'    {numbers[edge.start]} -> {numbers[edge.end]} [label="{edge.kind}"];' for edge in lineage.edges]
    lines += [f"    // {reason}" for reason in _truncation(lineage)]
    return "\n".join([*lines, "}", ""]).encode()


def _in_graphviz(text: str) -> str:
    """The text without what ends a quoted string, begins an escape sequence, or is an entity."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")


def _label(node: Node, details: Details) -> Iterator[str]:
    """The lines of a node's label, without what cannot be seen."""
    id_ = parts_of(node)[1]
    lines: Iterable[str | None] = (id_,)
    match details:
        case AssetDetails():
            lines = (details.name or id_, f"{details.media_kind}, {details.status}")
        case JobDetails():
            lines = (f"job, {details.status}", " ".join(filter(None, (details.provider, details.model))) or id_)
    for line in filter(None, lines):
        short = line if len(line) <= LONGEST_LABEL else f"{line[: LONGEST_LABEL - 1]}…"
        yield short if short.isprintable() else "".join(sign if sign.isprintable() else _UNSEEN for sign in short)


def _truncation(lineage: Lineage) -> list[str]:
    return [f"truncated: too many {lineage.truncated_by}"] if lineage.truncated_by else []
