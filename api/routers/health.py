"""Whether the service works."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.callers import services
from api.composition import Services
from api.rendering import Rendered
from api.schemas import Health, ProjectionFailure

router = APIRouter(route_class=Rendered, tags=["health"])


@router.get("/health", responses={503: {"model": Health, "description": "A projection has stopped."}})
def health(services: Annotated[Services, Depends(services)], response: Response) -> Health:
    """Tell whether the database answers and every projection follows. Needs no key, and names no tenant's data."""
    failures = [
        ProjectionFailure(projection=name, version=version, tenant_id=tenant_id, position=position + 1)
        for name, version, tenant_id, position, _ in services.engine.failures()
    ]
    response.status_code = 503 if failures else 200
    return Health(status="failing" if failures else "ok", failures=failures)
