"""Lists answer with JSON that the database writes: it is what the models of the same rows are written as."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, get_type_hints
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from api.composition import Services
from api.http.lists import ASSET_ANSWER, JOB_ANSWER, ListAnswer
from domain.media import Media
from domain.provenance import Imported, imported_from
from infra.media.decodable import DEMUXERS, HAVE_THUMBNAIL
from projections.assets.fold import ASSETS, AssetRow
from projections.engine.facet_index import update_facets
from projections.engine.row_buffer import RowBuffer
from projections.jobs.fold import JOBS, JobRow
from projections.paging import NEWEST_FIRST
from projections.projection import Projection
from projections.queries.assets import ASSET_LIST
from projections.queries.filters import AssetFilter, JobFilter
from projections.queries.jobs import JOB_LIST
from projections.queries.row_list import RowList
from tests.conftest import Client, new_tenant
from tests.domain import strategies as some
from tests.golden.states import HISTORIES, history
from tests.http.assertions import path

MEDIA: TypeAdapter[Media] = TypeAdapter(Media)
LISTS: dict[str, tuple[Projection[Any], RowList[Any, Any], ListAnswer]] = {
    "asset": (ASSETS, ASSET_LIST, ASSET_ANSWER),
    "job": (JOBS, JOB_LIST, JOB_ANSWER),
}

texts = some.text | st.sampled_from(['"', "\\", "\\N", ",", "{}", "NULL", "\t\n\r\b\f\x1f\x7f\u2028", "%s", "null"])
ids = st.lists(st.uuids().map(str), max_size=2)
times = st.datetimes(timezones=st.just(UTC)) | st.just(datetime(2026, 11, 30, 12, tzinfo=UTC))
described = st.fixed_dictionaries(
    {
        "content_type": st.none() | st.sampled_from([*DEMUXERS, *HAVE_THUMBNAIL, "text/plain", "Image/PNG"]),
        "size": st.none() | st.integers(0, 2**53 - 1),
        "sha256": st.none() | st.just("a" * 64),
    }
)
inspected = st.fixed_dictionaries(
    {"version": st.integers(1, 3), "problem": st.none() | texts, "embedded": st.none() | some.documents}
)
stored = st.builds(lambda content, inspection: content | inspection, described, inspected)
imported = st.builds(
    Imported,
    source=texts,
    place=texts,
    created_at=st.none() | times,
    started_at=st.none() | times,
    finished_at=st.none() | times,
)
costs = st.fixed_dictionaries({"attempt": st.integers(1, 3), "amount": st.just("0.10"), "currency": st.just("EUR")})
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    UUID: st.uuids(),
    int: st.integers(1, 2**31 - 1),
    str: texts,
    str | None: st.none() | texts,
    list[str]: st.lists(texts, max_size=3),
    datetime: times,
    datetime | None: st.none() | times,
    dict[str, Any] | None: st.none() | some.documents,
}
BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "media_kind": st.sampled_from(["image", "file"]),
    "sources": ids,
    "assets": ids,
    "media": some.media.map(lambda media: dict(vars(MEDIA.validate_python(media)))),
    "content": st.none() | described | stored | stored.map(lambda content: content | {"purged": True}),
    "imported": st.none() | imported.map(imported_from),
    "costs": st.lists(costs, max_size=2),
}


def rows_of(row: type[Any], statuses: Iterable[str]) -> st.SearchStrategy[list[Any]]:
    """Rows with whatever their columns may hold."""
    columns = {name: BY_NAME[name] if name in BY_NAME else BY_TYPE[hint] for name, hint in get_type_hints(row).items()}
    return st.lists(st.builds(row, **columns | {"status": st.sampled_from([*statuses])}), max_size=5)


def check_list(services: Services, kind: str, rows: Iterable[Any]) -> None:
    """The list of these rows shows what their models are written as."""
    projection, row_list, answer = LISTS[kind]
    tenant = new_tenant(services)
    numbered = [
        row._replace(tenant_id=tenant, created_position=number, position=number) for number, row in enumerate(rows, 1)
    ]
    with services.projector.connection() as connection, connection.transaction():
        buffer = RowBuffer(connection, projection.table)
        buffer.update({projection.table.key_of(row): row for row in numbered})
        buffer.write()
        if projection.facets is not None:
            update_facets(connection, projection, projection.facets, buffer)

    shown = [
        answer.json(values)
        for selected in ([AssetFilter(), AssetFilter(status="deleted")] if kind == "asset" else [JobFilter()])
        for values in row_list.documents(
            services.database, tenant, selected, 200, None, NEWEST_FIRST, answer.members
        ).items
    ]

    listed = sorted(numbered, key=lambda row: (kind == "asset" and row.status == "deleted", -row.position))
    models = [answer.item.of(row).model_dump_json(by_alias=True) for row in listed]
    assert [json.loads(item) for item in shown] == [json.loads(model) for model in models]
    assert [[*json.loads(item)] for item in shown] == [[*json.loads(model)] for model in models]


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_shows_what_every_event_leaves_as_the_model_of_its_row_is_written(quiet: Services, kind: str) -> None:
    fold, names = HISTORIES[kind]
    recorded = history(names)
    states = [fold.after(None, recorded[:number]).row for number in range(1, len(recorded) + 1)]

    assert {type(event) for event, *_ in recorded} == LISTS[kind][0].folds
    for row in states:
        check_list(quiet, kind, [row])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(rows=rows_of(AssetRow, ["pending", "ready", "failed", "deleted"]))
def test_a_list_shows_any_assets_as_their_models_are_written(quiet: Services, rows: list[AssetRow]) -> None:
    check_list(quiet, "asset", {row.asset_id: row for row in rows}.values())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(rows=rows_of(JobRow, ["queued", "running", "succeeded", "failed", "cancelled"]))
def test_a_list_shows_any_jobs_as_their_models_are_written(quiet: Services, rows: list[JobRow]) -> None:
    check_list(quiet, "job", {row.job_id: row for row in rows}.values())


def test_an_asset_is_shown_alike_by_itself_in_lists_and_in_lists_that_look_back(client: Client) -> None:
    client.create(name='A "castle"\\', tags=["a"])
    client.create(metadata={"a": [1.5, None]}, content={"content_type": "image/png", "size": 3})
    listed = client.page()["items"]

    assert listed == [client.get(path(item)).json() for item in listed]
    assert listed == client.page(as_of=client.head())["items"]
