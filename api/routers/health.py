"""Whether the service works."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.callers import services
from api.composition import Services
from api.rendering import Rendered
from api.schemas import Health, ProjectionFailure

router = APIRouter(route_class=Rendered, tags=["health"])


@router.get(
    "/health",
    responses={503: {"model": Health, "description": "A projection or a watch has stopped, or clocks are apart."}},
)
def health(services: Annotated[Services, Depends(services)], response: Response) -> Health:
    """Tell whether the database answers, every projection follows, and what goes on in the background works.

    So it tells conditions under which this process must not be trusted, such as a clock that is wrong.

    Needs no key, and names no tenant's data.
    """
    failures = [
        ProjectionFailure(projection=name, version=version, tenant_id=tenant_id, position=position + 1)
        for name, version, tenant_id, position, _ in services.engine.failures()
    ]
    watches = [watch.name for watch in tuple(services.watches) if not watch.works]
    problems = [check.name for check in services.checks if check.problem()]
    failing = bool(failures or watches or problems)
    response.status_code = 503 if failing else 200
    return Health(status="failing" if failing else "ok", failures=failures, watches=watches, problems=problems)
