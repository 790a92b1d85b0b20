"""Errors of every kind of storage become one of a few faults."""

from __future__ import annotations

import errno
import json
import pickle
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import StoreError
from earmark.data import storage_faults
from earmark.data.storage_faults import DamagedError, Fault, FaultKind, StorageError, fault_of, keep_trying

if TYPE_CHECKING:
    from collections.abc import Callable

aiohttp: Any = pytest.importorskip("aiohttp")
requests: Any = pytest.importorskip("requests")
amazon: Any = pytest.importorskip("botocore.exceptions")
google: Any = pytest.importorskip("google.auth.exceptions")
gcsfs: Any = pytest.importorskip("gcsfs.retry")


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def client_error(status: int, code: str = "Other") -> Exception:
    response = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error: Exception = amazon.ClientError(response, "GetObject")
    return error


CASES: list[tuple[BaseException, FaultKind, str]] = [
    (FileNotFoundError("b/calls/o"), "missing", "b/calls/o"),
    (gcsfs.HttpError({"code": 404, "message": "No such object"}), "missing", "No such object"),
    (gcsfs.HttpError({"code": "404", "message": "No such object"}), "missing", "No such object"),
    (PermissionError("Access Denied"), "denied", "Access Denied"),
    (OSError("Forbidden: b/calls/o\nno access for you"), "denied", "no access for you"),
    (gcsfs.HttpError({"code": 401, "message": "Invalid Credentials"}), "denied", "Invalid Credentials"),
    (amazon.NoCredentialsError(), "denied", "Unable to locate credentials"),
    (google.RefreshError("expired"), "denied", "expired"),
    (caused(OSError(5, "x"), client_error(403)), "denied", "x"),
    (gcsfs.HttpError({"code": 503, "message": "later"}), "busy", "the server answered 503"),
    (gcsfs.HttpError({"code": 429, "message": "slow down"}), "busy", "the server answered 429"),
    (caused(OSError(errno.EBUSY, "SlowDown"), client_error(503)), "busy", "the server answered 503"),
    (aiohttp.ClientPayloadError("half"), "busy", "broken off: half"),
    (aiohttp.ServerDisconnectedError(), "busy", "broken off: Server disconnected"),
    (aiohttp.ServerTimeoutError(), "busy", "the server fell silent"),
    (TimeoutError(), "busy", "the server fell silent"),
    (ConnectionResetError(104, "reset"), "busy", "reset"),
    (requests.exceptions.ConnectionError("gone"), "busy", "gone"),
    (amazon.EndpointConnectionError(endpoint_url="http://x"), "unreachable", "Could not connect"),
    (google.TransportError("no route"), "unreachable", "no route"),
    (ConnectionRefusedError(111, "refused"), "unreachable", "refused"),
    (gcsfs.ChecksumError("MD5"), "damaged", "MD5"),
    (DamagedError("3 bytes"), "damaged", "3 bytes"),
    (json.JSONDecodeError("bad", "", 0), "damaged", "bad"),
    (OSError(errno.ENOSPC, "No space left on device"), "disk", "No space left"),
    (ValueError("Bad Request"), "other", "Bad Request"),
    (ValueError(), "other", "ValueError"),
    (StorageError("told already", "denied"), "denied", "told already"),
]


@pytest.mark.parametrize(("error", "kind", "reason"), CASES, ids=lambda value: type(value).__name__)
def test_an_error_of_a_library_is_told_apart(error: BaseException, kind: FaultKind, reason: str) -> None:
    fault = fault_of(error)
    assert fault.kind == kind
    assert reason in fault.reason


def test_a_reason_is_one_line_of_bearable_length() -> None:
    assert len(fault_of(ValueError("x" * 5000)).reason) == 200
    assert "\n" not in fault_of(ValueError("one\ntwo")).reason


def test_a_ring_of_causes_does_not_go_on_for_ever() -> None:
    error = ValueError("ring")
    error.__cause__ = error
    assert fault_of(error) == Fault("other", "ring")


def test_a_storage_error_keeps_its_kind_on_the_way_between_processes() -> None:
    found = pickle.loads(pickle.dumps(StorageError("gs://a: no", "missing")))  # noqa: S301 - made here
    assert (str(found), found.kind) == ("gs://a: no", "missing")
    assert isinstance(found, StoreError)


def explain(fault: Fault, tries: str) -> StorageError:
    return StorageError(f"{fault.reason} [{tries}]", fault.kind)


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_faults, "FIRST_PAUSE_S", 0.001)


def failing(*errors: Exception) -> Callable[[], str]:
    left = list(errors)

    def act() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return act


@pytest.mark.usefixtures("no_pause")
def test_what_passes_is_tried_again() -> None:
    action = failing(TimeoutError(), ConnectionResetError())
    assert keep_trying(action, 2, explain, threading.Event()) == "done"


@pytest.mark.usefixtures("no_pause")
def test_what_does_not_pass_is_told_at_the_last_try() -> None:
    with pytest.raises(StorageError, match=r"^the server fell silent \[tried 3 times in 0 s\]$") as caught:
        keep_trying(failing(*[TimeoutError()] * 5), 2, explain, threading.Event())
    assert caught.value.kind == "busy"
    assert isinstance(caught.value.__cause__, TimeoutError)


def test_a_refusal_is_not_tried_again() -> None:
    begin_s = time.monotonic()
    with pytest.raises(StorageError, match=r"^no \[\]$"):
        keep_trying(failing(PermissionError("no")), 20, explain, threading.Event())
    assert time.monotonic() - begin_s < 0.4


def test_waiting_ends_when_it_is_told_to() -> None:
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    begin_s = time.monotonic()
    with pytest.raises(StorageError, match="the server fell silent"):
        keep_trying(failing(*[TimeoutError()] * 30), 20, explain, stop)
    assert time.monotonic() - begin_s < 5


@pytest.mark.usefixtures("no_pause")
def test_no_retries_means_one_try() -> None:
    with pytest.raises(StorageError, match=r"silent \[\]"):
        keep_trying(failing(TimeoutError()), 0, explain, threading.Event())
