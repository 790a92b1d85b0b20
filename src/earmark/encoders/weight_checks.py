"""Nothing unverified is used: checksums of weights, remembered while a file does not change.

Reading 52 MB for its SHA-256 takes 50-120 ms, a PANNs checkpoint six times that, and every worker process asks.
Where the makers publish no checksum, that of the first use is kept, and any other file is refused from then on.
"""

from __future__ import annotations

import hashlib
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from earmark.core.errors import StoreError, WeightsError
from earmark.core.files import read_json, write_json
from earmark.core.identity import fingerprint
from earmark.core.settings import settings

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.encoders.zoo import WeightsEntry

Algorithm = Literal["sha256", "md5"]
Check = Literal["SHA-256", "MD5", "first use"]
_NAMES: dict[Algorithm, Check] = {"sha256": "SHA-256", "md5": "MD5"}
log = logging.getLogger(__name__)


def weights_cache() -> Path:
    """Return the folder of fetched weights, of graphs made from them, and of what is known about both."""
    return settings().cache_dir / "weights"


def checksum(path: Path, algorithm: Algorithm = "sha256", *, fresh: bool = False) -> str:
    """Return the checksum of a file's bytes in hexadecimal.

    A file whose size and times have not changed since it was last read is not read again, unless `fresh`.

    Raises:
        OSError: The file cannot be read.
    """
    memory = weights_cache() / "checked" / f"{fingerprint(str(path.absolute()))}.json"
    status = path.stat()
    # ctime: a tool that keeps the time of change (cp -p, rsync -t) may put another file of equal length in its place
    stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    known = _recall(memory)
    if known.get("stamp") != stamp:
        known = {"path": str(path.absolute()), "stamp": stamp}
    found = known.get(algorithm)
    if fresh or not isinstance(found, str):
        from earmark.features.store import SETTLED_NS

        with path.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
        if time.time_ns() - status.st_mtime_ns > SETTLED_NS:
            _remember(memory, known | {algorithm: found})
    return found


def check_weights(entry: WeightsEntry, path: Path, *, fresh: bool = False, arriving: bool = False) -> Check:
    """Return by which checksum a file is what the table says.

    Args:
        entry: What it should be.
        path: The file.
        fresh: Read it even if it has not changed since it was last read.
        arriving: It was downloaded just now and has no place yet, which the message leaves out.

    Raises:
        WeightsError: It is another file.
        OSError: It cannot be read.
    """
    published: tuple[tuple[Algorithm, str], ...] = (("sha256", entry.sha256), ("md5", entry.md5))
    for algorithm, expected in published:
        if expected:
            found = checksum(path, algorithm, fresh=fresh)
            if found != expected:
                where, remedy = _place(path, arriving)
                raise WeightsError(
                    f'{where}{_NAMES[algorithm]} {found[:16]}..., but weights "{entry.name}" have '
                    f"{expected[:16]}...{remedy}"
                )
            return _NAMES[algorithm]
    return _check_first_use(entry, path, fresh=fresh, arriving=arriving)


def first_use_record(entry: WeightsEntry) -> Path:
    """Return the file that keeps the checksum of the first use of weights whose makers publish none."""
    return weights_cache() / "first-use" / f"{entry.name}.json"


def _place(path: Path, arriving: bool) -> tuple[str, str]:
    """Return the beginning and the end of a message about a file."""
    return ("what came has ", "") if arriving else (f"{path}: ", "; delete the file and fetch it again")


def _check_first_use(entry: WeightsEntry, path: Path, *, fresh: bool, arriving: bool) -> Check:
    record = first_use_record(entry)
    found = checksum(path, fresh=fresh)
    first = _recall(record)
    if "sha256" not in first:
        today = datetime.now(UTC).date().isoformat()
        log.warning(
            'weights "%s": their makers publish no checksum; SHA-256 %s is kept in %s and expected from now on',
            entry.name,
            found,
            record,
        )
        _remember(record, {"sha256": found, "size_bytes": path.stat().st_size, "date": today})
    elif first["sha256"] != found:
        where, remedy = _place(path, arriving)
        raise WeightsError(
            f'{where}SHA-256 {found[:16]}..., but weights "{entry.name}" had {str(first["sha256"])[:16]}... when they '
            f"were first used ({first.get('date')}; their makers publish no checksum){remedy}; delete {record} if you "
            "trust the new one"
        )
    return "first use"


def _recall(file: Path) -> dict[str, object]:
    if not file.exists():
        return {}
    try:
        known = read_json(file)
    except StoreError as error:
        log.warning("%s; the weights are read again", error)
        return {}
    return known if isinstance(known, dict) else {}


def _remember(file: Path, known: dict[str, object]) -> None:
    try:
        write_json(file, known)
    except StoreError as error:  # a read-only cache still serves what it holds
        log.warning("%s; the weights are read again next time", error)
