"""How often faults of kinds never trained on are found, on sources never trained on.

The effects of each type are dealt into folds; for each fold the design is trained without its effects and tested on
clips that have one of them. Thresholds are moved until 5 % of the clean test clips are flagged, so the table compares
kinds and designs; it promises nothing for other sound. Any type counts as found.

    python -m benchmarks.distortion_unseen CORPUS [FOLDS]
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.distortion.corpus.faults import effects_of
from earmark.distortion.designs.table import DESIGNS
from earmark.distortion.material import CorpusMaterial, load_material
from earmark.distortion.pipeline import SHIPPED_DESIGN
from earmark.distortion.scorecard import Figure, recall_by_effect, thresholds_at
from earmark.distortion.severity import KINDS
from earmark.distortion.training import train_design
from earmark.features.store import default_store

if TYPE_CHECKING:
    from earmark.distortion.designs.base import Design

FALSE_ALARMS = 0.05


def main(corpus: Path, n_folds: int = 4) -> None:
    """Print the recall of each kind when it was never trained on."""
    material = load_material(corpus, _design().frontend, store=default_store())
    # Only whether a fault is there is asked for: severities would double the time.
    material = replace(material, severity=np.full_like(material.severity, np.nan))
    found: list[Figure] = []
    for fold in range(n_folds):
        held_out = {name for kind in KINDS for name in effects_of(kind)[fold::n_folds]}
        found += _recall(material, held_out)
    for figure in sorted(found, key=lambda each: each.value):
        print(f"{figure.name:16} {figure.value:.2f}  [{figure.low:.2f}, {figure.high:.2f}]  {figure.n_clips} clips")
    print(f"mean of {len(found)} kinds: {np.mean([figure.value for figure in found]):.3f}")


def _recall(material: CorpusMaterial, held_out: set[str]) -> list[Figure]:
    keeps = [row.split == "test" or not held_out.intersection(row.effects) for row in material.rows]
    trained = train_design(_design(), material.where(np.array(keeps)))
    answers = trained.answer(material.of("test"))
    answers = replace(answers, thresholds=thresholds_at(answers, FALSE_ALARMS))
    return [figure for figure in recall_by_effect(answers) if figure.name in held_out]


def _design() -> Design:
    return DESIGNS[SHIPPED_DESIGN]()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
