"""`/healthz`: alive. `/readyz`: every model loaded, not stopping. `/metrics`: for Prometheus. None asks for a key."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from earmark import __version__
from earmark.service.answers import Health
from earmark.service.problems import Problem, problem_responses
from earmark.service.state import Service, service_of

RETRY_S = 1.0

router = APIRouter(tags=["operation"])


@router.get("/healthz", operation_id="alive", responses=problem_responses(500))
async def alive(request: Request) -> Health:
    """Tell that the process answers; restart it when it does not."""
    return Health(status="alive", version=__version__, models=_versions(service_of(request)))


@router.get("/readyz", operation_id="ready", responses=problem_responses(500, 503))
async def ready(request: Request) -> Health:
    """Tell whether requests should be sent here: every model is loaded, and the service is not stopping."""
    service = service_of(request)
    if service.is_draining:
        raise Problem(503, "Stopping", "The service is stopping.", retry_after_s=RETRY_S)
    if not service.models.ready:
        raise Problem(503, "Not ready", f"The service is not ready: {service.models.reason}.", retry_after_s=RETRY_S)
    return Health(status="ready", version=__version__, models=_versions(service))


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses={200: {"description": "Text for Prometheus", "content": {"text/plain": {}}}, **problem_responses(500)},
)
async def metrics(request: Request) -> Response:
    """Tell counts, latencies, queues and drift."""
    content, media_type = service_of(request).monitor.render()
    return Response(content, headers={"Content-Type": media_type})


def _versions(service: Service) -> dict[str, str]:
    found = {}
    for name in service.models.names():
        try:
            found[name] = service.models.get(name).version
        except Problem:  # it is still being loaded
            continue
    return found
