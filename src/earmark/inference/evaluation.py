"""Measure a bundle on labelled clips, the way its users will run it: file by file, through the exported graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import AudioError, DataError
from earmark.core.progress import SILENT, track
from earmark.core.randomness import named_generator
from earmark.evaluation import Headline, Summary, headline, summarize
from earmark.models.answers import answers_of, seen_groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.core.progress import Progress
    from earmark.data import Dataset
    from earmark.inference.predictor import Predictor


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a bundle does on labelled clips.

    Attributes:
        labels: The bundle's labels, the order of columns.
        targets: float32 (n_clips, n_classes).
        probabilities: float32 (n_clips, n_classes).
        summary: Metrics and a row per class.
        primary: The metric to quote, with its interval over groups.
        n_groups: Number of groups.
        share_accepted: Share of clips whose answer reached its threshold.
        seen_groups: Groups that the bundle was trained on, as far as its provenance tells.
        failures: Why clips could not be classified.
    """

    labels: tuple[str, ...]
    targets: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    summary: Summary
    primary: Headline
    n_groups: int
    share_accepted: float
    seen_groups: tuple[str, ...]
    failures: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object that `earmark evaluate --json` prints."""
        return {
            "labels": list(self.labels),
            "n_groups": self.n_groups,
            "share_accepted": self.share_accepted,
            "seen_groups": list(self.seen_groups),
            "failures": list(self.failures),
            "primary": self.primary.to_dict(),
            **self.summary.to_dict(),
        }


def evaluate_bundle(
    predictor: Predictor,
    dataset: Dataset,
    *,
    skip_unreadable: bool = False,
    progress: Progress = SILENT,
) -> Evaluation:
    """Classify every clip and compare with its labels.

    Raises:
        AudioError: A clip cannot be classified, unless `skip_unreadable`.
        DataError: The dataset has labels that the bundle does not know, or no clip could be classified.
    """
    spec = predictor.bundle.spec
    answers = answers_of(dataset.clips, spec.labels)
    kept, rows, accepted, failures = [], [], 0, []
    for position, clip in enumerate(track(dataset.clips, "classify", len(dataset.clips), progress)):
        try:
            answer = predictor.predict_file(clip.path, start_s=clip.start_s, duration_s=clip.duration_s)
        except AudioError as error:
            if not skip_unreadable:
                raise
            failures.append(str(error))
            continue
        kept.append(position)
        rows.append([answer.probabilities[label] for label in spec.labels])
        accepted += answer.accepted
    if not kept:
        raise DataError(f"dataset {dataset.name}: none of {len(dataset.clips)} clips could be classified")
    targets, probabilities, groups = answers[kept], np.array(rows, dtype=np.float32), dataset.groups[kept]
    thresholds = spec.thresholds.values if spec.task == "many" else None
    return Evaluation(
        labels=spec.labels,
        targets=targets,
        probabilities=probabilities,
        summary=summarize(targets, probabilities, task=spec.task, labels=spec.labels, thresholds=thresholds),
        primary=headline(
            targets, probabilities, groups, named_generator(0, "evaluate"), task=spec.task, thresholds=thresholds
        ),
        n_groups=len(set(groups.tolist())),
        share_accepted=accepted / len(kept),
        seen_groups=seen_groups(spec.provenance, dataset),
        failures=tuple(failures),
    )
