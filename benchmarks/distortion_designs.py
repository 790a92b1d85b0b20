"""How well designs tell clips with a type of fault from those without it, on the calibration part of a corpus.

This is what a design is chosen by: sources never trained on, and no clip of the test. By type the area under the ROC
curve, and the recall at 3 % false alarms among clips without the type. With these thresholds also what becomes of two
faults at once: micro-F1, and the share of clips whose five answers are all right. Thresholds are placed on the very
clips: figures compare designs, and promise nothing.

    python -m benchmarks.distortion_designs CORPUS [DESIGN ...]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import roc_auc_score

from earmark.distortion.designs.table import DESIGNS
from earmark.distortion.material import load_material
from earmark.distortion.severity import KINDS
from earmark.distortion.training import TRAINED_ON, train_design
from earmark.features.store import default_store

if TYPE_CHECKING:
    from earmark.distortion.scorecard import Answers

FALSE_ALARMS = 0.03
PAIRS = ("two", "grid-two")


def main(corpus: Path, names: list[str]) -> None:
    """Print the figures of each design, one seed."""
    print(f"{'':10} {'':8} {'  '.join(f'{kind:>11}' for kind in KINDS)}")
    for name in names:
        design = DESIGNS[name]()
        splits = (*TRAINED_ON, "calibrate")
        material = load_material(corpus, design.frontend, splits=splits, store=default_store())
        show(name, train_design(design, material).answer(material.of("calibrate")))


def show(name: str, answers: Answers) -> None:
    """Print the figures of one design."""
    areas, recalls = [], []
    found = np.zeros_like(answers.there)
    for column in range(len(KINDS)):
        asked, margins = answers.asked[:, column], answers.margins[:, column]
        there = answers.there[:, column]
        areas.append(roc_auc_score(there[asked], margins[asked]))
        found[:, column] = margins > np.quantile(margins[asked & ~there], 1 - FALSE_ALARMS)
        recalls.append(found[there, column].mean())
    errors = [
        np.abs(answers.estimates - answers.severity)[answers.there[:, column], column].mean()
        for column in range(len(KINDS))
    ]
    for what, values in (("AUC", areas), ("recall", recalls), ("severity", errors)):
        print(f"{name:10} {what:8} {'  '.join(f'{value:11.3f}' for value in values)}", flush=True)
    two = answers.part(*PAIRS) & answers.asked.all(axis=1)
    hits, claims = (found & answers.there)[two].sum(), (found[two].sum() + answers.there[two].sum()) / 2
    exact = (found == answers.there)[two].all(axis=1).mean()
    print(f"{name:10} two at once: micro-F1 {hits / claims:.3f}, exact {exact:.3f}, {two.sum()} clips", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["boosting", "perceptron", "blend"])
