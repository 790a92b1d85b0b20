"""The whole way from clean tracks to a bundle that answers, on tracks that are made here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform, read_audio, write_audio
from earmark.core.errors import ConfigError, DataError
from earmark.core.randomness import named_generator
from earmark.distortion import AudioDistortionValidator, apply_effect, pipeline
from earmark.distortion.corpus.plan import CorpusOptions
from earmark.distortion.corpus.tracks import Track, read_tracks, write_tracks
from earmark.distortion.designs.boosting import MeasuresBoosting
from earmark.distortion.designs.committee import Committee
from earmark.distortion.designs.options import PerceptronOptions
from earmark.distortion.designs.perceptron import MeasuresPerceptron
from earmark.distortion.designs.table import DESIGNS
from earmark.distortion.pipeline import TrainedValidator, ValidatorOptions, clean_tracks, train_validator
from earmark.distortion.seconds import LineFrontend
from earmark.distortion.severity import KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.features.base import NativeFrontend

RATE_HZ = 32_000
SECONDS = 3.2
SMALL = {"train": 90, "validation": 12, "same": 20, "calibrate": 60, "test": 60, "wild": 1}
ROLES = {"pool": 16, "calibrate": 4, "test": 4, "wild": 1}


def music(number: int) -> Waveform:
    rng = named_generator(number, "music")
    times_s = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    sound = np.zeros((2, times_s.size))
    for start in np.arange(0, SECONDS, 0.2):
        pitch_hz, side = 110 * 2 ** (rng.integers(36) / 12), rng.uniform(0.2, 0.8)
        since = np.clip(times_s - start, 0, None)
        envelope = np.exp(-since * 6) * (times_s >= start)
        tone = sum(np.sin(2 * np.pi * pitch_hz * k * since) / k for k in range(1, 12) if pitch_hz * k < 14_000)
        hiss = 0.05 * rng.standard_normal(times_s.size) * np.exp(-since * 40)
        sound += np.outer([side, 1 - side], envelope * (tone + hiss))
    return Waveform((0.5 * sound / np.abs(sound).max()).astype(np.float32), RATE_HZ)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tracks")
    tracks: list[Track] = []
    for role, n_tracks in ROLES.items():
        for index in range(n_tracks):
            name = f"{role}-{index}"
            write_audio(folder / f"{name}.flac", music(len(tracks)))
            tracks.append(
                Track(
                    id=name,
                    path=folder / f"{name}.flac",
                    source=f"{role}-source-{index % 2}",
                    role=role,
                    track=name,
                    kind="midi",
                    lossless=True,
                    codec="flac",
                    kbps=0.0,
                    rate_hz=RATE_HZ,
                    n_channels=2,
                    duration_s=SECONDS,
                    licence="CC0-1.0",
                )
            )
    write_tracks(folder, tracks)
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work") / "corpus"


@pytest.fixture(scope="module")
def trained(sources: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedValidator:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARMARK_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(ValidatorOptions, "corpus_options", lambda self: CorpusOptions(SMALL, seed=self.seed))
        patch.setattr("earmark.distortion.training.FEWEST_CALIBRATED", 3)
        patch.setattr("earmark.distortion.scorecard.N_RESAMPLES", 50)
        patch.setattr("earmark.distortion.designs.boosting.FEWEST_CLIPS", 3)
        patch.setitem(DESIGNS, "boosting", lambda: MeasuresBoosting(n_trees=30))
        told: list[str] = []
        options = ValidatorOptions(model="boosting", sources=sources, corpus=corpus, seeds=2, folds=2, workers=1)
        found = train_validator(options, corpus.with_name("small"), on_figures=lambda name, _: told.append(name))
        assert told == list(found.figures)
        return found


def test_the_bundle_answers_as_a_validator(trained: TrainedValidator) -> None:
    assert trained.bundle is not None
    validator = AudioDistortionValidator(trained.bundle)
    sound = music(200)
    cut = apply_effect(sound, "hard-clip", np.random.default_rng(0), parameters={"share": 0.3}).waveform
    damaged, clean = validator.analyze(cut), validator.analyze(sound)
    assert damaged.types["clipping"].probability > clean.types["clipping"].probability  # type: ignore[operator]
    assert len(damaged.timeline.times_s) == 3


def test_every_part_and_seed_has_a_scorecard(trained: TrainedValidator) -> None:
    parts = [f"{part}, seed {seed}" for seed in (0, 1) for part in ("test", "same", "wild")]
    assert list(trained.figures) == [*parts, "2 folds of sources"]
    names = [figure.name for figure in trained.figures["test, seed 0"]]
    assert {"binary F1 on grid", "macro-F1 off grid", "false alarms clean"} <= set(names)


def test_the_bundle_says_what_it_was_made_of(trained: TrainedValidator) -> None:
    assert trained.bundle is not None
    spec = trained.bundle.spec
    assert spec.labels == KINDS
    assert set(spec.files) == {"model.onnx", "seconds.onnx"}
    assert spec.provenance["groups"] == ["pool-source-0", "pool-source-1"]
    assert "sources" not in spec.provenance["options"]  # no path of this machine
    assert spec.metrics["scorecards"]["same, seed 1"]
    assert spec.thresholds.rule == "false_alarms"


def test_a_design_that_the_validator_cannot_run_is_only_measured(
    sources: Path, corpus: Path, trained: TrainedValidator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trained.bundle is not None  # the corpus is there

    class Other(MeasuresBoosting):
        @property
        def frontend(self) -> NativeFrontend:
            return LineFrontend()

    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(ValidatorOptions, "corpus_options", lambda self: CorpusOptions(SMALL, seed=self.seed))
    monkeypatch.setattr(pipeline, "train_design", lambda design, *_, **__: Answering(design))
    monkeypatch.setattr(pipeline, "scorecard", lambda _: [])
    monkeypatch.setitem(DESIGNS, "midside", Other)
    options = ValidatorOptions(model="midside", sources=sources, corpus=corpus, workers=1)
    found = train_validator(options, tmp_path / "none")
    assert found.bundle is None
    assert not (tmp_path / "none").exists()


class Answering:
    def __init__(self, design: object) -> None:
        self.design = design

    def answer(self, material: object) -> object:
        return material


def test_nobody_needs_wild_tracks(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracks = [track for track in read_tracks(sources) if track.role != "wild"]
    asked: list[CorpusOptions] = []
    monkeypatch.setattr(pipeline, "clean_tracks", lambda *_: tracks)
    monkeypatch.setattr(pipeline, "build_corpus", lambda _folder, _tracks, options, **_: asked.append(options))
    monkeypatch.setattr(pipeline, "load_material", lambda *_, **__: pytest.fail("built"))
    with pytest.raises(pytest.fail.Exception, match="built"):
        train_validator(ValidatorOptions(corpus=tmp_path), tmp_path / "out")
    assert set(asked[0].clips) == {"train", "validation", "same", "calibrate", "test"}


def test_an_unknown_design_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='design "bosting" is not known; did you mean "boosting"'):
        train_validator(ValidatorOptions(model="bosting", sources=tmp_path / "none"), tmp_path / "out")


def test_a_folder_without_tracks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="tracks"):
        clean_tracks(ValidatorOptions(sources=tmp_path))


def test_sources_are_fetched_and_rendered_once(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def render(fetched: Path, folder: Path, **_: object) -> None:
        made.append(fetched.name)
        write_tracks(folder, read_tracks(sources))

    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(pipeline, "fetch_sources", lambda folder, **_: made.append(folder.name))
    monkeypatch.setattr(pipeline, "render_sources", render)
    (tmp_path / "distortion" / "tracks").mkdir(parents=True)
    assert len(clean_tracks(ValidatorOptions())) == sum(ROLES.values())
    assert made == ["packages", "packages"]


def test_tracks_of_ones_own_are_added(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = read_tracks(sources)[:1]
    monkeypatch.setattr(pipeline, "load_musicnet", lambda *_, **__: one)
    monkeypatch.setattr(pipeline, "load_fma_small", lambda *_, **__: one)
    options = ValidatorOptions(sources=sources, musicnet=tmp_path, fma=tmp_path)
    assert len(clean_tracks(options)) == sum(ROLES.values()) + 2


def test_every_design_is_one() -> None:
    names = [build().name for build in DESIGNS.values()]
    assert names == ["boosting", "perceptron", "blend", "fusion", "midside", "mn04_midside", "panns_midside"]


def small_blend() -> Committee:
    options = PerceptronOptions(epochs=2, hidden=(8,), n_members=2, validation_share=0)
    return Committee("blend", [MeasuresBoosting(n_trees=10), MeasuresPerceptron(options)])


def test_a_blend_becomes_a_bundle_that_answers(
    sources: Path, corpus: Path, trained: TrainedValidator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    assert trained.bundle is not None  # the corpus is there
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(ValidatorOptions, "corpus_options", lambda self: CorpusOptions(SMALL, seed=self.seed))
    monkeypatch.setattr("earmark.distortion.training.FEWEST_CALIBRATED", 3)
    monkeypatch.setattr("earmark.distortion.designs.boosting.FEWEST_CLIPS", 3)
    monkeypatch.setitem(DESIGNS, "blend", small_blend)
    options = ValidatorOptions(model="blend", sources=sources, corpus=corpus, workers=1)
    found = train_validator(options, tmp_path / "blend").bundle
    assert found is not None
    assert found.spec.recipe == "measures_blend"
    assert found.spec.parity.max_difference <= found.spec.parity.tolerance
    report = AudioDistortionValidator(found).analyze(music(300))
    assert all(0 <= (each.probability or 0) <= 1 for each in report.types.values())


def test_parts_of_a_small_corpus_keep_step() -> None:
    clips = ValidatorOptions(clips=900).corpus_options().clips
    assert (clips["train"], clips["calibrate"], clips["test"]) == (900, 169, 202)


def test_tracks_are_read_as_they_were_written(sources: Path) -> None:
    track = read_tracks(sources)[0]
    assert read_audio(track.path).n_channels == 2
