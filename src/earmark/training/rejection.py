"""Teach a bundle to refuse what is none of its labels (see `models.rejection`).

The recipe is fitted once more, with "none of them" as one more class, on the same clips and on other sounds. Clips of
the other sounds whose label is one of the bundle's count as examples of it: from synthetic words alone it would learn
to refuse the synthesiser. Everything that is chosen or measured comes from groups that a model never saw, both of the
bundle's own clips and of the other sounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import ModelError
from earmark.core.progress import SILENT, track
from earmark.core.randomness import named_generator
from earmark.data.split import make_folds
from earmark.features.extract import extract_features
from earmark.models.bundle import GRAPH_FILE, KNOWN_FILE, check_parity, save_bundle
from earmark.models.bundle_spec import LicencePart, RejectionPart
from earmark.models.calibrate import Calibration, fit_calibration
from earmark.models.rejection import Rejection, known_margins
from earmark.models.table import build_classifier, find_recipe
from earmark.training.augmentation import augmentations
from earmark.training.options import TrainingOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from earmark.core.progress import Progress
    from earmark.data.dataset import Dataset
    from earmark.features.store import FeatureStore
    from earmark.models.base import Classifier, ScoreKind
    from earmark.models.bundle import Bundle
    from earmark.training.material import Material

GOAL = 0.98  # share of the clips of unseen groups to keep
N_PARITY_ROWS = 1000
N_COPIES = 1  # of the other sounds: there are many of them


@dataclass(frozen=True)
class OtherSounds:
    """Sounds that are none of a bundle's labels, and some that are, with their features.

    Attributes:
        features: float32 (n_rows, *shape) of windows, changed copies included.
        targets: float32 (n_rows, n_classes + 1); the last column is "none of them".
        groups: Group of each row (n_rows,).
        as_they_are: Which rows are no changed copies (n_rows,).
        names: The datasets.
        licences: Theirs.
    """

    features: NDArray[np.float32]
    targets: NDArray[np.float32]
    groups: NDArray[np.str_]
    as_they_are: NDArray[np.bool_]
    names: tuple[str, ...]
    licences: tuple[LicencePart, ...]

    @property
    def is_other(self) -> NDArray[np.bool_]:
        """Which rows are none of the labels (n_rows,)."""
        return self.targets[:, -1] > 0


@dataclass(frozen=True)
class FittedRejection:
    """What refuses other sounds, fitted and measured."""

    classifier: Classifier
    rejection: Rejection
    part: RejectionPart
    licences: tuple[LicencePart, ...]


def prepare_others(
    material: Material,
    options: TrainingOptions,
    others: Sequence[Dataset],
    *,
    store: FeatureStore | None = None,
    progress: Progress = SILENT,
) -> OtherSounds:
    """Compute, or take from the store, the features of other sounds.

    Args:
        material: What the bundle is trained on.
        options: How.
        others: Datasets; clips whose label is one of the material's are examples of it.
        store: Where features are kept.
        progress: Told of each stage.

    Raises:
        AudioError: Clips cannot be read.
        ModelError: The material is of task "many", or no clip is of another label.
    """
    labels = material.dataset.labels
    if material.dataset.task != "one":
        raise ModelError('rejection: the bundle is of task "many", which may answer with no label anyway; give it none')
    transforms = (None, *augmentations(options.augmentation, min(options.copies, N_COPIES), options.seed))
    features, targets, groups, plain = [], [], [], []
    for dataset in others:
        columns = np.array([_column(clip.labels, labels) for clip in dataset.clips])
        for transform in transforms:
            table = extract_features(
                dataset, material.frontend, store=store, workers=options.workers, progress=progress, transform=transform
            )
            features.append(np.asarray(table.features))
            targets.append(np.eye(len(labels) + 1, dtype=np.float32)[columns[table.clip_rows]])
            groups.append(np.char.add(f"{dataset.name}/", dataset.groups[table.clip_rows].astype(str)))
            plain.append(np.full(len(table.clip_rows), transform is None))
    found = OtherSounds(
        np.concatenate(features),
        np.concatenate(targets),
        np.concatenate(groups),
        np.concatenate(plain),
        tuple(dataset.name for dataset in others),
        tuple(LicencePart(what=f"data: {d.name}", licence=d.licence or "not stated", source=d.source) for d in others),
    )
    if not found.is_other.any():
        raise ModelError(
            f"rejection: all clips of {', '.join(found.names)} have labels of the bundle; add other sounds"
        )
    return found


def fit_rejection(
    material: Material,
    options: TrainingOptions,
    others: OtherSounds,
    *,
    goal: float = GOAL,
    progress: Progress = SILENT,
) -> FittedRejection:
    """Fit what refuses other sounds, and measure it on groups it never saw.

    Args:
        material: What the bundle was trained on, all of it (mode "cv").
        options: How it was trained.
        others: Other sounds.
        goal: Share of the clips of unseen groups to keep; the threshold is chosen by it.
        progress: Told of each fold.

    Raises:
        ModelError: A class has no example.
    """
    own, theirs, kind = _held_out_margins(material, options, others, progress)
    margins = np.concatenate([own, theirs])[:, np.newaxis].astype(np.float32)
    is_own = np.concatenate([np.ones(len(own)), np.zeros(len(theirs))]).astype(np.float32)[:, np.newaxis]
    calibration = fit_calibration(*_balanced(margins, is_own), "many", "margin")
    probabilities = calibration(margins)[:, 0]
    threshold = float(np.quantile(probabilities[: len(own)], 1 - goal, method="lower"))
    rejection = Rejection(kind, calibration.scales[0], calibration.offsets[0], threshold)
    everything = np.arange(material.n_own), np.ones(len(others.groups), dtype=bool)
    classifier = _fit(material, options, others, everything)
    metrics = {
        "kept": float((probabilities[: len(own)] >= threshold).mean()),
        "let_through": float((probabilities[len(own) :] >= threshold).mean()),
        "n_own": float(len(own)),
        "n_others": float(len(theirs)),
    }
    part = RejectionPart(
        score_kind=kind,
        scale=rejection.scale,
        offset=rejection.offset,
        threshold=threshold,
        goal=goal,
        others=others.names,
        metrics=metrics,
    )
    return FittedRejection(classifier, rejection, part, others.licences)


def add_rejection(bundle: Bundle, fitted: FittedRejection, features: NDArray[np.float32]) -> Bundle:
    """Write a bundle anew with what refuses other sounds, and return it.

    Args:
        bundle: The bundle; its classifier stays.
        fitted: What refuses.
        features: Rows on which the exported graph is compared with it.

    Raises:
        BundleError: The exported graph gives other numbers.
        StoreError: The folder cannot be written.
    """
    graph = fitted.classifier.to_onnx()
    n_scores = len(bundle.spec.labels) + 1
    plain = Calibration.identity("one", fitted.classifier.score_kind, n_scores)
    check_parity(fitted.classifier, graph, features[:N_PARITY_ROWS], plain)
    licences = tuple(dict.fromkeys((*bundle.spec.licences, *fitted.licences)))
    spec = bundle.spec.model_copy(update={"rejection": fitted.part, "licences": licences})
    extra: Mapping[str, bytes] = {
        name: (bundle.folder / name).read_bytes() for name in bundle.spec.files if name not in (GRAPH_FILE, KNOWN_FILE)
    }
    scores = (bundle.folder / GRAPH_FILE).read_bytes()
    return save_bundle(bundle.folder, spec, scores, extra={**extra, KNOWN_FILE: graph})


def teach_rejection(
    bundle: Bundle, material: Material, others: OtherSounds, *, goal: float = GOAL, progress: Progress = SILENT
) -> Bundle:
    """Teach a bundle to refuse other sounds, write it anew and return it; what came of it is in `spec.rejection`.

    Args:
        bundle: Trained in mode "cv" or "cvgrid"; its own options count.
        material: What it was trained on.
        others: Of `prepare_others` with the same material.
        goal: Share of the clips of unseen groups to keep.
        progress: Told of each fold.

    Raises:
        BundleError: The exported graph gives other numbers.
        ModelError: A class has no example.
        StoreError: The folder cannot be written.
    """
    made = bundle.spec.provenance
    options = TrainingOptions.model_validate(made["options"])
    won = made["searches"][-1]["options"] if made.get("searches") else {}
    options = options.model_copy(update={"classifier": {**options.classifier, **won}})
    return add_rejection(
        bundle, fit_rejection(material, options, others, goal=goal, progress=progress), others.features
    )


def _column(found: tuple[str, ...], labels: tuple[str, ...]) -> int:
    return next((labels.index(label) for label in found if label in labels), len(labels))


def _held_out_margins(
    material: Material, options: TrainingOptions, others: OtherSounds, progress: Progress
) -> tuple[NDArray[np.float64], NDArray[np.float64], ScoreKind]:
    """Return the margins of own clips and of other sounds, each by a model that never saw its group."""
    rng = named_generator(options.seed, "folds")
    folds = make_folds(material.own, options.folds, rng, allow_shared_groups=options.allow_shared_groups)
    names = np.unique(others.groups)
    part_of = dict(
        zip(names, named_generator(options.seed, "others").permutation(len(names)) % len(folds), strict=True)
    )
    parts = np.array([part_of[group] for group in others.groups])
    own, theirs = [], []
    kind: ScoreKind = "margin"
    for number, fold in enumerate(track(folds, "learn to refuse", len(folds), progress)):
        classifier = _fit(material, options, others, (fold.train, parts != number))
        kind = classifier.score_kind
        own.append(known_margins(material.clip_scores(classifier, fold.test, options.aggregate), kind))
        tested = (parts == number) & others.is_other & others.as_they_are
        theirs.append(known_margins(classifier.scores(others.features[tested]), kind))
    return np.concatenate(own), np.concatenate(theirs), kind


def _fit(
    material: Material,
    options: TrainingOptions,
    others: OtherSounds,
    chosen: tuple[NDArray[np.intp], NDArray[np.bool_]],
) -> Classifier:
    """Return the classifier with "none of them" as one more class, of chosen own clips and rows of the others."""
    clips, rows = chosen
    features, targets = material.examples(clips)
    none = np.zeros((len(targets), 1), dtype=np.float32)
    classifier = build_classifier(find_recipe(options.recipe), "one", options.classifier)
    classifier.fit(
        np.concatenate([features, others.features[rows]]),
        np.concatenate([np.concatenate([targets, none], axis=1), others.targets[rows]]),
        named_generator(options.seed, "rejection"),
    )
    return classifier


def _balanced(
    margins: NDArray[np.float32], is_own: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return as many own clips as others, evenly chosen: the probability is for a sound that may be either."""
    own, theirs = np.flatnonzero(is_own), np.flatnonzero(is_own == 0)
    n_each = min(len(own), len(theirs))
    chosen = np.concatenate([rows[np.linspace(0, len(rows) - 1, n_each).astype(int)] for rows in (own, theirs)])
    return margins[chosen], is_own[chosen]
