"""A results folder and its copy in object storage: what others have done comes in, what is done here goes out.

Results are written here first, so losing the network loses nothing; `sync` sends what storage lacks. Several machines
may use one address at once: a trial's files are named by what it depends on, its JSON is sent after its probabilities,
each object appears whole or not at all, and nothing is ever deleted. Failed trials stay on the machine where they
failed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from earmark.core.errors import ConfigError, EarmarkError
from earmark.core.files import write_bytes
from earmark.core.progress import SILENT
from earmark.core.settings import settings
from earmark.data.storage_client import ObjectStore, is_address
from earmark.experiments.journal import read_journal
from earmark.experiments.results import TRIALS, ResultsStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from pathlib import Path
    from types import TracebackType

    from earmark.core.progress import Progress
    from earmark.data.storage_client import RemoteObject

T = TypeVar("T")
R = TypeVar("R")

QUIET_S = 60.0  # so long nothing is sent after a failure; the trials in between are sent later
_JOURNAL = re.compile(r"plan\.json|dataset-[^/]+\.json")
_LOG = logging.getLogger(__name__)


def mirror_address(text: str) -> str:
    """Return the address that a plan's `results_mirror` means: as it stands, or a name below the `results_url`.

    Raises:
        ConfigError: A bucket has to be filled in and none is set, or the name is not one.
    """
    if not text.strip("/ "):
        raise ConfigError('results_mirror: expected a name, or an address such as "gs://bucket/results/birds"')
    address = text if is_address(text) else f"{settings().results_url.rstrip('/')}/{text.strip('/')}"
    bucket = settings().gcs_bucket_name
    if "{bucket}" in address and not bucket:
        raise ConfigError(f'results_mirror: "{text}" lies in {address}; name the bucket with GCS_BUCKET_NAME')
    return address.replace("{bucket}", bucket or "")


def share_report(folder: Path, files: Sequence[Path]) -> str:
    """Send the files of a report to where the folder's plan shares its results; returns the address, or nothing.

    Raises:
        ConfigError: The address needs a bucket that is not set.
        StoreError: The folder holds no plan, or storage refuses or cannot be reached.
    """
    name = str(read_journal(folder).plan.get("results_mirror") or "")
    if not name:
        return ""
    with closing(ResultsMirror(name, folder)) as mirror:
        mirror.push_files(files)
    return mirror.address


@dataclass(frozen=True)
class Exchanged:
    """How many trials came in and went out."""

    n_pulled: int
    n_pushed: int


class ResultsMirror:
    """Keeps a results folder and an address in storage alike; as a block it does so once more at its end.

    Raises:
        ConfigError: The address needs a bucket that is not set.
        DataError: The address is of no known kind.

    Example:
        >>> with ResultsMirror("memory://bucket/results/birds", Path("results/birds")) as mirror:  # doctest: +SKIP
        ...     mirror.sync()
        ...     mirror.push_trial("0123456789abcdef")
    """

    def __init__(self, address: str, folder: Path, progress: Progress = SILENT) -> None:
        self.address = mirror_address(address)
        self._store = ObjectStore(self.address)
        self._folder = folder
        self._progress = progress
        self._pool = ThreadPoolExecutor(settings().storage_concurrency, thread_name_prefix="results")
        self._lock = threading.Lock()
        self._sending: set[Future[None]] = set()
        self._waiting: set[str] = set()
        self._broken: set[str] = set()  # in storage
        self._quiet_until_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                wait(self._sending)
                self.sync()
        finally:
            self.close()

    def close(self) -> None:
        """End what runs in the background; what was not sent is left to the next `sync`."""
        self._store.stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def sync(self) -> Exchanged:
        """Fetch trials that are not here, then send those that storage lacks.

        Raises:
            StoreError: Storage refuses or cannot be reached, or the folder cannot be written. What was exchanged
                until then stays, and the next call does the rest.
        """
        there = self._list()
        return Exchanged(self._pull(there), self._push(there))

    def pull(self) -> int:
        """Fetch trials that are not here; returns how many. Raises StoreError, see `sync`."""
        return self._pull(self._list())

    def push(self) -> int:
        """Send trials that storage lacks; returns how many. Raises StoreError, see `sync`."""
        return self._push(self._list())

    def push_files(self, files: Sequence[Path]) -> None:
        """Send files of the folder, such as a report, in place of what storage has. Raises StoreError, see `sync`."""
        self._each(lambda file: self._store.send(file, self._path(file.name)), files, "send files")

    def push_trial(self, key: str) -> None:
        """Send the result of a trial in the background; what cannot be sent is left to the next `sync`."""
        with self._lock:
            self._waiting.add(key)
            if time.monotonic() < self._quiet_until_s:
                return
            keys, self._waiting = self._waiting, set()
            self._sending = {future for future in self._sending if not future.done()}
            self._sending.update(self._pool.submit(self._send_if_possible, waiting) for waiting in keys)

    def _send_if_possible(self, key: str) -> None:
        if time.monotonic() >= self._quiet_until_s:
            try:
                self._send_trial(key)
            except EarmarkError as error:
                _LOG.info("result %s is sent later: %s", key, error)
                self._quiet_until_s = time.monotonic() + QUIET_S
            else:
                return
        with self._lock:
            self._waiting.add(key)

    def _path(self, name: str) -> str:
        return f"{self._store.path}/{name}"

    def _list(self) -> dict[str, RemoteObject]:
        return {item.path.removeprefix(self._path("")): item for item in self._store.list_objects()}

    def _pull(self, there: dict[str, RemoteObject]) -> int:
        """Fetch what is not here; returns how many trials came."""
        names = [name for name in there if _JOURNAL.fullmatch(name) and not (self._folder / name).exists()]
        self._each(lambda name: self._store.fetch(there[name], self._folder / name), names, "fetch the plan")
        results = ResultsStore(self._folder)
        keys = [key for name in there if (key := _key_of(name)) and not results.is_done(key)]
        whole = self._each(lambda key: self._fetch_trial(key, there), keys, "fetch results")
        self._broken.update(key for key, came in zip(keys, whole, strict=True) if not came)
        return sum(whole)

    def _fetch_trial(self, key: str, there: dict[str, RemoteObject]) -> bool:
        """Fetch a trial, its JSON last; returns whether its two files belong together."""
        content = self._store.read(self._path(f"{TRIALS}/{key}.json"))
        sidecar = there.get(f"{TRIALS}/{key}.npz")
        n_bytes = _npz_bytes(content)
        if sidecar is None or n_bytes != sidecar.size_bytes:
            return False
        self._store.fetch(sidecar, self._folder / TRIALS / f"{key}.npz")
        write_bytes(self._folder / TRIALS / f"{key}.json", content)
        return True

    def _push(self, there: dict[str, RemoteObject]) -> int:
        files = [path for path in sorted(self._folder.glob("*.json")) if _JOURNAL.fullmatch(path.name)]
        changed = [path for path in files if not _is_same(path, there.get(path.name))]
        self._each(lambda path: self._store.send(path, self._path(path.name)), changed, "send the plan")
        here = sorted(path.stem for path in (self._folder / TRIALS).glob("*.json"))
        keys = [key for key in here if key in self._broken or not self._is_there(key, there)]
        return sum(self._each(self._send_trial, keys, "send results"))

    def _is_there(self, key: str, there: dict[str, RemoteObject]) -> bool:
        facts, sidecar = there.get(f"{TRIALS}/{key}.json"), there.get(f"{TRIALS}/{key}.npz")
        try:
            n_bytes = (self._folder / TRIALS / f"{key}.npz").stat().st_size
        except OSError:  # then there is nothing better to send
            return True
        return facts is not None and sidecar is not None and sidecar.size_bytes == n_bytes

    def _send_trial(self, key: str) -> bool:
        """Send a trial, its JSON last; returns whether it is whole here."""
        facts, sidecar = (self._folder / TRIALS / f"{key}{suffix}" for suffix in (".json", ".npz"))
        try:
            whole = _npz_bytes(facts.read_bytes()) == sidecar.stat().st_size
        except OSError:  # it was damaged and moved aside meanwhile
            return False
        if whole:
            for file in (sidecar, facts):
                self._store.send(file, self._path(f"{TRIALS}/{file.name}"))
            self._broken.discard(key)
        return whole

    def _each(self, action: Callable[[T], R], items: Sequence[T], label: str) -> list[R]:
        """Return what an action makes of each item, several at once; the first error ends it."""
        if not items:
            return []
        self._progress.start(f"{label} ({self.address})", len(items))
        futures = [self._pool.submit(action, item) for item in items]
        try:
            for future in as_completed(futures):
                future.result()
                self._progress.advance()
        except BaseException:
            self._store.stop.set()
            for future in futures:
                future.cancel()
            wait(futures)
            self._store.stop.clear()
            raise
        return [future.result() for future in futures]


def _key_of(name: str) -> str:
    """Return the key of the trial whose JSON an object is, or nothing."""
    folder, _, file = name.rpartition("/")
    return file.removesuffix(".json") if folder == TRIALS and file.endswith(".json") else ""


def _npz_bytes(content: bytes) -> int | None:
    """Return how long the probabilities of a trial are, as its JSON says; None where it is not whole."""
    try:
        found = json.loads(content)["npz_bytes"]
    except (ValueError, LookupError, TypeError):
        return None
    return found if isinstance(found, int) else None


def _is_same(path: Path, there: RemoteObject | None) -> bool:
    """Return whether storage holds the content of a file; without a checksum it is taken to differ."""
    if there is None or there.md5 is None:
        return False
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == there.md5
