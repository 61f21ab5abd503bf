"""Problem details (RFC 9457)."""

from pydantic import BaseModel, Field

from api.http.schemas import optional
from domain.model import example


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = example(
        type="urn:asset-ledger:problem:stale-revision",
        title="Stale revision",
        status=412,
        detail="If-Match names revision 1, but the current one is 2.",
        request_id="0193483c-5a5e-7d1c-9a30-0d7c41f5c6b2",
    )

    type: str = Field(description="The kind of problem. It is stable: use it in programs.")
    title: str
    status: int
    detail: str = Field(description="An explanation of this occurrence, for people.")
    request_id: str
    errors: list["FieldProblem"] | None = optional("For 422: the invalid fields, each with a message.")


class FieldProblem(BaseModel):
    """Why one field of a request was refused."""

    field: str = Field(description="The path of the field, such as `body.media.image.page_count`.")
    message: str
