"""Who asks, for routes: a dependency that the OpenAPI description shows, and the same for websockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from earmark.service.auth.loopback import refuse_foreign
from earmark.service.auth.ring import Caller
from earmark.service.state import service_of

if TYPE_CHECKING:
    from fastapi import WebSocket

_ABOUT = "A key of `earmark keys create`. None is needed where the service listens on this machine alone."
# auto_error off: the answer to a missing key is made in one place, and on loopback a missing key is right.
_bearer = HTTPBearer(bearerFormat="ek_...", description=_ABOUT, scheme_name="bearer", auto_error=False)
_header = APIKeyHeader(name="X-API-Key", description=_ABOUT, scheme_name="header", auto_error=False)


async def caller_of(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    header: Annotated[str | None, Security(_header)],
) -> Caller:
    """Return who asks, from the key that the request carries.

    Raises:
        Problem: 401 without a key that counts, 403 for a foreign page on loopback, 429 for asking too often.
    """
    service = service_of(request)
    refuse_foreign(request, service.options)
    return await service.keys.check(bearer.credentials if bearer is not None else header)


async def caller_of_socket(websocket: WebSocket, key: str | None) -> Caller:
    """Return who opened a websocket, from the key in its first message.

    Raises:
        Problem: As `caller_of`.
    """
    service = service_of(websocket)
    refuse_foreign(websocket, service.options)
    return await service.keys.check(key)


__all__ = ["Caller", "caller_of", "caller_of_socket"]
