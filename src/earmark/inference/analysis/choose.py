"""What counts as heard: thresholds, class lists, the likeliest few."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import ConfigError, DataError
from earmark.models.zero_shot import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SILENCE_DB = -90.0  # below the last bit of 16-bit audio: nothing was recorded
LEAST_POWER = 10 ** (SILENCE_DB / 10)


@dataclass(frozen=True, eq=False)
class Chooser:
    """Chooses what counts among probabilities.

    Attributes:
        thresholds: float32 (n_classes,).
        allowed: bool (n_classes,), the labels that were asked for and can be.
        exclusive: Whether only one label can be true at a time: then a label that was not asked for still wins.
        most: How many labels of a window count at most; None: as many as reach their thresholds.
    """

    thresholds: NDArray[np.float32]
    allowed: NDArray[np.bool_]
    exclusive: bool
    most: int | None

    def __call__(self, probabilities: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return rows and columns of what counts, by row, then column; of probabilities (n_windows, n_classes)."""
        heard = (probabilities >= self.thresholds) & self.allowed
        most = 1 if self.exclusive and self.most is None else self.most
        if most is not None and most < probabilities.shape[1]:
            among = probabilities if self.exclusive else np.where(self.allowed, probabilities, -1)
            likeliest = np.argsort(-among, axis=1, kind="stable")[:, :most]
            within = np.zeros_like(heard)
            np.put_along_axis(within, likeliest, values=True, axis=1)
            heard &= within
        rows, columns = heard.nonzero()
        return rows, columns


def silent_windows(windows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which windows (n_windows, n_samples) are below -90 dB re full scale, bool (n_windows,)."""
    power = np.einsum("ij,ij->i", windows, windows, dtype=np.float64) / windows.shape[1]
    return np.asarray(power < LEAST_POWER)


def find_labels(wanted: Sequence[str], names: Sequence[Sequence[str]], model: str) -> NDArray[np.bool_]:
    """Return which labels are wanted, bool (n_classes,).

    Args:
        wanted: Names of labels; case and punctuation do not count.
        names: For each label all names that it answers to.
        model: For messages.

    Raises:
        ConfigError: A name is none of the model's; the message says which come near.
    """
    places: dict[str, set[int]] = {}
    for place, aliases in enumerate(names):
        for alias in aliases:
            places.setdefault(normalised(alias), set()).add(place)
    allowed = np.zeros(len(names), dtype=np.bool_)
    for name in wanted:
        if normalised(name) not in places:
            near = get_close_matches(normalised(name), places, n=3, cutoff=0.6)
            shown = ", ".join(f'"{names[min(places[each])][0]}"' for each in near)
            hint = f"; did you mean {shown}?" if shown else f" (it has {len(names):,})"
            raise ConfigError(f'--labels: "{name}" is no label of {model}{hint}')
        allowed[sorted(places[normalised(name)])] = True
    return allowed


def read_label_list(path: Path) -> list[str]:
    """Return the names in a file, one per line; empty lines and those that begin with # are passed over.

    BirdNET's species lists ("Canis latrans_Coyote") are such files.

    Raises:
        DataError: It cannot be read, or names nothing.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a list of labels ({error}); expected one name per line") from error
    names = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not names:
        raise DataError(f"{path}: names no label, expected one per line")
    return names
