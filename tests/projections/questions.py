"""What lists, statistics and walks are asked for when what they show at two times is compared, and what they answer."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from api.application.assets import Assets
from api.application.jobs import Jobs
from api.application.session import Session
from api.composition import Services
from domain.errors import AssetNotFoundError
from domain.event import Event
from domain.reference import Reference
from domain.search_terms import metadata_terms
from projections.paging import Moment, Order
from projections.queries.filters import AssetFilter, Dimension, JobFilter, StatisticsFilter
from projections.queries.lineage import Direction, Lineage, Node, lineage_of, node_of
from projections.queries.statistics import Group, list_statistics
from projections.states import ASSET


class Filters(NamedTuple):
    """What lists, statistics and walks are asked for."""

    assets: list[AssetFilter]
    jobs: list[JobFilter]
    statistics: list[StatisticsFilter]
    starts: list[Node]


GROUPINGS: list[list[Dimension]] = [
    [],
    ["day"],
    ["media_kind"],
    ["creator"],
    ["client"],
    ["job"],
    ["run"],
    ["workflow", "day"],
    ["day", "media_kind", "model"],
    ["client", "workflow", "day"],
    ["job", "client"],
]


def asked_for(services: Services, tenant_id: UUID) -> Filters:
    """Filters that find something of this tenant at some moment."""
    log = services.log.of(tenant_id)
    entries = log.recorder.select_notifications(1, 10_000)
    history = [log.mapper.to_domain_event(entry) for entry in entries]
    references: dict[Reference, None] = {}
    names: list[str] = []
    members: set[str] = set()
    for event in history:
        references |= dict.fromkeys(getattr(event, "references", ()))
        references |= dict.fromkeys(getattr(event, "origin", ()))
        members |= {term for term in metadata_terms(getattr(event, "metadata", None)) if "#" not in term}
        names += [name for name in (getattr(event, "name", None),) if name and len(name) > 1]
    middle = entries[len(entries) // 2].effective_at
    some: list[dict[str, Any]] = [{}, {"created_before": middle}, {"updated_after": middle}]
    some += [{"ref": [reference]} for reference in islice(references, 4)]
    assets: list[dict[str, Any]] = [{"status": "deleted"}, {"media_kind": "image"}, {"sha256": "a" * 64}]
    assets += [{"name": name} for name in names[:1]]
    assets += [{"metadata": [term.removeprefix("metadata.")]} for term in sorted(members)[:2]]
    jobs: list[dict[str, Any]] = [{"status": "running"}, {"error": "full"}]
    starts = [node_of("reference", str(reference)) for reference in islice(references, 3)]
    starts += [
        node_of("job" if event.TOPIC.startswith("job.") else "asset", str(event.originator_id))
        for event in history[::5]
    ]
    return Filters(
        [AssetFilter(**each) for each in some + assets],
        [JobFilter(**each) for each in some + jobs],
        [StatisticsFilter(group_by=group_by) for group_by in GROUPINGS]
        + [
            StatisticsFilter(**named, group_by=group_by)
            for number, named in enumerate(counted(history))
            for group_by in GROUPINGS[number % 5 :: 5]
        ],
        starts,
    )


def counted(history: Sequence[Event]) -> list[dict[str, Any]]:
    """What statistics are filtered by: a reference of each kind, days, and several at once."""
    named: dict[str, Any] = {}
    for event in history:
        for reference in getattr(event, "references", ()):
            if reference.kind in ("workflow", "client", "campaign"):
                named[f"{reference.kind}_id"] = [reference.id]
            elif reference.kind in ("model", "run"):
                named[reference.kind] = [reference.id]
    each = [{name: value} for name, value in named.items()]
    jobs = [{"job_id": [str(event.originator_id)]} for event in history if event.TOPIC == "job.requested"]
    return [{"media_kind": "image"}, {"first_day": "2026-01-01"}, named, *each, *jobs[:1]]


def answers(session: Session, filters: Filters, moment: Moment | None = None) -> list[Any]:
    """What the lists show, and how many items they say there are."""
    assets, jobs = Assets(session), Jobs(session)
    lists: list[Any] = []
    for selected in filters.assets:
        lists += [assets.find(selected, 200, None, order, moment).items for order in (Order(), Order("updated", "asc"))]
        lists.append(assets.count(selected, moment))
    for selected_jobs in filters.jobs:
        lists += [
            jobs.find(selected_jobs, 200, None, Order("updated"), moment).items,
            jobs.count(selected_jobs, moment),
        ]
    lists += [groups(session, counted_by, moment) for counted_by in filters.statistics]
    for start in filters.starts:
        for ways in (("up",), ("down",), ("up", "down")):
            lists.append(walked(session, start, ways, moment))
    return lists


def groups(session: Session, selected: StatisticsFilter, moment: Moment | None) -> list[Group]:
    """The groups of all pages of statistics."""
    shown, cursor = list[Group](), None
    while True:
        page = list_statistics(session.database, session.tenant_id, selected, 3, cursor, moment)
        shown += page.items
        if (cursor := page.next) is None:
            return shown


def walked(session: Session, start: Node, ways: tuple[Direction, ...], moment: Moment | None) -> Lineage:
    """What comes from something and what it came from."""

    def links_of(asset_id: UUID, revision: int) -> list[str]:
        return session.state(asset_id, ASSET, AssetNotFoundError, revision).row.links

    as_of = moment and moment.position
    shown = lineage_of(session.database, session.tenant_id, start, ways, 6, as_of, links_of)
    return replace(shown, rebuilding=())  # the tables of the log that is cut are
