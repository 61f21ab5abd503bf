"""Pages of lists as JSON, without a model of each row: the database writes all members that are in columns."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import BaseModel

from api.http.schemas.assets import Asset, AssetWithContent
from api.http.schemas.jobs import Job
from domain.lenient_reading import reader
from domain.provenance import Imported
from projections.assets.fold import ASSETS
from projections.jobs.fold import JOBS
from projections.row_json import Member, json_members

_OBJECTS: Final = {"imported": tuple(Imported.model_fields)}
"""The objects that rows hold without their null members."""


def _members(model: type[BaseModel], **columns: str) -> list[Member]:
    """The members of a model, each with the column of its name unless another one is named."""
    return [Member(name, columns.get(name, name), _OBJECTS.get(name, ())) for name in model.model_fields]


_OF_ASSETS: Final = _members(Asset, id="asset_id")
_FIRST: Final = len(AssetWithContent.model_fields)
ASSET_MEMBERS: Final = {
    "first_members": json_members(ASSETS.table, _OF_ASSETS[:_FIRST]),
    "others": json_members(ASSETS.table, _OF_ASSETS[_FIRST:]),
}
JOB_MEMBERS: Final = {"members": json_members(JOBS.table, _members(Job, id="job_id", references="refs"))}
_COMPUTED: Final = {*AssetWithContent.model_computed_fields}
_WITHOUT_CONTENT: Final = ",".join(f'"{name}":null' for name in AssetWithContent.model_computed_fields)
_with_content = reader(AssetWithContent)


def asset_json(row: Sequence[Any]) -> str:
    """The JSON of an asset. Its row ends with whether it has content, and with `ASSET_MEMBERS`."""
    *_, has_content, first_members, others = row
    if not has_content:
        return f"{{{first_members},{others},{_WITHOUT_CONTENT}}}"
    asset: AssetWithContent = _with_content.validate_json(f"{{{first_members}}}")
    first, computed = asset.model_dump_json(exclude=_COMPUTED), asset.model_dump_json(include=_COMPUTED)
    return f"{first[:-1]},{others},{computed[1:]}"


def job_json(row: Sequence[Any]) -> str:
    """The JSON of a job. Its row ends with `JOB_MEMBERS`."""
    return f"{{{row[-1]}}}"


def page_json(page: BaseModel, items: Iterable[str]) -> bytes:
    """The JSON of a page that has no items yet, with these."""
    return page.model_dump_json(by_alias=True).replace("[]", f"[{','.join(items)}]", 1).encode()
