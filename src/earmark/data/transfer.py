"""One file over HTTP: tried again where the line breaks, and continued where it broke."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from earmark.core.errors import DataError
from earmark.core.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

    from earmark.core.progress import Progress

CONNECT_S, READ_S = 10.0, 60.0
PAUSES_S = (0.5, 2.0, 5.0)  # before the second, third and fourth attempt
LONGEST_PAUSE_S = 30.0  # a server may ask for more patience than a person has
CHUNK_BYTES = 1 << 14  # what a broken line may lose
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


def transfer(
    url: str,
    file: Path,
    *,
    headers: Mapping[str, str] | None = None,
    n_bytes: int = 0,
    label: str = "download",
    progress: Progress = SILENT,
) -> None:
    """Download one address into a file, which is whole if this returns.

    A connection that breaks, a read that stalls and a server that is busy are tried four times, more often as long
    as each attempt brings new bytes; what had come is kept if the server continues where it stopped. A server that
    cannot be reached at all is asked once.

    Args:
        url: The address.
        file: Where the bytes go; give a temporary name, since a failure leaves a part there.
        headers: Sent with each request, such as an authorization.
        n_bytes: Length to show where the server does not say it.
        label: Text beside the progress.
        progress: Receives the bytes.

    Raises:
        DataError: The address gave no whole file; the message is the reason.
        OSError: The file cannot be written.
    """
    from requests import RequestException

    download = _Download(url, dict(headers or {}), n_bytes, label, progress)
    furthest, failures = 0, 0
    with file.open("wb") as out:
        while True:
            try:
                download.attempt(out)
                return
            except RequestException as error:
                # Only what no attempt had brought before counts: a server that breaks at one place is given up.
                furthest, failures = (download.n_have, 0) if download.n_have > furthest else (furthest, failures + 1)
                if failures > len(PAUSES_S) or not _passing(error) or (not furthest and _unreachable(error)):
                    raise DataError(_reason(error)) from error
                time.sleep(max(PAUSES_S[max(failures - 1, 0)], _asked_pause_s(error)))


class _Download:
    """The attempts at one address, and how far they came."""

    def __init__(self, url: str, headers: dict[str, str], n_bytes: int, label: str, progress: Progress) -> None:
        self.n_have = 0
        self._url, self._headers = url, {"Accept-Encoding": "identity"} | headers  # else lengths are of zipped bytes
        self._n_bytes, self._label, self._progress = n_bytes, label, progress
        self._etag = ""
        self._started = False

    def attempt(self, out: BinaryIO) -> None:
        """Write what is missing behind what has come. Raises RequestException where it is not whole."""
        import requests

        with requests.get(self._url, headers=self._asking(), stream=True, timeout=(CONNECT_S, READ_S)) as response:
            response.raise_for_status()
            self._place(response, out)
            self._start(response)
            for chunk in response.iter_content(CHUNK_BYTES):
                out.write(chunk)
                self.n_have += len(chunk)
                self._progress.advance(len(chunk))
        out.flush()

    def _asking(self) -> dict[str, str]:
        if not self.n_have or not self._etag:  # without its mark the rest might be of another version of the file
            return self._headers
        return self._headers | {"Range": f"bytes={self.n_have}-", "If-Range": self._etag}

    def _place(self, response: Any, out: BinaryIO) -> None:
        """Go to where the bytes of this answer belong: behind the others if it continues them, else to the start."""
        begins = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        continues = response.status_code == 206 and begins == str(self.n_have)
        if not continues:
            self.n_have = 0
            out.seek(0)
            out.truncate()
        etag = response.headers.get("ETag", "")
        self._etag = "" if etag.startswith("W/") else etag

    def _start(self, response: Any) -> None:
        n_left = int(response.headers.get("Content-Length", 0) or 0)
        if not self._started or not self.n_have:
            self._progress.start(self._label, self.n_have + n_left if n_left else self._n_bytes)
        self._started = True


def _passing(error: Exception) -> bool:
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        return error.response.status_code in PASSING
    breaks = exceptions.ConnectionError | exceptions.Timeout | exceptions.ChunkedEncodingError
    return isinstance(error, breaks) and not isinstance(error, exceptions.SSLError)


def _unreachable(error: Exception) -> bool:
    """Return whether there is no way to the server at all: no network, no such name, nobody listening."""
    from urllib3.exceptions import NewConnectionError

    return isinstance(getattr(error.args[0] if error.args else None, "reason", None), NewConnectionError)


def _asked_pause_s(error: Exception) -> float:
    response = getattr(error, "response", None)
    asked = "" if response is None else response.headers.get("Retry-After", "")
    return min(float(asked), LONGEST_PAUSE_S) if asked.isdigit() else 0.0


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code}"
    text = str(error)
    return "no answer: " + (text if len(text) < 100 else type(error).__name__)
