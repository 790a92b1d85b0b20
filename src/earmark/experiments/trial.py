"""One trial: a model trained on a subset of clips and tested on a fold, and everything measured there."""

from __future__ import annotations

import platform
import time
import warnings
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.identity import fingerprint
from earmark.core.randomness import named_generator
from earmark.evaluation.metrics import summarize
from earmark.experiments.memory import peak_memory_bytes, reset_peak_memory
from earmark.models.calibrate import Calibration
from earmark.training.material import fit_clips

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.experiments.plan import Size
    from earmark.models.base import Classifier
    from earmark.training.material import Material
    from earmark.training.options import TrainingOptions

MAX_WARNING_CHARACTERS = 500


@dataclass(frozen=True)
class Trial:
    """A point of the grid.

    Attributes:
        model: What the plan calls the model.
        size: The training size that the plan asks for.
        n_train: Number of clips that it is trained on.
        fold: Name of the fold that it is tested on.
        seed: Seed of the subset and of the model.
        definition: Fingerprint of recipe, classifier options, augmentation and aggregation.
        frontend: Fingerprint of the features.
        dataset: Fingerprint of the dataset.
        split: Fingerprint of the clips that it is trained and tested on: their ids and their sound.
        target: The label that it detects; empty where all labels are told apart at once.
    """

    model: str
    size: Size
    n_train: int
    fold: str
    seed: int
    definition: str
    frontend: str
    dataset: str
    split: str
    target: str = ""

    @cached_property
    def key(self) -> str:
        """Name of its result: equal wherever the same model learns from the same clips with the same seed.

        What a plan calls the model and the size is not in it: renaming repeats no work. Nor is the seed where nothing
        is drawn and nothing learnt: one trial answers for all seeds.
        """
        seed = "any" if self.is_zero_shot else self.seed
        parts = [self.definition, self.frontend, self.dataset, self.split, self.fold, seed]
        return fingerprint([*parts, self.target] if self.target else parts)

    @property
    def is_zero_shot(self) -> bool:
        """Whether the encoder's own classes answer, without training."""
        return self.size == 0

    @property
    def title(self) -> str:
        """The trial in words."""
        asked = f'{self.model}, "{self.target}"' if self.target else self.model
        if self.is_zero_shot:
            return f'{asked}, zero-shot, fold "{self.fold}"'
        return f'{asked}, {self.n_train} clips, fold "{self.fold}", seed {self.seed}'

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Trial:
        """Return the trial that `dataclasses.asdict` wrote; raises TypeError for other keys."""
        return cls(**values)


@dataclass(frozen=True, eq=False)
class TrialResult:
    """What a trial measured.

    Attributes:
        trial: The trial.
        metrics: Every metric by name; None where it is undefined on this test set.
        clips: Positions of the tested clips in the dataset (n_test,).
        probabilities: float32 (n_test, n_classes); scores that are margins went through softmax or a sigmoid.
        fit_s: Time to fit, wall clock.
        score_s: Time to score the test clips, wall clock.
        peak_memory_bytes: Most memory that the process held at once meanwhile.
        warnings: What scikit-learn and others warned of, each once.
        environment: Versions and machine.
    """

    trial: Trial
    metrics: dict[str, float | None]
    clips: NDArray[np.intp]
    probabilities: NDArray[np.float32]
    fit_s: float
    score_s: float
    peak_memory_bytes: int
    warnings: tuple[str, ...]
    environment: dict[str, str]

    def facts(self) -> dict[str, Any]:
        """Return all but the arrays, JSON-able."""
        return {
            "key": self.trial.key,
            "trial": asdict(self.trial),
            "n_test": len(self.clips),
            "metrics": self.metrics,
            "fit_s": round(self.fit_s, 6),
            "score_s": round(self.score_s, 6),
            "peak_memory_bytes": self.peak_memory_bytes,
            "warnings": list(self.warnings),
            "environment": self.environment,
        }


@dataclass(frozen=True, eq=False)
class Job:
    """A trial with the positions of its clips in the dataset, (n_train,) and (n_test,).

    `columns` are the encoder's classes that stand for each label, of zero-shot trials only.
    """

    trial: Trial
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    columns: tuple[tuple[int, ...], ...] = ()


def run_trial(job: Job, material: Material, options: TrainingOptions) -> TrialResult:
    """Fit on the job's training clips and measure on its test clips.

    Args:
        job: The trial and its clips.
        material: Their features; its dataset has the labels that the trial asks for.
        options: How the model is made; `aggregate` also holds for zero-shot.

    Raises:
        ModelError: A class has no training example.
        ConfigError: An option of the classifier is not known.
    """
    reset_peak_memory()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start_s = time.perf_counter()
        classifier = _answering(job, material, options)
        fitted_s = time.perf_counter()
        scores = material.clip_scores(classifier, job.test, options.aggregate)
        scored_s = time.perf_counter()
    dataset = material.dataset
    probabilities = Calibration.identity(dataset.task, classifier.score_kind, dataset.n_classes)(scores)
    summary = summarize(dataset.targets[job.test], probabilities, task=dataset.task, labels=dataset.labels)
    return TrialResult(
        trial=job.trial,
        metrics=summary.metrics,
        clips=job.test,
        probabilities=probabilities,
        fit_s=fitted_s - start_s,
        score_s=scored_s - fitted_s,
        peak_memory_bytes=peak_memory_bytes(),
        warnings=_messages(caught),
        environment=environment(),
    )


def _answering(job: Job, material: Material, options: TrainingOptions) -> Classifier:
    trial = job.trial
    # Fold and seed but not the size: along a learning curve only the clips change.
    names = (trial.fold, trial.target) if trial.target else (trial.fold,)
    rng = named_generator(trial.seed, "fit", *names)
    if not trial.is_zero_shot:
        return fit_clips(material, job.train, options, rng)
    from earmark.models.zero_shot import ZeroShot

    classifier = ZeroShot(task=material.dataset.task, columns=job.columns)
    classifier.fit(np.asarray(material.table.features[:0]), material.dataset.targets[:0], rng)
    return classifier


@lru_cache(maxsize=1)
def environment() -> dict[str, str]:
    """Return the versions and the machine that numbers may depend on."""
    packages = ("earmark", "numpy", "scipy", "scikit-learn", "onnxruntime")
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
    }


def _messages(caught: list[warnings.WarningMessage]) -> tuple[str, ...]:
    texts = (f"{item.category.__name__}: {' '.join(str(item.message).split())}" for item in caught)
    return tuple(dict.fromkeys(text[:MAX_WARNING_CHARACTERS] for text in texts))
