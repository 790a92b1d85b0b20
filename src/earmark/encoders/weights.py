"""Find, fetch and verify pretrained weights."""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.core.errors import ConfigError, ModelError, WeightsError, did_you_mean
from earmark.core.progress import SILENT
from earmark.core.settings import settings
from earmark.encoders.weight_checks import check_weights
from earmark.encoders.weight_sources import by_hand, fetch, is_near, near_file, sources_of
from earmark.encoders.zoo import WEIGHTS, WeightsEntry

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.core.progress import Progress
    from earmark.encoders.weight_checks import Check

__all__ = [
    "WEIGHTS",
    "FoundWeights",
    "WeightsEntry",
    "find_weights",
    "get_weights",
    "prepare_weights",
    "verify_weights",
    "weights_at_hand",
    "weights_path",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundWeights:
    """A file of weights on this machine, verified.

    Attributes:
        entry: What it is.
        path: Where it is.
        source: The source that had it, such as "cache:NAME".
        check: By which checksum it is what it should be.
    """

    entry: WeightsEntry
    path: Path
    source: str
    check: Check

    @property
    def was_fetched(self) -> bool:
        """Whether it came over the network just now."""
        return not is_near(self.source)


def find_weights(name: str) -> WeightsEntry:
    """Return the entry of this name in the table.

    Raises:
        ConfigError: No entry has it; the message names the nearest.
    """
    if name not in WEIGHTS:
        raise ConfigError(f'weights "{name}" are not known{did_you_mean(name, WEIGHTS)}')
    return WEIGHTS[name]


def weights_path(name: str) -> Path:
    """Return the verified local file of an entry, fetched into the cache if need be.

    Raises:
        ConfigError: The name is not in the table.
        WeightsError: No source has it, or a local file does not match its checksum.
        StoreError: The cache cannot be written.
    """
    found = get_weights(name)
    if found.was_fetched:
        limits = ", no commercial use" if found.entry.non_commercial else ""
        log.warning('weights "%s" were fetched; licence: %s%s', name, found.entry.licence, limits)
    return found.path


def get_weights(name: str, progress: Progress = SILENT) -> FoundWeights:
    """Return the verified local file of an entry with where it was found, fetched into the cache if need be.

    A file of the user's that fails its checksum is an error; a damaged one in the cache is fetched anew.

    Raises:
        ConfigError: The name is not in the table.
        WeightsError: No source has it, or a local file does not match its checksum.
        StoreError: The cache cannot be written.
    """
    entry = find_weights(name)
    tried = []
    for source in sources_of(entry):
        try:
            path = near_file(source) if is_near(source) else fetch(entry, source, progress)
        except (WeightsError, OSError) as error:
            tried.append(f"{source} ({error})")
            continue
        try:
            return FoundWeights(entry, path, source, _checked(entry, path))
        except WeightsError as error:
            if not source.startswith("cache:"):
                raise
            tried.append(f"{source} ({error})")
    remedy = by_hand(entry)
    if settings().offline and not all(map(is_near, entry.sources)):
        remedy += "; or, with network here, unset EARMARK_OFFLINE"
    raise WeightsError(f'weights "{name}" were found nowhere; tried {"; ".join(tried)}. What to do: {remedy}')


def weights_at_hand(name: str) -> Path | None:
    """Return where an entry's file is on this machine, without reading it, or None if it would have to be fetched.

    Raises:
        ConfigError: The name is not in the table.
    """
    for source in filter(is_near, sources_of(find_weights(name))):
        try:
            return near_file(source)
        except (WeightsError, OSError):
            continue
    return None


def verify_weights(name: str) -> FoundWeights:
    """Read the file of an entry that is on this machine in full, and return it if it is what it should be.

    Raises:
        ConfigError: The name is not in the table.
        WeightsError: There is no file, or it is another one.
    """
    entry = find_weights(name)
    for source in filter(is_near, sources_of(entry)):
        try:
            path = near_file(source)
        except (WeightsError, OSError):
            continue
        return FoundWeights(entry, path, source, _checked(entry, path, fresh=True))
    raise WeightsError(f'weights "{name}" are not on this machine; {by_hand(entry)}')


def prepare_weights(entry: WeightsEntry) -> None:
    """Make the graph of fetched weights now instead of at their first use, where they need one.

    Raises:
        ModelError: The function that makes it is not there, or cannot make it.
        MissingExtraError: It needs a package that is not installed.
    """
    if not entry.prepare:
        return
    module, _, function = entry.prepare.partition(":")
    try:
        prepare = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ModelError(f'weights "{entry.name}": "{entry.prepare}" cannot be loaded ({error})') from error
    prepare()


def _checked(entry: WeightsEntry, path: Path, *, fresh: bool = False) -> Check:
    try:
        return check_weights(entry, path, fresh=fresh)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error}); check its permissions") from error
