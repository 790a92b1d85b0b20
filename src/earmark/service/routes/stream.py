"""`WS /v1/stream`: live sound in, answers out (docs/stream.md)."""

from __future__ import annotations

from fastapi import APIRouter, WebSocket

from earmark.service.live.session import serve_stream
from earmark.service.state import service_of

router = APIRouter()
ROUTE = "/v1/stream"


@router.websocket(ROUTE)
async def stream(websocket: WebSocket) -> None:
    """Answer for speech in the sound that is sent, as it comes."""
    await serve_stream(websocket, service_of(websocket), ROUTE)
