"""Operations on jobs as values, so that many of them fit into one request."""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from api.application.jobs import Jobs
from domain.job.inputs import AttemptCommand, Cancellation, Completion, Failure, NewJob
from domain.model import example
from domain.text import OutsideId
from projections.jobs.fold import JobRow

JOB_ID = "73a41949-2431-5408-8a88-4c28b2edbc54"


class RequestOperation(NewJob):
    """Ask for work, as `POST /v1/jobs` does."""

    model_config = example(operation="request", media_kind="image", prompt_spec={"prompt": "a castle"})

    operation: Literal["request"]
    idempotency_key: OutsideId | None = Field(
        default=None, description="Repeating a request with the same key never does it twice."
    )


class StartOperation(AttemptCommand):
    """Begin an attempt."""

    model_config = example(operation="start", job_id=JOB_ID, attempt=1)

    operation: Literal["start"]
    job_id: UUID


class SucceedOperation(Completion):
    """End an attempt with its assets."""

    model_config = example(
        operation="succeed", job_id=JOB_ID, attempt=1, assets=[{"media": {"media_kind": "image"}, "name": "Castle"}]
    )

    operation: Literal["succeed"]
    job_id: UUID


class FailOperation(Failure):
    """End an attempt without assets."""

    model_config = example(operation="fail", job_id=JOB_ID, attempt=1, code="out_of_memory")

    operation: Literal["fail"]
    job_id: UUID


class CancelOperation(Cancellation):
    """Call a job off."""

    model_config = example(operation="cancel", job_id=JOB_ID)

    operation: Literal["cancel"]
    job_id: UUID


class RequeueOperation(AttemptCommand):
    """Let the next attempt begin."""

    model_config = example(operation="requeue", job_id=JOB_ID, attempt=1)

    operation: Literal["requeue"]
    job_id: UUID


Transition = StartOperation | SucceedOperation | FailOperation | CancelOperation | RequeueOperation
Operation = Annotated[
    RequestOperation | Transition,
    Field(
        discriminator="operation",
        description="A RequestOperation, StartOperation, SucceedOperation, FailOperation, CancelOperation or "
        "RequeueOperation, told apart by `operation`.",
        examples=[{"operation": "cancel", "job_id": JOB_ID}],
    ),
]
OPERATION: Final[TypeAdapter[RequestOperation | Transition]] = TypeAdapter(Operation)


def carry_out(jobs: Jobs, operation: RequestOperation | Transition) -> tuple[JobRow, bool]:
    """Do what the operation says; returns the job as it is then, and whether that made it new."""
    if isinstance(operation, RequestOperation):
        return jobs.request(operation, operation.idempotency_key)
    return _change(jobs, operation), False


def _change(jobs: Jobs, asked: Transition) -> JobRow:
    match asked:
        case SucceedOperation():
            return jobs.succeed(asked.job_id, asked)
        case StartOperation():
            return jobs.change(asked.job_id, lambda job, context: job.start(context, asked.attempt), asked.reason)
        case FailOperation():
            return jobs.change(asked.job_id, lambda job, context: job.fail(context, asked), asked.reason)
        case CancelOperation():
            return jobs.change(asked.job_id, lambda job, context: job.cancel(context, asked.attempt), asked.reason)
        case RequeueOperation():
            return jobs.change(asked.job_id, lambda job, context: job.requeue(context, asked.attempt), asked.reason)
