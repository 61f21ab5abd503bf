"""Whether the service works. Answered from the event loop: no thread and no connection that others could hold."""

from collections import Counter
from functools import partial
from typing import Literal
from uuid import UUID

from anyio import CapacityLimiter, move_on_after, to_thread
from fastapi import APIRouter, Request, Response

from api.application.health import Own, Report
from api.composition import Services
from api.http.authentication import bearer_token, services
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.health import Health, Liveness, ProjectionFailure, ProjectionLag, Readiness, ThreadHealth

router = APIRouter(route_class=RenderedRoute, tags=["health"])

KEY_SECONDS = 1.0


@router.get("/health", responses={503: {"model": Health, "description": "Something needs an operator."}})
async def health(request: Request, response: Response) -> Health:
    """Report whether the database answers, every projection follows, and the background threads work.

    Needs no key, and shows no tenant's data. With a key, it shows how far each projection is in that tenant's log, and
    where it has stopped.
    """
    made_of = services(request)
    report = await made_of.probe.report()
    threads = _threads(made_of)
    tenant_id, lags = await _own(made_of, request)
    failures = _failures(report, tenant_id)
    watches = [thread.name for thread in threads if not thread.works]
    problems = [*_unfit(made_of, report), *report.problems]
    stopped = any(failure.serves for failure in failures)
    status = _status(response, failing=bool(stopped or watches or problems))
    return Health(status=status, failures=failures, watches=watches, problems=problems, threads=threads, lags=lags)


@router.get("/health/live", responses={503: {"model": Liveness, "description": "This process has to be restarted."}})
async def live(request: Request, response: Response) -> Liveness:
    """Report whether this process works by itself, without asking the database."""
    made_of = services(request)
    failing = any(not thread.alive for thread in made_of.threads)
    return Liveness(status=_status(response, failing=failing), threads=_threads(made_of))


@router.get(
    "/health/ready", responses={503: {"model": Readiness, "description": "This process cannot serve requests."}}
)
async def ready(request: Request, response: Response) -> Readiness:
    """Report whether this process can serve requests: the database answers and has this release's schema.

    A projection that has stopped for one tenant does not count; `/health` shows it.
    """
    made_of = services(request)
    problems = _unfit(made_of, await made_of.probe.report())
    return Readiness(status=_status(response, failing=bool(problems)), problems=problems)


def _status(response: Response, *, failing: bool) -> Literal["ok", "failing"]:
    response.status_code = 503 if failing else 200
    return "failing" if failing else "ok"


def _unfit(services: Services, report: Report) -> list[str]:
    return [*report.unfit, *(check.name for check in services.checks if check.problem() is not None)]


def _threads(services: Services) -> list[ThreadHealth]:
    return [
        ThreadHealth(name=thread.name, works=thread.works, seconds=round(thread.seconds_silent, 1))
        for thread in services.threads
    ]


def _failures(report: Report, tenant_id: UUID | None) -> list[ProjectionFailure]:
    """Where projections have stopped: in the caller's own log each place, else for how many tenants."""
    own = [stopped for stopped in report.stopped if stopped.tenant_id == tenant_id]
    others = Counter(
        (stopped.projection, stopped.version, stopped.serves) for stopped in report.stopped if stopped not in own
    )
    return [
        ProjectionFailure(
            projection=stopped.projection,
            version=stopped.version,
            serves=stopped.serves,
            tenants=1,
            tenant_id=stopped.tenant_id,
            position=stopped.position + 1,
        )
        for stopped in own
    ] + [
        ProjectionFailure(projection=projection, version=version, serves=serves, tenants=tenants)
        for (projection, version, serves), tenants in others.items()
    ]


async def _own(services: Services, request: Request) -> tuple[UUID | None, list[ProjectionLag] | None]:
    """The tenant whose key the request brings, and how far its projections are, as far as it can be told in time."""
    token = bearer_token(request)
    if token is None:
        return None, None
    caller = services.api_keys.known_caller(token)
    tenant_id = caller.tenant_id if caller else None
    own: Own | None = None
    with move_on_after(KEY_SECONDS):
        limiter = CapacityLimiter(1)  # or it would wait for one of the threads that all else shares
        look = partial(services.probe.own, token, tenant_id)
        own = await to_thread.run_sync(look, limiter=limiter, abandon_on_cancel=True)
    return (own.tenant_id, [ProjectionLag.of(lag) for lag in own.lags]) if own else (tenant_id, None)
