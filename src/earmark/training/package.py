"""From a trained classifier to a bundle: export, check parity, write down where everything came from."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

import earmark
from earmark.audio import probe_audio
from earmark.core.randomness import named_generator
from earmark.encoders.weights import find_weights
from earmark.evaluation.intervals import bootstrap_interval
from earmark.evaluation.metrics import Metric, summarize
from earmark.models.bundle import check_parity, save_bundle
from earmark.models.bundle_spec import (
    BundleSpec,
    CalibrationPart,
    FrontendPart,
    LicencePart,
    ThresholdPart,
)
from earmark.models.table import find_recipe

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.data.dataset import Dataset
    from earmark.models.bundle import Bundle
    from earmark.training.train import Trained

N_PARITY_ROWS = 2000


def save_trained(trained: Trained, folder: Path, name: str, *, summary: str = "", overwrite: bool = True) -> Bundle:
    """Export a trained classifier, check the export against it, and write the bundle.

    Raises:
        BundleError: The exported graph does not give the trained model's probabilities.
        StoreError: The folder cannot be written or may not be replaced.
    """
    graph = trained.classifier.to_onnx()
    features, _ = trained.material.examples(trained.fitted_on)
    sample = named_generator(trained.options.seed, "parity").permutation(len(features))[:N_PARITY_ROWS]
    parity = check_parity(trained.classifier, graph, features[np.sort(sample)], trained.calibration)
    options = trained.options
    spec = BundleSpec(
        name=name,
        summary=summary,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        earmark_version=earmark.__version__,
        recipe=options.recipe,
        labels=trained.material.dataset.labels,
        task=trained.material.dataset.task,
        aggregate=options.aggregate,
        frontend=_frontend_part(trained),
        calibration=CalibrationPart.of(trained.calibration),
        thresholds=ThresholdPart(rule=options.threshold_rule, goal=options.threshold_goal, values=trained.thresholds),
        metrics=measurements(trained),
        provenance=_provenance(trained),
        licences=_licences(trained),
        parity=parity,
        files={},
    )
    return save_bundle(folder, spec, graph, overwrite=overwrite)


def measurements(trained: Trained) -> dict[str, Any]:
    """Return what was measured on unseen groups, JSON-like: how, every metric, each class, intervals."""
    measured, task = trained.measured, trained.material.dataset.task
    labels = trained.material.dataset.labels
    thresholds = trained.thresholds if task == "many" else None
    summary = summarize(measured.targets, measured.probabilities, task=task, labels=labels, thresholds=thresholds)
    primary = "accuracy" if task == "one" else "average_precision"
    interval = bootstrap_interval(
        Metric(primary, task),
        measured.targets,
        measured.probabilities,
        measured.groups,
        named_generator(trained.options.seed, "interval"),
    )
    return {
        "split": measured.how,
        "n_clips": len(measured.clips),
        "n_groups": len(set(measured.groups.tolist())),
        "groups_on_both_sides": list(measured.leaks),
        "primary": {
            "metric": primary,
            "value": interval.estimate,
            "low": interval.low,
            "high": interval.high,
            "level": interval.level,
            "method": interval.method,
        },
        **summary.to_dict(),
    }


def _frontend_part(trained: Trained) -> FrontendPart:
    spec = trained.material.frontend.spec
    return FrontendPart(
        name=spec.name,
        config=spec.config,
        fingerprint=spec.fingerprint,
        rate_hz=spec.rate_hz,
        window_s=spec.window_s,
        hop_s=spec.hop_s,
        min_source_rate_hz=min(_rates(trained.material.own)),
    )


def _rates(dataset: Dataset) -> list[int]:
    return sorted({probe_audio(path).rate_hz for path in {clip.path for clip in dataset.clips}})


def _provenance(trained: Trained) -> dict[str, Any]:
    import sklearn

    material = trained.material
    own, n_extra = material.own, len(material.dataset.clips) - material.n_own
    return {
        "dataset": own.name,
        "dataset_source": own.source,
        "dataset_fingerprint": material.dataset.fingerprint,
        "n_clips": len(trained.fitted_on),
        "groups": sorted(set(own.groups[trained.fitted_on].tolist())),
        "n_extra_clips": n_extra,
        "source_rates_hz": _rates(own),
        "mode": trained.mode,
        "options": trained.options.model_dump(mode="json"),
        "searches": [{"metric": s.metric, "options": s.best.options, "score": s.best.score} for s in trained.searches],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit_learn": sklearn.__version__,
        "machine": platform.machine(),
    }


def _licences(trained: Trained) -> tuple[LicencePart, ...]:
    dataset = trained.material.own
    parts = [LicencePart(what=f"data: {dataset.name}", licence=dataset.licence or "not stated", source=dataset.source)]
    for name in find_recipe(trained.options.recipe).weights:
        entry = find_weights(name)
        parts.append(
            LicencePart(
                what=f"weights: {name}",
                licence=entry.licence,
                non_commercial=entry.non_commercial,
                source=entry.origin,
            )
        )
    return tuple(parts)
