"""How well designs rank clips with a type of fault above those without it, on the calibration part of a corpus.

This is what a design is chosen by: sources never trained on, and no clip of the test.

    python -m benchmarks.distortion_designs CORPUS [DESIGN ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from earmark.distortion.material import load_material
from earmark.distortion.pipeline import DESIGNS
from earmark.distortion.severity import KINDS
from earmark.distortion.training import TRAINED_ON, train_design
from earmark.features.store import default_store


def main(corpus: Path, names: list[str]) -> None:
    """Print the area under the ROC curve by type for each design, one seed."""
    for name in names:
        design = DESIGNS[name]()
        splits = (*TRAINED_ON, "calibrate")
        material = load_material(corpus, design.frontend, splits=splits, store=default_store())
        answers = train_design(design, material).answer(material.of("calibrate"))
        areas = []
        for column in range(len(KINDS)):
            asked = np.isfinite(answers.presence[:, column])
            areas.append(roc_auc_score(answers.presence[asked, column], answers.probabilities[asked, column]))
        figures = "  ".join(f"{kind} {area:.3f}" for kind, area in zip(KINDS, areas, strict=True))
        print(f"{name:9} {figures}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["boosting", "midside", "mn04"])
