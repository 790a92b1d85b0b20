"""Graphs made once from weights of another format, kept beside the weights in the cache."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from earmark.core.errors import StoreError
from earmark.core.files import write_bytes
from earmark.encoders.weight_checks import checksum, weights_cache
from earmark.encoders.weights import weights_at_hand, weights_path
from earmark.encoders.zoo import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)


def converted_graph(name: str, convert: Callable[[Path], bytes], *, version: int) -> bytes:
    """Return the ONNX graph that `convert` makes of the weights of this name, made once and then read.

    Arguments and errors are those of `converted_file`.

    Raises:
        WeightsError: The weights are missing or damaged.
    """
    found = converted_file(name, convert, version=version)
    return found if isinstance(found, bytes) else found.read_bytes()


def converted_file(name: str, convert: Callable[[Path], bytes], *, version: int) -> Path | bytes:
    """Return the file with the graph that `convert` makes of weights, or the graph where the cache is read-only.

    Where the file itself is gone, the graph that was made of it serves; nothing is fetched to make it again.

    Args:
        name: Its name in the table of weights.
        convert: Gets the verified file, returns the graph.
        version: Raised when `convert` comes to make another graph of the same file.

    Raises:
        WeightsError: The weights are missing or damaged.
    """
    entry = WEIGHTS.get(name)
    if entry and entry.sha256 and weights_at_hand(name) is None:
        made = _graph_path(name, entry.sha256, version)
        if made.is_file():
            return made
    source = weights_path(name)
    target = _graph_path(name, checksum(source), version)
    if target.is_file():
        return target
    content = convert(source)
    try:
        write_bytes(target, content)
    except StoreError as error:  # a read-only cache costs the time of a conversion, not the work
        log.warning('%s; the graph of weights "%s" is made again next time', error, name)
        return content
    return target


def _graph_path(name: str, sha256: str, version: int) -> Path:
    return weights_cache() / f"{name}-{sha256[:16]}-v{version}.onnx"


def converted_files(name: str) -> list[Path]:
    """Return the graphs that were made of the weights of this name, the newest first."""
    made = weights_cache().glob(f"{name}-{'?' * 16}-v*.onnx")
    return sorted(made, key=lambda path: path.stat().st_mtime_ns, reverse=True)
