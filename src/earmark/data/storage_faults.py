"""What went wrong between this machine and object storage, in words, and whether trying again may help.

Every kind of storage has its own errors for the same few things. They are told apart by HTTP status and by the names
of their classes, so that none of the libraries has to be loaded for it.
"""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from earmark.core.errors import StoreError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

T = TypeVar("T")

FaultKind = Literal["missing", "denied", "unreachable", "busy", "damaged", "disk", "other"]
PASSING: frozenset[FaultKind] = frozenset({"unreachable", "busy", "damaged"})
# Nothing else in the same bucket will fare better.
GENERAL: frozenset[FaultKind] = frozenset({"denied", "unreachable", "disk"})

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
_LONGEST_REASON = 200
_BUSY_STATUS = frozenset({408, 425, 429})
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})
_MISSING = {"FileNotFoundError"}
_DENIED = {
    "PermissionError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "TokenRetrievalError",
    "UnauthorizedSSOTokenError",
    "SSOTokenLoadError",
    "DefaultCredentialsError",
    "RefreshError",
    "NonRetryableError",
}
_UNREACHABLE = {
    "ClientConnectorError",
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ConnectionTimeoutError",
    "ConnectionRefusedError",
    "NewConnectionError",
    "TransportError",
    "gaierror",
}
_BROKEN = {
    "ClientPayloadError",
    "ClientConnectionError",
    "HttpProcessingError",
    "ServerDisconnectedError",
    "ServerTimeoutError",
    "IncompleteRead",
    "IncompleteReadError",
    "ResponseStreamingError",
    "ResponseParserError",
    "HTTPClientError",
    "ProxyError",
    "ConnectionError",
    "TimeoutError",
    "FSTimeoutError",
}
_SILENT = {"TimeoutError", "FSTimeoutError", "ServerTimeoutError", "ReadTimeoutError"}
_DAMAGED = {"ChecksumError", "FlexibleChecksumError", "DamagedError", "JSONDecodeError", "UnicodeDecodeError"}


class StorageError(StoreError):
    """Report an object or bucket that cannot be listed, fetched or written; `kind` says why."""

    def __init__(self, message: str, kind: FaultKind = "other") -> None:
        super().__init__(message, kind)  # another process gets an error as the arguments of its constructor
        self.message = message
        self.kind = kind

    def __str__(self) -> str:
        return self.message


class DamagedError(StoreError):
    """Report bytes that are not the ones that storage says it holds; the next try may bring the right ones."""


@dataclass(frozen=True)
class Fault:
    """What went wrong: the kind that decides what to do, and the reason in words."""

    kind: FaultKind
    reason: str


def fault_of(error: BaseException) -> Fault:
    """Return what an error of any kind of storage means."""
    if isinstance(error, StorageError):
        return Fault(error.kind, error.message)
    names = {cls.__name__ for link in _chain(error) for cls in type(link).__mro__}
    status = next((found for link in _chain(error) if (found := _status(link)) is not None), 0)
    signs: tuple[tuple[FaultKind, bool], ...] = (
        ("disk", isinstance(error, OSError) and error.errno in _DISK),
        ("damaged", bool(names & _DAMAGED)),
        ("denied", status in {401, 403} or bool(names & _DENIED) or "Forbidden: " in str(error)),
        ("missing", status == 404 or bool(names & _MISSING)),
        ("busy", status in _BUSY_STATUS or status >= 500),
        ("unreachable", bool(names & _UNREACHABLE)),
        ("busy", bool(names & _BROKEN)),
    )
    kind: FaultKind = next((kind for kind, holds in signs if holds), "other")
    if kind == "busy":
        said = f"the server answered {status}" if status in _BUSY_STATUS or status >= 500 else ""
        return Fault(kind, said or ("the server fell silent" if names & _SILENT else f"broken off: {_words(error)}"))
    return Fault(kind, _words(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it; libraries often hide the status one step back."""
    link: BaseException | None = error
    for _ in range(8):
        if link is None:
            return
        yield link
        link = link.__cause__


def _status(error: BaseException) -> int | None:
    """Return the HTTP status that an error of botocore (response), aiohttp (status) or gcsfs (code) carries."""
    response = getattr(error, "response", None)
    metadata = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
    value = metadata.get("HTTPStatusCode") or getattr(error, "status", None)
    if value is None:  # aiohttp warns of its own old attribute "code"
        value = getattr(error, "code", None)
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else None


def _words(error: BaseException) -> str:
    """Return the line of an error's text that says most, or its kind where it has none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines and lines[0].startswith("Forbidden: ") else next(iter(lines), "")
    return text[:_LONGEST_REASON] or type(error).__name__


def keep_trying(
    action: Callable[[], T], n_retries: int, explain: Callable[[Fault, str], StorageError], stop: threading.Event
) -> T:
    """Return what an action returns, tried again with growing pauses where the fault may pass.

    Args:
        action: One try.
        n_retries: How many more.
        explain: Makes the error from a fault and a remark such as "tried 6 times in 16 s".
        stop: Ends the waiting; the fault at hand is the last.

    Raises:
        StorageError: The last try failed, or the fault does not pass.
    """
    begin_s = time.monotonic()
    n_tries = 0
    while True:
        n_tries += 1
        try:
            return action()
        except Exception as error:  # whatever a library raises, it is one clear error in the end
            fault = fault_of(error)
            pause_s = min(FIRST_PAUSE_S * 2 ** (n_tries - 1), LONGEST_PAUSE_S)
            if fault.kind not in PASSING or n_tries > n_retries or stop.wait(pause_s):
                elapsed_s = time.monotonic() - begin_s
                remark = f"tried {n_tries} times in {elapsed_s:.0f} s" if n_tries > 1 else ""
                raise explain(fault, remark) from error
