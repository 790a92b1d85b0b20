"""Logs for machines: one JSON object per line on standard error, each with the id of its request.

Nothing secret is logged: what looks like a key, a password in an address or a secret in a query string is struck out of
every text, whoever logged it. What went wrong inside stands in `error`, in the log only.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from earmark.core.settings import settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import TextIO

SERVICE = "earmark.service"
STRUCK_OUT = "[...]"
OF_EVERY_RECORD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"}
N_FRAMES = 30  # of a trace, the innermost
SHORT = 64
SECRETS = (
    (re.compile(r"\bek_[\w-]{8,}"), STRUCK_OUT),  # a key, wherever it stands
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=:-]+"), rf"\1 {STRUCK_OUT}"),
    (re.compile(r"(?i)(?<=://)([^/\s:@]*):[^/\s]+(?=@)"), rf"\1:{STRUCK_OUT}"),
    # name=value, name: value, "name": "value", (b"name", b"value")
    (
        re.compile(
            r"(?i)((?:api[-_]?key|secret|token|passw(?:or)?d|pwd|authorization|credential|signature)[\w-]{0,40}"
            r"|(?<![\w-])key)(['\"]?\s*[=:]\s*b?['\"]?|['\"]\s*,\s*b?['\"])(?!\[\.\.\.\])[^\s&\"',;)}]+"
        ),
        rf"\1\2{STRUCK_OUT}",
    ),
)

request_id: ContextVar[str] = ContextVar("earmark_request_id", default="")
"""The id of the request that is answered now; the middleware sets it."""

_requests = logging.getLogger(f"{SERVICE}.requests")
_events = logging.getLogger(f"{SERVICE}.events")


def without_secrets(text: str) -> str:
    """Return a text with keys, passwords and secrets of query strings struck out.

    Example:
        >>> without_secrets("postgresql://ann:hunter2@db/earmark and GET /x?api_key=abc&n=1")
        'postgresql://ann:[...]@db/earmark and GET /x?api_key=[...]&n=1'
    """
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    return text


class JsonLines(logging.Formatter):
    """Makes one JSON object of a record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        content: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _plain(record.getMessage()),
        }
        if known := request_id.get():
            content["request_id"] = known
        fields = {name: value for name, value in vars(record).items() if name not in OF_EVERY_RECORD}  # of `extra=`
        content |= {name: _plain(value) for name, value in fields.items() if value is not None}
        if record.exc_info:
            content["error"] = _error(*record.exc_info)
        return json.dumps(content)


def configure_logs(stream: TextIO | None = None) -> None:
    """Let everything that is logged in this process come out as JSON lines, uvicorn's own lines included.

    What the service itself says from INFO on comes out always: requests, models loaded, the end. Of the rest, what is
    at least as severe as the setting `log_level` (WARNING), or everything after `earmark --debug`. Uvicorn's access log
    is off: it has whole addresses with their query.

    Args:
        stream: Where to, by default standard error.

    Raises:
        ConfigError: The setting `log_level` is not a level.
    """
    root = logging.getLogger()
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    is_debugged = root.level == logging.DEBUG
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if is_debugged else settings().log_level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
    logging.getLogger(SERVICE).setLevel(min(root.level, logging.INFO))


def log_request(
    *,
    route: str,
    method: str,
    status: int,
    duration_ms: float,
    caller: str | None = None,
    model: str | None = None,
    audio_s: float | None = None,
) -> None:
    """Log that a request was answered: at WARNING where the server failed, else at INFO.

    Args:
        route: Template of the route, such as "/v1/models/{name}", never the address itself.
        method: HTTP method, or "WEBSOCKET".
        status: HTTP status; of a websocket the code that it was closed with.
        duration_ms: From its first byte to the last one of the answer.
        caller: Name of the key.
        model: Name of the model that answered.
        audio_s: How much sound was heard.
    """
    is_failure = (method != "WEBSOCKET" and status >= 500) or status == 1011
    fields: dict[str, Any] = {
        "route": route,
        "method": method,
        "status": status,
        "duration_ms": round(duration_ms, 2),
        "caller": caller,
        "model": model,
        "audio_s": None if audio_s is None else round(audio_s, 3),
    }
    _requests.log(logging.WARNING if is_failure else logging.INFO, "request", extra=fields)


def log_event(message: str, fields: Mapping[str, str | float | None] | None = None) -> None:
    """Log something that an operator wants to know, such as that the service stops.

    Args:
        message: The same for all events of a kind.
        fields: What belongs to it, such as `{"n_streams": 2}`; None is left out.
    """
    _events.info(message, extra=dict(fields or {}))


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    text = str(value)
    return _short_without_secrets(text) if len(text) <= SHORT else without_secrets(text)


@lru_cache(maxsize=1024)
def _short_without_secrets(text: str) -> str:
    """Return the same; routes, methods and names come again with each request, and searching them takes a while."""
    return without_secrets(text)


def _error(
    kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
) -> dict[str, Any] | None:
    """Return an exception as fields: what, why, and where, the innermost call last."""
    if kind is None or error is None:
        return None
    frames = traceback.extract_tb(trace)[-N_FRAMES:]
    cause = error.__cause__ or error.__context__
    return {
        "type": kind.__qualname__,
        "message": without_secrets(str(error)),
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
        **({"cause": f"{type(cause).__qualname__}: {without_secrets(str(cause))}"} if cause is not None else {}),
    }
