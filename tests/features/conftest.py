"""Small datasets of real files and frontends that are cheap to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.data.clip import Clip
from earmark.data.dataset import Dataset

if TYPE_CHECKING:
    from pathlib import Path

RATE_HZ = 8000

MakeDataset = Callable[..., Dataset]


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """Return a function that writes noise of the given lengths in seconds as WAV files and makes them a dataset."""

    def make(*durations_s: float, name: str = "noise", seed: int = 3) -> Dataset:
        rng = np.random.default_rng(seed)
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        clips = []
        for index, duration_s in enumerate(durations_s):
            path = folder / f"{index}.wav"
            soundfile.write(path, 0.1 * rng.standard_normal(round(duration_s * RATE_HZ)), RATE_HZ, subtype="PCM_16")
            clips.append(Clip(path.name, path, ("noise",), f"group{index % 2}"))
        return Dataset.of(name, clips)

    return make
