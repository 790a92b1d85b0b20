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

BESIDE = ".weights"

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
    target, source = _place(name, version, ())
    if source is None:
        return target
    content = convert(source)
    return target if _kept(name, {target: content}) else content


def converted_pair(name: str, convert: Callable[[Path, str], tuple[bytes, bytes]], *, version: int) -> Path | None:
    """Return the file with the graph that `convert` makes of weights, its own large weights in a file beside it.

    `convert` gets the verified file and the name that the second file will have, and returns both contents. None where
    the cache is read-only; the rest is as for `converted_file`.

    Raises:
        WeightsError: The weights are missing or damaged.
    """
    target, source = _place(name, version, (BESIDE,))
    if source is None:
        return target
    beside = target.with_suffix(BESIDE)
    graph, weights = convert(source, beside.name)
    return target if _kept(name, {beside: weights, target: graph}) else None


def _place(name: str, version: int, beside: tuple[str, ...]) -> tuple[Path, Path | None]:
    """Return where the graph lies or will lie, and the weights to make it of; None where it is there already."""
    entry = WEIGHTS.get(name)
    if entry and entry.sha256 and weights_at_hand(name) is None:
        made = _graph_path(name, entry.sha256, version)
        if _is_there(made, beside):
            return made, None
    source = weights_path(name)
    target = _graph_path(name, checksum(source), version)
    return target, None if _is_there(target, beside) else source


def _is_there(graph: Path, beside: tuple[str, ...]) -> bool:
    return graph.is_file() and all(graph.with_suffix(suffix).is_file() for suffix in beside)


def _kept(name: str, contents: dict[Path, bytes]) -> bool:
    """Write files in order; return whether the cache takes them."""
    try:
        for path, content in contents.items():
            write_bytes(path, content)
    except StoreError as error:  # a read-only cache costs the time of a conversion, not the work
        log.warning('%s; the graph of weights "%s" is made again next time', error, name)
        return False
    return True


def _graph_path(name: str, sha256: str, version: int) -> Path:
    return weights_cache() / f"{name}-{sha256[:16]}-v{version}.onnx"


def converted_files(name: str) -> list[Path]:
    """Return the graphs that were made of the weights of this name, the newest first."""
    made = weights_cache().glob(f"{name}-{'?' * 16}-v*.onnx")
    return sorted(made, key=lambda path: path.stat().st_mtime_ns, reverse=True)
