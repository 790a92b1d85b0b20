"""From a trained design to a bundle: export, check parity, write down what was measured and where it came from."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

import earmark
from earmark.core.errors import BundleError
from earmark.core.randomness import named_generator
from earmark.distortion.corpus.sources import SOURCES
from earmark.distortion.designs.base import PresenceClassifier
from earmark.distortion.severity import KINDS
from earmark.distortion.training import FALSE_ALARMS, TRAINED_ON
from earmark.evaluation.headline import headline
from earmark.evaluation.metrics import summarize
from earmark.models.bundle import check_parity, save_bundle
from earmark.models.bundle_spec import (
    BundleSpec,
    CalibrationPart,
    FrontendPart,
    LicencePart,
    ParityPart,
    ThresholdPart,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.distortion.material import CorpusMaterial
    from earmark.distortion.scorecard import Answers, Figure
    from earmark.distortion.seconds import SecondsModel
    from earmark.distortion.training import TrainedDesign
    from earmark.models.bundle import Bundle

N_PARITY_ROWS = 1000
SEVERITY_TOLERANCE = 1e-4
SECONDS_FILE = "seconds.onnx"
LOWEST_RATE_HZ = 8000


@dataclass(frozen=True)
class About:
    """What a bundle of the validator says of itself.

    Attributes:
        name: Of the bundle.
        options: Those it was trained with, JSON-like.
        figures: By name of the part of the corpus and the seed, such as "test, seed 0".
    """

    name: str
    options: dict[str, Any]
    figures: Mapping[str, list[Figure]]


def save_validator(
    folder: Path, trained: TrainedDesign, seconds: SecondsModel, material: CorpusMaterial, about: About
) -> Bundle:
    """Write the bundle of a trained design and of what tells the seconds.

    Args:
        folder: The bundle's.
        trained: Fitted and calibrated.
        seconds: Fitted on its answers.
        material: The corpus; its part "test" is what is measured.
        about: Name, options and figures.

    Raises:
        BundleError: A graph gives other numbers than the model.
        DataError: The corpus has no part for tests.
        StoreError: The folder cannot be written.
    """
    graph, test = trained.design.to_onnx(), material.of("test")
    sample = named_generator(0, "parity").permutation(len(test.rows))[:N_PARITY_ROWS]
    parity = _check_parity(trained, graph, test.features[np.sort(sample)])
    bundle_spec = BundleSpec(
        name=about.name,
        summary="Is this audio damaged, by what, how badly, where (model card: docs/distortion-model.md)",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        earmark_version=earmark.__version__,
        recipe=f"measures_{trained.design.name}",
        labels=KINDS,
        task="many",
        aggregate="mean",
        frontend=FrontendPart.of(trained.design.frontend.spec, LOWEST_RATE_HZ),
        calibration=CalibrationPart.of(trained.calibration),
        thresholds=ThresholdPart(rule="false_alarms", goal=FALSE_ALARMS, values=trained.thresholds),
        metrics=measurements(trained.answer(test), about),
        provenance=_provenance(material, about),
        licences=tuple(
            LicencePart(what=f"data: {source.name}", licence=source.licence, source=" ".join(source.packages))
            for source in SOURCES
            if source.role in ("pool", "calibrate")
        ),
        parity=parity,
        files={},
    )
    return save_bundle(folder, bundle_spec, graph, extra={SECONDS_FILE: seconds.to_onnx()})


def measurements(answers: Answers, about: About) -> dict[str, Any]:
    """Return what was measured on the test part, JSON-like: each label, and all scorecards.

    In the figures by label what is not asked counts as not there.
    """
    targets = np.nan_to_num(answers.presence)
    groups = np.array([row.track for row in answers.rows])
    summary = summarize(targets, answers.probabilities, task="many", labels=KINDS, thresholds=answers.thresholds)
    rng = named_generator(0, "interval")
    first = headline(targets, answers.probabilities, groups, rng, task="many", thresholds=answers.thresholds)
    return {
        "split": "sources never trained on (docs/distortion-model.md)",
        "n_clips": len(answers.rows),
        "n_groups": len(set(groups.tolist())),
        "groups_on_both_sides": [],
        "primary": first.to_dict(),
        **summary.to_dict(),
        "scorecards": {name: [asdict(figure) for figure in figures] for name, figures in about.figures.items()},
    }


def _check_parity(trained: TrainedDesign, graph: bytes, features: NDArray[np.float32]) -> ParityPart:
    from earmark.encoders.session import OnnxGraph

    parity = check_parity(PresenceClassifier(trained.design), graph, features, trained.calibration)
    (exported,) = OnnxGraph(graph, what="exported graph").run(features, "severity")
    largest = float(np.abs(trained.design.predict(features)[1] - exported).max())
    if not largest <= SEVERITY_TOLERANCE:
        raise BundleError(f"exported graph: severities differ by up to {largest:.2g}, expected at most 1e-4")
    return parity


def _provenance(material: CorpusMaterial, about: About) -> dict[str, Any]:
    import sklearn

    learnt = material.of(*TRAINED_ON)
    return {
        "dataset": "distortion corpus",
        "n_clips": len(learnt.rows),
        "groups": sorted({row.source for row in learnt.rows}),
        "options": about.options | {"allow_shared_groups": ""},
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit_learn": sklearn.__version__,
        "machine": platform.machine(),
    }
