"""The application: what is open while it runs, its routes, and what wraps each request."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from earmark import __version__
from earmark.service.auth import keys_needed
from earmark.service.problems import PROBLEM_SCHEMA, SCHEMA_NAME, handle_problems
from earmark.service.requests import Envelope, Limits
from earmark.service.routes import classify, distortion, feedback, health, models, page, stream
from earmark.service.routes.bodies import many_sounds
from earmark.service.state import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from earmark.service.options import ServeOptions

DESCRIPTION = (
    "Which label is this sound, and is it damaged? Every error is problem details (RFC 9457) with the id of its "
    "request, which every answer carries as X-Request-ID, too. Live sound goes over the websocket /v1/stream."
)


def build_app(options: ServeOptions) -> FastAPI:
    """Return the ASGI application; it loads its models when a server starts it.

    Raises:
        MissingExtraError: The extra "serve" is not installed.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = service = Service(options)
        try:
            await service.start()
            yield
        finally:
            await service.stop()

    # No pages of documentation: they would load scripts from elsewhere. No redirects: they lose what was sent.
    app = FastAPI(
        title="earmark",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    handle_problems(app)
    for part in (classify, distortion, models, stream, feedback, health, page):
        app.include_router(part.router)
    app.add_middleware(Limits)
    app.add_middleware(Envelope)  # the last one added is the outermost
    app.openapi = lambda: _description(app, options)  # type: ignore[method-assign]
    return app


def _description(app: FastAPI, options: ServeOptions) -> dict[str, Any]:
    """Return the OpenAPI description, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS
        )
        made["components"].setdefault("schemas", {})[SCHEMA_NAME] = PROBLEM_SCHEMA
        made["paths"]["/v1/classify/batch"]["post"] |= many_sounds(options.max_batch_files)
        if not keys_needed(options):
            for methods in made["paths"].values():
                for operation in methods.values():
                    operation.pop("security", None)
        app.openapi_schema = made
    return app.openapi_schema


TAGS = [
    {"name": "sound", "description": "Send sound, get answers."},
    {"name": "models", "description": "What answers."},
    {"name": "feedback", "description": "Say what is right."},
    {"name": "operation", "description": "For whoever runs the service; without keys."},
]
