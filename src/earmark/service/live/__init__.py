"""Live streams over a websocket: sound in, answers out, by the same listener as `earmark listen`."""

from earmark.service.live.opening import WS_MAX_BYTES, Start, StreamOptions
from earmark.service.live.streams import Streams

__all__ = ["WS_MAX_BYTES", "Start", "StreamOptions", "Streams"]
