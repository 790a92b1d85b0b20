"""Results of trials that were never run, to put into folders and to look for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.experiments.results import ResultsStore
from earmark.experiments.trial import Trial, TrialResult

if TYPE_CHECKING:
    from pathlib import Path


def put_result(folder: Path, seed: int, fit_s: float = 1.0) -> str:
    """Write the result of a trial into a results folder; return its key."""
    trial = Trial("svm", "all", 100, "theo", seed, "d", "f", "s", "p")
    result = TrialResult(
        trial=trial,
        metrics={"accuracy": 0.5},
        clips=np.array([1, 0]),
        probabilities=np.array([[0.25, 0.75], [1, 0]], dtype=np.float32),
        fit_s=fit_s,
        score_s=0.5,
        peak_memory_bytes=7,
        warnings=(),
        environment={"python": "3"},
    )
    ResultsStore(folder).save(result, np.array([10, 11]))
    return trial.key


def keys_in(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "trials").glob("*.json"))
