"""What a bundle is measured against: the right answers in its own order of labels, and groups that it already knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from earmark.data.clip import Clip
    from earmark.data.dataset import Dataset


def answers_of(clips: Iterable[Clip], labels: tuple[str, ...]) -> NDArray[np.float32]:
    """Return the targets of clips in the order of a bundle's labels, float32 (n_clips, n_labels).

    Raises:
        DataError: A clip has a label that the bundle does not know.
    """
    rows = []
    for clip in clips:
        for label in clip.labels:
            if label not in labels:
                hint = did_you_mean(label, labels)
                raise DataError(f'{clip.path}: label "{label}" is not one of the bundle\'s{hint}')
        rows.append([label in clip.labels for label in labels])
    return np.array(rows, dtype=np.float32)


def seen_groups(provenance: dict[str, Any], dataset: Dataset) -> tuple[str, ...]:
    """Return the groups of a dataset that a bundle was trained on, as far as its provenance tells."""
    sources = [provenance, provenance.get("extra") or {}]
    seen = {group for source in sources if source.get("dataset") == dataset.name for group in source["groups"]}
    return tuple(sorted(seen & set(dataset.groups.tolist())))
