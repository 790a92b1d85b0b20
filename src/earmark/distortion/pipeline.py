"""From clean tracks to a measured validator: sources, corpus, design, seconds, scorecards, bundle.

Each step keeps what it made, so a run that was broken off goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from earmark.core.config import Config
from earmark.core.errors import ConfigError, did_you_mean
from earmark.core.progress import SILENT
from earmark.core.randomness import named_generator
from earmark.core.settings import settings
from earmark.distortion.corpus.build import build_corpus
from earmark.distortion.corpus.fetch import fetch_sources
from earmark.distortion.corpus.loaders import load_fma_small, load_musicnet
from earmark.distortion.corpus.plan import CorpusOptions
from earmark.distortion.corpus.render import RenderOptions, render_sources
from earmark.distortion.corpus.tracks import read_tracks
from earmark.distortion.designs.table import DESIGNS
from earmark.distortion.material import load_material
from earmark.distortion.package import About, save_validator
from earmark.distortion.scorecard import Answers, scorecard
from earmark.distortion.seconds import LineFrontend, fit_seconds
from earmark.distortion.training import TRAINED_ON, TrainedDesign, calibrate_design, train_design
from earmark.features.store import default_store
from earmark.models.base import FitContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.core.progress import Progress
    from earmark.distortion.corpus.tracks import Track
    from earmark.distortion.designs.base import Design
    from earmark.distortion.material import CorpusMaterial
    from earmark.distortion.scorecard import Figure
    from earmark.models.bundle import Bundle

MEASURED_ON = ("test", "same", "wild")
SHIPPED_DESIGN = "blend"


class ValidatorOptions(Config):
    """How `earmark train distortion` trains; every field is a flag of it."""

    model: str = Field(default=SHIPPED_DESIGN, description="Design: one of `DESIGNS`")
    sources: Path | None = Field(default=None, description="Folder of clean tracks (none: fetched and rendered)")
    corpus: Path | None = Field(default=None, description="Folder of the corpus (none: in the cache)")
    musicnet: Path | None = Field(default=None, description="Folder of MusicNet, to train on as well")
    fma: Path | None = Field(default=None, description="Folder of FMA-small, to train on as well")
    clips: int = Field(default=16_000, ge=200, description="Clips to train on; the other parts of the corpus in step")
    seeds: int = Field(default=1, ge=1, le=20, description="Times to train; the bundle is that of the first seed")
    folds: int = Field(default=0, ge=0, le=20, description="Cross-validation over the sources trained on (0: none)")
    seed: int = Field(default_factory=lambda: settings().random_seed, ge=0, description="First seed")
    workers: int = Field(default_factory=lambda: settings().max_workers, ge=1, description="Processes")

    def design(self) -> Design:
        """Return the design, untrained. Raises ConfigError if none has the name."""
        if self.model not in DESIGNS:
            raise ConfigError(f'--model: design "{self.model}" is not known{did_you_mean(self.model, DESIGNS)}')
        return DESIGNS[self.model]()

    def corpus_options(self) -> CorpusOptions:
        """Return how large the corpus is."""
        usual = CorpusOptions()
        share = self.clips / usual.clips["train"]
        clips = {split: max(1, round(share * n_clips)) for split, n_clips in usual.clips.items()}
        return CorpusOptions(clips=clips, seed=self.seed)


@dataclass(frozen=True)
class TrainedValidator:
    """A validator that was trained and measured.

    Attributes:
        bundle: On disk; None for designs that the validator cannot run, which are only measured.
        figures: By part of the corpus and seed.
    """

    bundle: Bundle | None
    figures: dict[str, list[Figure]]


def train_validator(
    options: ValidatorOptions,
    folder: Path,
    *,
    progress: Progress = SILENT,
    on_figures: Callable[[str, list[Figure]], None] | None = None,
) -> TrainedValidator:
    """Train, measure and save a validator.

    Args:
        options: What to train, and on what.
        folder: Of the bundle.
        progress: Told of every stage.
        on_figures: Told of each scorecard as it is made.

    Raises:
        ConfigError: The design is not known.
        DataError: Sources or corpus cannot be had, or are not enough.
        ModelError: The design cannot learn.
        BundleError: The export gives other numbers.
        StoreError: A folder cannot be written.
    """
    options.design()
    corpus = _corpus(options, progress)
    material = load_material(
        corpus, options.design().frontend, store=default_store(), workers=options.workers, progress=progress
    )
    figures: dict[str, list[Figure]] = {}

    def told(name: str, answers: Answers) -> None:
        figures[name] = scorecard(answers)
        if on_figures is not None:
            on_figures(name, figures[name])

    first: TrainedDesign | None = None
    for seed in range(options.seed, options.seed + options.seeds):
        context = FitContext(progress=progress, checkpoint=folder.with_name(f".{folder.name}.{seed}.checkpoint"))
        trained = train_design(options.design(), material, seed=seed, context=context)
        first = first or trained
        there = {row.split for row in material.rows}
        for part in [part for part in MEASURED_ON if part in there]:
            told(f"{part}, seed {seed}", trained.answer(material.of(part)))
    if options.folds:
        told(f"{options.folds} folds of sources", cross_validate(options, material, progress))
    if first is None or first.design.frontend.spec.name != "measures":
        return TrainedValidator(None, figures)
    lines = load_material(
        corpus,
        LineFrontend(),
        splits=TRAINED_ON,
        store=default_store(),
        workers=options.workers,
        progress=progress,
    )
    seconds = fit_seconds(options.design, material.of(*TRAINED_ON), lines, seed=options.seed)
    about = About(folder.name, _told(options), figures)
    return TrainedValidator(save_validator(folder, first, seconds, material, about), figures)


def cross_validate(options: ValidatorOptions, material: CorpusMaterial, progress: Progress = SILENT) -> Answers:
    """Return the answers for the clips of each fold of sources by a design that was trained on the other sources.

    Calibration and thresholds come from the calibration part of the corpus in each fold.
    """
    pool, calibrate = material.of(*TRAINED_ON, "same"), material.of("calibrate")
    sources = sorted({row.source for row in pool.rows})
    order = named_generator(options.seed, "folds").permutation(len(sources))
    fold_of = {sources[index]: rank % options.folds for rank, index in enumerate(order)}
    folds = np.array([fold_of[row.source] for row in pool.rows])
    probabilities = np.zeros_like(pool.presence)
    estimates, margins = np.zeros_like(pool.presence), np.zeros_like(pool.presence)
    for fold in range(options.folds):
        design, learnt = options.design(), pool.where(folds != fold)
        rng = named_generator(options.seed, "fold", fold)
        context = FitContext(progress=progress)
        design.fit(learnt.features, learnt.presence, learnt.severity, learnt.groups, rng, context)
        trained = calibrate_design(design, calibrate)
        answers = trained.answer(pool.where(folds == fold))
        probabilities[folds == fold], estimates[folds == fold] = answers.probabilities, answers.estimates
        margins[folds == fold] = answers.margins
    # One threshold for all folds: margins are measured from each fold's own.
    even = (1 / (1 + np.exp(-margins))).astype(np.float32)
    return Answers(pool.rows, pool.presence, pool.severity, even, np.full(pool.presence.shape[1], 0.5), estimates)


def clean_tracks(options: ValidatorOptions, progress: Progress = SILENT) -> list[Track]:
    """Return the clean tracks, fetched and rendered where no folder with them is given.

    Raises:
        DataError: The folder holds none, or packages cannot be fetched or rendered.
        StoreError: The cache cannot be written.
    """
    folder = options.sources
    if folder is None:
        cache = settings().cache_dir / "distortion"
        folder = cache / "tracks"
        fetch_sources(cache / "packages", progress=progress)
        render_sources(cache / "packages", folder, options=RenderOptions(workers=options.workers), progress=progress)
    tracks = read_tracks(folder)
    if options.musicnet is not None:
        tracks += load_musicnet(options.musicnet, progress=progress)
    if options.fma is not None:
        tracks += load_fma_small(options.fma, progress=progress)
    return tracks


def _corpus(options: ValidatorOptions, progress: Progress) -> Path:
    folder = options.corpus or settings().cache_dir / "distortion" / "corpus"
    tracks, parts = clean_tracks(options, progress), options.corpus_options()
    if not any(track.role == "wild" for track in tracks):  # who brings tracks of his own may have none
        parts = replace(parts, clips={split: n_clips for split, n_clips in parts.clips.items() if split != "wild"})
    build_corpus(folder, tracks, parts, workers=options.workers, progress=progress)
    return folder


def _told(options: ValidatorOptions) -> dict[str, Any]:
    return options.model_dump(mode="json", exclude={"sources", "corpus", "musicnet", "fma", "workers"})
