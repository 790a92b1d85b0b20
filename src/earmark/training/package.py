"""From a trained classifier to a bundle: export, check parity, write down where everything came from."""

from __future__ import annotations

import platform
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

import earmark
from earmark.audio import probe_audio
from earmark.core.files import write_bytes
from earmark.core.randomness import named_generator
from earmark.encoders.transformer_files import LICENCES
from earmark.encoders.weights import find_weights
from earmark.evaluation.headline import headline
from earmark.evaluation.metrics import summarize
from earmark.models.bundle import check_parity, save_bundle
from earmark.models.bundle_spec import (
    BundleSpec,
    CalibrationPart,
    FrontendPart,
    LicencePart,
    ThresholdPart,
)
from earmark.models.table import find_recipe
from earmark.models.top_scores import METRIC, top_histogram
from earmark.training.curves_picture import curves_picture
from earmark.training.watch import KeepsHistory

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.data.dataset import Dataset
    from earmark.models.bundle import Bundle
    from earmark.training.train import Trained

N_PARITY_ROWS = 2000
PARITY_VALUES = 20_000_000  # of features at most: a network's activations take several times their memory
CURVES_FILE = "curves.png"  # for people; nothing reads it


def save_trained(trained: Trained, folder: Path, name: str, *, summary: str = "", overwrite: bool = True) -> Bundle:
    """Export a trained classifier, check the export against it, and write the bundle.

    Beside a network's bundle lies a picture of how its final fit went.

    Raises:
        AudioError: A clip's file is no longer there.
        BundleError: The exported graph does not give the trained model's probabilities.
        StoreError: The folder cannot be written or may not be replaced.
    """
    graph = trained.classifier.to_onnx()
    features, _ = trained.material.examples(trained.fitted_on)
    sample = named_generator(trained.options.seed, "parity").permutation(len(features))[: _parity_rows(features.shape)]
    parity = check_parity(trained.classifier, graph, features[np.sort(sample)], trained.calibration)
    options, rates_hz = trained.options, _rates(trained.material.own)
    spec = BundleSpec(
        name=name,
        summary=summary,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        earmark_version=earmark.__version__,
        recipe=options.recipe,
        labels=trained.material.dataset.labels,
        task=trained.material.dataset.task,
        aggregate=options.aggregate,
        frontend=_frontend_part(trained, rates_hz[0]),
        calibration=CalibrationPart.of(trained.calibration),
        thresholds=ThresholdPart(rule=options.threshold_rule, goal=options.threshold_goal, values=trained.thresholds),
        metrics=measurements(trained),
        provenance=_provenance(trained, rates_hz),
        licences=_licences(trained),
        parity=parity,
        files={},
    )
    bundle = save_bundle(folder, spec, graph, overwrite=overwrite)
    if isinstance(trained.classifier, KeepsHistory) and trained.classifier.history:
        picture = curves_picture(trained.classifier.history, f"Training of {name}")
        write_bytes(folder / CURVES_FILE, picture.png)
    return bundle


def measurements(trained: Trained) -> dict[str, Any]:
    """Return what was measured on unseen groups, JSON-like: how, every metric, each class, intervals."""
    measured, task = trained.measured, trained.material.dataset.task
    labels = trained.material.dataset.labels
    thresholds = measured.thresholds if task == "many" else None
    summary = summarize(measured.targets, measured.probabilities, task=task, labels=labels, thresholds=thresholds)
    if task == "many":  # listed are those of the bundle, but measured were each fold's own
        listed = zip(summary.classes, trained.thresholds, strict=True)
        summary = replace(summary, classes=tuple(replace(row, threshold=limit) for row, limit in listed))
    rng = named_generator(trained.options.seed, "interval")
    primary = headline(measured.targets, measured.probabilities, measured.groups, rng, task=task, thresholds=thresholds)
    return {
        "split": measured.how,
        "n_clips": len(measured.clips),
        "n_groups": len(set(measured.groups.tolist())),
        "groups_on_both_sides": list(measured.leaks),
        "primary": primary.to_dict(),
        **summary.to_dict(),
        METRIC: top_histogram(measured.probabilities),
    }


def _frontend_part(trained: Trained, lowest_hz: int) -> FrontendPart:
    spec = trained.material.frontend.spec
    # A recording at the frontend's rate holds all it looks at; a native one looks at everything.
    return FrontendPart.of(spec, lowest_hz if spec.native else min(lowest_hz, spec.rate_hz))


def _rates(dataset: Dataset) -> list[int]:
    return sorted({probe_audio(path).rate_hz for path in {clip.path for clip in dataset.clips}})


def _provenance(trained: Trained, rates_hz: list[int]) -> dict[str, Any]:
    import sklearn

    material = trained.material
    own = material.own
    return {
        "dataset": own.name,
        "dataset_source": own.source,
        "dataset_fingerprint": material.dataset.fingerprint,
        "n_clips": len(trained.fitted_on),
        "groups": sorted(set(own.groups[trained.fitted_on].tolist())),
        "extra": None if material.extra is None else _extra(material.extra),
        "source_rates_hz": rates_hz,
        "mode": trained.mode,
        "options": trained.options.model_dump(mode="json"),
        "searches": [{"metric": s.metric, "options": s.best.options, "score": s.best.score} for s in trained.searches],
        **_training(trained),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit_learn": sklearn.__version__,
        "machine": platform.machine(),
    }


def _training(trained: Trained) -> dict[str, Any]:
    """Return how the final fit of a network went, nothing for other classifiers."""
    if not isinstance(trained.classifier, KeepsHistory):
        return {}
    history = [{name: float(f"{value:.6g}") for name, value in row.items()} for row in trained.classifier.history]
    return {"training": {"epochs": history, "remarks": list(trained.classifier.remarks), "torch": version("torch")}}


def _parity_rows(shape: tuple[int, ...]) -> int:
    return min(N_PARITY_ROWS, max(1, PARITY_VALUES // int(np.prod(shape[1:]))))


def _extra(dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "dataset_source": dataset.source,
        "dataset_fingerprint": dataset.fingerprint,
        "n_clips": len(dataset.clips),
        "groups": sorted(set(dataset.groups.tolist())),
    }


def _licences(trained: Trained) -> tuple[LicencePart, ...]:
    material = trained.material
    parts = [
        LicencePart(what=f"data: {source.name}", licence=source.licence or "not stated", source=source.source)
        for source in (material.own, material.extra)
        if source is not None
    ]
    parts += [
        LicencePart(
            what=f"weights: {entry.name}",
            licence=entry.licence,
            non_commercial=entry.non_commercial,
            source=entry.origin,
        )
        for entry in map(find_weights, find_recipe(trained.options.recipe).weights)
    ]
    if model := _transformer(trained):
        licence = LICENCES.get(model, "see its page on the Hugging Face hub")
        parts.append(LicencePart(what=f"weights: {model}", licence=licence, source="Hugging Face hub"))
    return tuple(parts)


def _transformer(trained: Trained) -> str:
    """Return the model of the hub that was fine-tuned or gave the embeddings, or nothing."""
    tuned = getattr(getattr(trained.classifier, "options", None), "model_name", "")
    return str(trained.material.frontend.spec.config.get("model") or tuned)
