"""Fine-tuning learns what it is shown, leaves alone what is frozen, and goes to ONNX whole."""

from __future__ import annotations

import pickle
import sys
from importlib import util
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.core.errors import ConfigError, MissingExtraError, ModelError
from earmark.encoders.transformer_fake import tiny_folder
from earmark.encoders.transformer_files import read_transformer
from earmark.encoders.transformer_module import load_transformer
from earmark.models.base import FitContext, TakesContext
from earmark.models.finetune import FineTuned, fine_tuned
from earmark.models.testing import ClassifierContract
from earmark.models.transformer_network import FineTuneOptions, change_sound

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.data.dataset import Task
    from earmark.models.base import Classifier

    Problem = tuple[NDArray[np.float32], NDArray[np.float32]]

pytest.importorskip("transformers")

RATE_HZ = 16000
N_SAMPLES = 1600
TONES_HZ = (300.0, 900.0, 2700.0)
# What a random network of 16 units needs is not what a pretrained one of 768 does.
QUICK = {"model": "tiny-random", "learning_rate": 3e-3, "head_rate": 5.0, "epochs": 5, "min_steps": 40}


def tuned(task: Task = "one", **options: Any) -> FineTuned:
    return fine_tuned(task, **(QUICK | options))


def tones(n_rows: int, task: Task = "one", *, n_classes: int = 3, seed: int = 0) -> Problem:
    """Return windows of one tone each ("one") or of any of them ("many"), at many levels, with a little noise."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(N_SAMPLES) / RATE_HZ
    if task == "one":
        targets = np.eye(n_classes)[np.arange(n_rows) % n_classes]
    else:
        targets = (rng.random((n_rows, n_classes)) < 0.5).astype(np.float64)
    frequencies_hz = np.array(TONES_HZ[:n_classes]) * rng.uniform(0.95, 1.05, (n_rows, n_classes))
    phases = rng.uniform(0, 2 * np.pi, (n_rows, n_classes, 1))
    waves = np.sin(2 * np.pi * frequencies_hz[:, :, None] * times_s + phases)
    sound = (targets[:, :, None] * waves).sum(axis=1) * rng.uniform(0.05, 0.3, (n_rows, 1))
    noisy = sound + rng.normal(0, 0.002, sound.shape)
    return noisy.astype(np.float32), targets.astype(np.float32)


class FineTunedContract(ClassifierContract):
    def build(self, task: Task) -> Classifier:
        return tuned(task)

    def fitted(self, task: Task) -> tuple[Classifier, NDArray[np.float32], NDArray[np.float32]]:
        features, targets = tones(48, task)
        # WavLM's attention is its own, and the hardest to export.
        classifier = tuned(task, architecture="wavlm", epochs=2, min_steps=16)
        classifier.fit(features, targets, np.random.default_rng(0))
        return classifier, features, targets


@pytest.mark.parametrize("check", [name for name in dir(ClassifierContract) if name.startswith("check_")])
def test_keeps_the_contract_for_one_label(check: str) -> None:
    assert getattr(FineTunedContract(), check)("one") is None


def test_keeps_the_contract_for_many_labels() -> None:
    FineTunedContract().check_fit_is_repeatable("many")


def test_the_constructor_only_stores_and_wants_a_context() -> None:
    classifier = tuned(model="no/such-model")
    assert isinstance(classifier, TakesContext)
    assert classifier.score_kind == "margin"


def test_two_tones_are_learnt_and_the_frozen_convolutions_stay() -> None:
    features, targets = tones(64, n_classes=2)
    unseen, answers = tones(60, n_classes=2, seed=9)
    told: list[int] = []
    classifier = tuned(min_validation=8)
    groups = np.array([f"group {row // 4}" for row in range(64)])
    classifier.context = FitContext(groups=groups, on_epoch=lambda epoch, _: told.append(epoch))
    classifier.fit(features, targets, np.random.default_rng(1))
    assert (classifier.scores(unseen).argmax(axis=1) == answers.argmax(axis=1)).mean() >= 0.95
    assert told == [1, 2, 3, 4, 5]
    assert {"loss", "validation_loss", "validation_f1"} <= set(classifier.history[0])

    before: Any = load_transformer(read_transformer(tiny_folder("wav2vec2"), "wav2vec2"))
    weights = classifier._weights
    assert weights is not None
    for name, value in before.state_dict().items():
        same = np.array_equal(weights[f"pooled.model.{name}"], value.numpy())
        # The mask of pretraining is not used, so nothing moves it.
        assert same is (name.startswith("feature_extractor.") or name == "masked_spec_embed"), name

    copy: FineTuned = pickle.loads(pickle.dumps(classifier))  # noqa: S301 - packed on this line
    np.testing.assert_array_equal(copy.scores(unseen), classifier.scores(unseen))


@pytest.mark.parametrize(
    ("options", "moved"),
    [
        ({"freeze_transformer": True}, {"head"}),
        ({"freeze_feature_encoder": False, "gradient_checkpointing": True}, {"head", "conv", "transformer"}),
    ],
)
def test_what_is_frozen_stays_and_what_is_not_moves(options: dict[str, Any], moved: set[str]) -> None:
    features, targets = tones(16, n_classes=2)
    classifier = tuned(architecture="hubert", epochs=1, min_steps=3, **options)
    classifier.fit(features, targets, np.random.default_rng(1))
    before: Any = load_transformer(read_transformer(tiny_folder("hubert"), "hubert"))
    weights = classifier._weights
    assert weights is not None
    parts = {
        "conv": "feature_extractor.conv_layers.0.conv.weight",
        "transformer": "encoder.layers.1.attention.q_proj.weight",
    }
    state = before.state_dict()
    changed = {
        part for part, name in parts.items() if not np.array_equal(weights[f"pooled.model.{name}"], state[name].numpy())
    }
    assert changed == moved - {"head"}


def test_a_frozen_transformer_drops_nothing_out_while_its_head_trains() -> None:
    classifier = tuned(freeze_transformer=True, epochs=1, min_steps=1, dropout=0.5)
    classifier.fit(*tones(12), np.random.default_rng(0))
    network: Any = classifier._fitted()
    network.train()
    assert not any(part.training for part in network.pooled.modules())
    assert network.dropout.training


def test_a_killed_fit_goes_on_where_it_was(tmp_path: Path) -> None:
    features, targets = tones(24)
    whole = tuned(epochs=2, min_steps=4)
    whole.fit(features, targets, np.random.default_rng(3))

    def stop(epoch: int, _: dict[str, float]) -> None:
        raise KeyboardInterrupt

    checkpoint = tmp_path / "fit.checkpoint"
    killed = tuned(epochs=2, min_steps=4)
    killed.context = FitContext(checkpoint=checkpoint, on_epoch=stop)
    with pytest.raises(KeyboardInterrupt):
        killed.fit(features, targets, np.random.default_rng(3))
    resumed = tuned(epochs=2, min_steps=4)
    resumed.context = FitContext(checkpoint=checkpoint)
    resumed.fit(features, targets, np.random.default_rng(3))
    np.testing.assert_array_equal(resumed.scores(features), whole.scores(features))


def test_spectrograms_are_refused_with_the_frontend_to_use() -> None:
    features, targets = np.zeros((12, 20, 64), np.float32), tones(12)[1]
    with pytest.raises(ConfigError, match=r'shape \(20, 64\), expected \(n_samples,\); use the frontend "waveform"'):
        tuned().fit(features, targets, np.random.default_rng(0))


def test_windows_shorter_than_a_frame_are_refused() -> None:
    features, targets = tones(12)
    with pytest.raises(ConfigError, match=r"windows of 60 samples are too short for the model; raise window_s"):
        tuned().fit(features[:, :60], targets, np.random.default_rng(0))


def test_a_model_of_another_architecture_is_refused() -> None:
    with pytest.raises(ModelError, match=r'the model is a "hubert", expected a "wav2vec2"'):
        tuned(model=str(tiny_folder("hubert"))).fit(*tones(12), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "wav2vec"}, r'key "architecture": found .wav2vec.'),
        ({"epoch": 3}, r'recipe "wav2vec2": key "epoch" is not known; did you mean "epochs"'),
        ({"noise_probability": 1.5}, r"less than or equal to 1"),
        ({"noise_low_db": 40}, r"noise_low_db is 40\.0, expected at most noise_high_db \(30\.0\)"),
        ({"mel_masks": 2}, r'key "mel_masks": found 2; input should be less than or equal to 0'),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fine_tuned(**options)


def test_the_recipe_names_the_extra_before_any_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    monkeypatch.setattr("earmark.models.finetune.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r'The recipe "hubert" needs the package torch.*\[train\]'):
        fine_tuned(architecture="hubert")


def test_the_default_model_is_that_of_the_architecture() -> None:
    assert FineTuneOptions(architecture="wavlm").model_name == "microsoft/wavlm-base"
    assert FineTuneOptions(model="mine").model_name == "mine"


def changed(features: NDArray[np.float32], seed: int = 0, **options: Any) -> NDArray[np.float32]:
    how = FineTuneOptions(**({"shift": 0.0, "noise_probability": 0.0} | options))
    targets = np.ones((len(features), 1), np.float32)
    return change_sound(features, targets, how, np.random.default_rng(seed))[0]


def test_noise_comes_as_often_and_as_loud_as_asked() -> None:
    features, _ = tones(200)
    noisy = changed(features, noise_probability=0.4, noise_low_db=10, noise_high_db=20)
    noise = noisy - features
    touched = np.abs(noise).max(axis=1) > 0
    assert 0.3 < touched.mean() < 0.5
    ratios_db = 10 * np.log10(np.square(features).mean(axis=1)[touched] / np.square(noise).mean(axis=1)[touched])
    assert ratios_db.min() >= 9.99
    assert ratios_db.max() <= 20.01
    assert np.ptp(ratios_db) > 5
    # White, pink and brown: the share of the noise's power that lies below 1 kHz differs.
    power = np.square(np.abs(np.fft.rfft(noise[touched], axis=1)))
    low = power[:, :100].sum(axis=1) / power.sum(axis=1)
    assert low.min() < 0.2
    assert low.max() > 0.95


def test_silence_and_what_is_not_asked_for_stay_as_they_are() -> None:
    features, _ = tones(6)
    np.testing.assert_array_equal(changed(features), features)
    silent = np.zeros((3, N_SAMPLES), np.float32)
    np.testing.assert_array_equal(changed(silent, noise_probability=1.0), silent)


def test_chance_comes_from_the_generator_and_windows_move_around_their_ends() -> None:
    features, _ = tones(8)
    first = changed(features, noise_probability=0.5, shift=0.2)
    np.testing.assert_array_equal(changed(features, noise_probability=0.5, shift=0.2), first)
    assert not np.array_equal(changed(features, seed=1, noise_probability=0.5, shift=0.2), first)
    moved = changed(features, shift=0.5)
    assert not np.array_equal(moved, features)
    np.testing.assert_array_equal(np.sort(moved, axis=1), np.sort(features, axis=1))
