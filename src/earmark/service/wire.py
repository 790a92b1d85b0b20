"""HTTP as uvicorn reads it, with a limit to the part before the body: its size, and how long it may take to come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

MAX_HEAD_BYTES = 64 << 10
HEAD_S = 20.0


class BoundedHttp(HttpToolsProtocol):
    """Closes connections whose request line and headers are too long or too slow; uvicorn itself waits for ever."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._n_head_bytes = 0
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Read on; what comes before a body counts."""
        if self._n_head_bytes >= 0:
            self._n_head_bytes += len(data)
            if self._patience is None:
                self._wait()
        super().data_received(data)
        if self._n_head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The headers of this request are too long.")

    def on_headers_complete(self) -> None:
        """Stop counting until the next request."""
        self._n_head_bytes = -1
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Count again: the next request begins."""
        super().on_message_complete()
        self._n_head_bytes = 0

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._patience = self.loop.call_later(HEAD_S, self._close)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _close(self) -> None:
        self._patience = None
        if not self.transport.is_closing():
            self.transport.close()
