"""Networks in a training run: groups reach them, a killed run goes on, bundles tell how the fit went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.models import load_bundle, network
from earmark.models.base import FitContext, Recipe
from earmark.models.recipes import RECIPES
from earmark.training import Material, TrainingOptions, fit_clips, measurements, prepare, save_trained, train
from earmark.training.package import _parity_rows

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.data.dataset import Dataset

SMALL = Recipe(
    "small_network",
    "A network for tests",
    frontend="logmel",
    classifier="earmark.models.network:vgg",
    frontend_options={"rate_hz": 8000, "window_s": 0.5, "fft_samples": 256, "frame_hop_samples": 400, "n_mels": 12},
    classifier_options={"epochs": 2, "min_steps": 4, "width": 4, "hidden": 8, "min_validation": 4},
)


@pytest.fixture(autouse=True)
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, SMALL.name, SMALL)


@pytest.fixture
def network_options() -> TrainingOptions:
    return TrainingOptions(recipe=SMALL.name, folds="grouped:3")


@pytest.fixture
def images(tones: Dataset, network_options: TrainingOptions) -> Material:
    return prepare(tones, network_options)


def contexts(monkeypatch: pytest.MonkeyPatch) -> list[FitContext]:
    """Return a list that fills with the context of each fit; nothing is learnt."""
    seen: list[FitContext] = []

    def spy(self: network.NetworkClassifier, features: Any, targets: Any, rng: Any) -> None:
        seen.append(self.context)

    monkeypatch.setattr(network.NetworkClassifier, "fit", spy)
    return seen


def test_rows_come_with_their_groups_copies_and_extra_clips_too(
    tones: Dataset, network_options: TrainingOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = network_options.model_copy(update={"augmentation": "light", "copies": 1})
    own = tones.where(lambda clip: clip.group in ("ada", "ben"))
    extra = tones.where(lambda clip: clip.group == "eve")
    material = prepare(own, options, extra=extra)
    clips = np.flatnonzero(own.groups == "ben")
    groups = material.example_groups(clips)
    assert len(groups) == len(material.examples(clips)[0])
    assert sorted(set(groups.tolist())) == ["ben", "eve"]
    seen = contexts(monkeypatch)
    fit_clips(material, clips, options, np.random.default_rng(0))
    assert seen[0].groups is not None
    assert np.array_equal(seen[0].groups, groups)


def test_every_fit_of_a_run_has_a_checkpoint_of_its_own(
    images: Material, network_options: TrainingOptions, tmp_path: Path
) -> None:
    told: list[tuple[str, int]] = []
    trained = train(
        images,
        network_options,
        "cv",
        checkpoints=tmp_path / "kept",
        on_epoch=lambda fit, epoch, figures: told.append((fit, epoch)),
    )
    assert len(list((tmp_path / "kept").glob("*.pt"))) == 4
    names = [fit for fit, _ in told]
    assert names.count("final") == 2
    assert len(set(names)) == 4
    assert trained.remarks == ()


def test_a_run_begun_again_repeats_no_epoch_and_gives_the_same_numbers(
    images: Material, network_options: TrainingOptions, tmp_path: Path
) -> None:
    class Killed(BaseException):
        """Stands in for a kill: nothing in the package may catch it."""

    told: list[tuple[str, int]] = []

    def tell(fit: str, epoch: int, figures: dict[str, float]) -> None:
        told.append((fit, epoch))
        if len(told) == 3:
            raise Killed

    with pytest.raises(Killed):
        train(images, network_options, "cv", checkpoints=tmp_path, on_epoch=tell)
    again = network_options.model_copy(update={"workers": 2})  # workers change no number, so no checkpoint either
    resumed = train(images, again, "cv", checkpoints=tmp_path, on_epoch=tell)
    assert len(told) == len(set(told)) == 8
    whole = train(images, network_options, "cv")
    assert np.array_equal(resumed.measured.probabilities, whole.measured.probabilities)


def test_a_grid_over_a_networks_options_keeps_them_apart(
    images: Material, network_options: TrainingOptions, tmp_path: Path
) -> None:
    trained = train(images, network_options, "grid", grid={"learning_rate": [0.001, 0.01]}, checkpoints=tmp_path)
    assert trained.options.classifier["learning_rate"] in (0.001, 0.01)
    n_fits = len(list(tmp_path.glob("*.pt")))
    assert n_fits == 2 * 3 + 3 + 1


def test_a_networks_bundle_tells_how_the_fit_went_and_has_its_picture(
    images: Material, network_options: TrainingOptions, tmp_path: Path
) -> None:
    trained = train(images, network_options, "train")
    bundle = save_trained(trained, tmp_path / "small", "small")
    part = bundle.spec.provenance["training"]
    assert len(part["epochs"]) == 2
    assert set(part["epochs"][0]) >= {"loss", "learning_rate", "seconds"}
    assert part["remarks"] == list(trained.remarks)
    assert (tmp_path / "small" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert load_bundle(tmp_path / "small").spec.parity.max_difference < 1e-4
    assert measurements(trained)["metrics"]["accuracy"] is not None


def test_other_bundles_have_neither(material: Material, options: TrainingOptions, tmp_path: Path) -> None:
    trained = train(material, options, "cv")
    bundle = save_trained(trained, tmp_path / "level", "level")
    assert "training" not in bundle.spec.provenance
    assert not (tmp_path / "level" / "curves.png").exists()
    assert trained.remarks == ()


@pytest.mark.parametrize(("shape", "n_rows"), [((9000, 13), 2000), ((9000, 224, 224), 398), ((5, 10_000, 10_000), 1)])
def test_parity_is_checked_on_as_many_rows_as_fit_into_memory(shape: tuple[int, ...], n_rows: int) -> None:
    assert _parity_rows(shape) == n_rows


@pytest.mark.real
def test_the_digit_network_hears_digits_of_speakers_it_never_heard(
    fsdd_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earmark.data import load_dataset

    digits = Recipe(
        "digit_network",
        "As in the table of recipes",
        frontend="mfcc",
        classifier="earmark.models.network:cs230_cnn",
        frontend_options={"n_mfcc": 13, "deltas": 2, "pooling": "pad", "normalisation": "mean"},
        classifier_options={"epochs": 6},
    )
    monkeypatch.setitem(RECIPES, digits.name, digits)
    dataset = load_dataset(fsdd_dir).where(lambda clip: int(clip.path.stem.rpartition("_")[2]) < 8)
    options = TrainingOptions(recipe=digits.name, seed=1)
    material = prepare(dataset, options)
    unheard = dataset.groups == "theo"
    classifier = fit_clips(material, np.flatnonzero(~unheard), options, np.random.default_rng(0))
    tested = np.flatnonzero(unheard)
    answers = material.clip_scores(classifier, tested, "mean").argmax(axis=1)
    assert (answers == dataset.targets[tested].argmax(axis=1)).mean() > 0.4
    assert isinstance(classifier, network.NetworkClassifier)
    assert classifier.remarks == ()
