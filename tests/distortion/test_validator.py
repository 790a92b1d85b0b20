"""The validator with a small bundle: what it finds, where, and what it says of input that is no music."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.audio import Waveform, write_audio
from earmark.core.errors import AudioError, BundleError
from earmark.distortion import KINDS, AudioDistortionValidator, apply_effect
from earmark.distortion.severity import stereo_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.distortion.conftest import Make, Write

HZ = 44_100
DAMAGE = {
    "clipping": "hard-clip",
    "compression": "vorbis",
    "noise": "white",
    "frequency": "telephone",
    "phase": "inversion",
}


@pytest.fixture(scope="module")
def validator(small_bundle: Path) -> AudioDistortionValidator:
    return AudioDistortionValidator.load_checkpoint(small_bundle)


@pytest.fixture(scope="module")
def song(make: Make) -> Waveform:
    """Music that the small bundle was not fitted on."""
    return make(2, HZ, 2.0, seed=999)


def sound(samples: NDArray[np.floating], rate_hz: int = HZ) -> Waveform:
    return Waveform(np.atleast_2d(samples).astype(np.float32), rate_hz)


def again_and_again(waveform: Waveform, times: int) -> NDArray[np.float32]:
    tiled: NDArray[np.float32] = np.tile(waveform.samples, times)
    return tiled


def test_clean_music_is_clean(validator: AudioDistortionValidator, song: Waveform) -> None:
    found = validator.analyze(song)
    assert found.has_distortion is False
    assert (found.path, found.distortion_type, found.severity, found.segments) == (None, None, 0.0, ())
    assert found.confidence == pytest.approx(1 - max(answer.probability or 0 for answer in found.types.values()))
    assert tuple(found.types) == tuple(found.assessable) == tuple(found.timeline.probabilities) == KINDS
    assert all(each.ok for each in found.assessable.values())


@pytest.mark.parametrize("kind", KINDS)
def test_each_type_is_found_for_what_it_is(validator: AudioDistortionValidator, song: Waveform, kind: str) -> None:
    damaged = apply_effect(song, DAMAGE[kind], np.random.default_rng(3), severity=0.6)
    found = validator.analyze(damaged.waveform)
    assert found.has_distortion is True
    assert found.distortion_type == kind
    assert found.confidence == found.types[found.distortion_type].probability
    assert found.severity == pytest.approx(damaged.severity, abs=0.3)
    assert found.segments[0].type == kind
    assert found.evidence[0].type == kind
    assert found.evidence[0].measure != "probability"
    json.dumps(found.to_dict(), allow_nan=False)


def test_it_is_found_where_it_is(validator: AudioDistortionValidator, song: Waveform) -> None:
    clean = again_and_again(song, 20)
    damaged = apply_effect(sound(clean[:, 8 * HZ : 22 * HZ]), "hard-clip", np.random.default_rng(3), severity=0.7)
    samples = clean.copy()
    samples[:, 8 * HZ : 22 * HZ] = damaged.waveform.samples
    found = validator.analyze(sound(samples))
    (segment,) = (each for each in found.segments if each.type == "clipping")
    assert segment.start_s == pytest.approx(9, abs=1)
    assert segment.end_s == pytest.approx(21, abs=1)
    assert "worst at 0:1" in found.evidence[0].sentence or "worst at 0:2" in found.evidence[0].sentence
    probabilities = found.timeline.probabilities["clipping"]
    assert len(probabilities) == len(found.timeline.times_s) == 40
    assert min(p for p in probabilities[10:20] if p is not None) > max(p for p in probabilities[30:] if p is not None)


def test_files_streams_and_sound_in_memory_give_the_same(
    validator: AudioDistortionValidator, song: Waveform, tmp_path: Path
) -> None:
    path = tmp_path / "song.wav"
    write_audio(path, sound(again_and_again(song, 6)), subtype="FLOAT")
    of_file = validator.analyze(path).to_dict()
    assert of_file.pop("path") == str(path)
    pieces = [sound(piece) for piece in np.array_split(again_and_again(song, 6), 7, axis=1)]
    for found in (validator.analyze(sound(again_and_again(song, 6))), validator.analyze_stream(pieces)):
        told = found.to_dict()
        assert told.pop("path") is None
        assert told == of_file


def test_the_mono_loss_is_told_beside_phase(validator: AudioDistortionValidator, song: Waveform) -> None:
    turned = apply_effect(song, "inversion", np.random.default_rng(3), severity=0.9).waveform
    expected = stereo_image(turned).fold_down_loss_db
    assert validator.analyze(turned).fold_down_loss_db == pytest.approx(expected, abs=0.02)
    assert validator.analyze(sound(song.samples[0])).fold_down_loss_db is None


def test_a_lost_channel_is_a_fault_and_equal_channels_are_none(
    validator: AudioDistortionValidator, song: Waveform
) -> None:
    lost = validator.analyze(sound(np.stack([song.samples[0], np.zeros(song.n_samples)])))
    assert lost.types["phase"].present
    assert "one of the two channels is silent" in [each.sentence for each in lost.evidence]
    equal = validator.analyze(sound(np.stack([song.samples[0], song.samples[0]])))
    assert equal.assessable["phase"].ok
    assert not equal.types["phase"].present


NOTHING = np.zeros(HZ)
HISS = 0.1 * np.random.default_rng(7).standard_normal((8, HZ))


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (NOTHING, "the file is silent"),
        (NOTHING + 0.5, "holds a constant value"),
        (NOTHING + 1.0, "holds a constant value"),
        (1e-3 * HISS[:2], "nothing in the file is louder than -60 dBFS"),
        (HISS[:2, :3], "needs 0.5 s of sound, found 0.000 s"),
        (HISS[:1, : HZ // 3], "needs 0.5 s of sound, found 0.333 s"),
    ],
)
def test_what_cannot_be_assessed_is_not_guessed(
    validator: AudioDistortionValidator, samples: NDArray[np.float64], reason: str
) -> None:
    found = validator.analyze(sound(samples))
    assert found.has_distortion is None
    assert found.error is None
    assert (found.severity, found.confidence, found.segments) == (0.0, None, ())
    assert all(reason in str(each.reason) for each in found.assessable.values())
    assert all(answer.probability is None and not answer.present for answer in found.types.values())
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_chain_of_effects_that_ends_in_silence_is_silence(
    validator: AudioDistortionValidator, song: Waveform
) -> None:
    turned_over = np.stack([song.samples[0], -song.samples[0]])
    folded = sound(turned_over.mean(axis=0))
    assert {each.reason for each in validator.analyze(folded).assessable.values()} == {"the file is silent"}


@pytest.mark.parametrize(
    ("n_channels", "rate_hz", "untold"),
    [
        (1, HZ, {"phase"}),
        (8, HZ, {"phase"}),
        (2, 8000, {"compression"}),
        (1, 16_000, {"compression", "phase"}),
        (2, 192_000, set()),
    ],
)
def test_odd_formats_are_answered_as_far_as_they_can_be(
    validator: AudioDistortionValidator, make: Make, n_channels: int, rate_hz: int, untold: set[str]
) -> None:
    found = validator.analyze(make(n_channels, rate_hz, 1.0))
    assert {kind for kind in KINDS if not found.assessable[kind].ok} == untold
    assert {kind for kind in KINDS if found.types[kind].probability is None} == untold
    assert found.has_distortion is not None
    assert (found.n_channels, found.rate_hz) == (n_channels, rate_hz)


def test_a_square_wave_at_full_scale_is_clipping(validator: AudioDistortionValidator) -> None:
    found = validator.analyze(sound(np.sign(np.sin(np.arange(HZ) * 0.03))))
    assert found.distortion_type == "clipping"
    assert found.evidence[0].sentence == "100 % of samples are flat-topped at 0.0 dBFS, worst at 0:00"


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 0)), "found no samples"),
        (np.full((1, 9), np.nan), "finite numbers"),
        (np.array([[0.0, np.inf]]), "finite numbers"),
        (np.full((1, 9), 1e9), "finite numbers within"),
    ],
)
def test_what_is_no_sound_is_an_error(
    validator: AudioDistortionValidator, samples: NDArray[np.float64], message: str
) -> None:
    with pytest.raises(AudioError, match=message):
        validator.analyze(sound(samples))
    with pytest.raises(AudioError, match=rf"^song\.wav: found .*{message[-7:]}"):
        validator.analyze_stream([sound(samples)], path="song.wav")


def test_errors_of_a_file_name_it_once(validator: AudioDistortionValidator, tmp_path: Path) -> None:
    path = tmp_path / "gone.wav"
    with pytest.raises(AudioError) as caught:
        validator.analyze(path)
    assert str(caught.value).count("gone.wav") == 1
    soundfile.write(tmp_path / "nan.wav", np.full(9000, np.nan), 8000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"nan\.wav: found NaN"):
        validator.analyze(tmp_path / "nan.wav")


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_memory_does_not_grow_with_length(validator: AudioDistortionValidator, level: float) -> None:
    def minutes(n_minutes: int) -> Iterator[Waveform]:
        rng = np.random.default_rng(0)
        for _ in range(6 * n_minutes):
            yield sound(level * rng.uniform(-1, 1, 80_000), 8000)

    def peak_bytes(blocks: Callable[[], Iterator[Waveform]]) -> int:
        tracemalloc.start()
        validator.analyze_stream(blocks())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak_bytes(lambda: minutes(1))
    # ten minutes of 8 kHz sound are 19 MB
    assert peak_bytes(lambda: minutes(10)) < peak_bytes(lambda: minutes(1)) + 2_000_000


def test_it_crosses_to_another_process_as_the_name_of_its_folder(
    validator: AudioDistortionValidator, song: Waveform
) -> None:
    packed = pickle.dumps(validator)
    assert len(packed) < 1000
    again: AudioDistortionValidator = pickle.loads(packed)  # noqa: S301 - packed a line above
    assert again.analyze(song) == validator.analyze(song)


def graphs(bundle: Path) -> dict[str, bytes]:
    return {name: (bundle / name).read_bytes() for name in ("model.onnx", "seconds.onnx")}


def test_a_bundle_for_something_else_is_refused() -> None:
    with pytest.raises(BundleError, match=r"is no model of distortion \(labels 0, 1, 2.*expected labels clipping, "):
        AudioDistortionValidator.load_checkpoint("digits")


def test_no_bundle_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"holds no bundle\.json"):
        AudioDistortionValidator.load_checkpoint(tmp_path)


def test_a_bundle_that_cannot_tell_where_is_refused(small_bundle: Path, write: Write, tmp_path: Path) -> None:
    files = graphs(small_bundle)
    write(tmp_path / "one", {"model.onnx": files["model.onnx"]})
    with pytest.raises(BundleError, match=r"holds no seconds\.onnx"):
        AudioDistortionValidator.load_checkpoint(tmp_path / "one")
    write(tmp_path / "two", files | {"seconds.onnx": files["model.onnx"]})
    with pytest.raises(BundleError, match=r"seconds\.onnx: takes \d+ numbers and gives 5, expected 53, 5"):
        AudioDistortionValidator.load_checkpoint(tmp_path / "two")


def test_a_bundle_without_severity_is_refused(small_bundle: Path, write: Write, tmp_path: Path) -> None:
    import onnx

    model = onnx.load_from_string((small_bundle / "model.onnx").read_bytes())
    del model.graph.output[1]
    write(tmp_path / "bundle", graphs(small_bundle) | {"model.onnx": model.SerializeToString()})
    with pytest.raises(BundleError, match=r"model\.onnx gives scores; expected scores, severity"):
        AudioDistortionValidator.load_checkpoint(tmp_path / "bundle")


@pytest.mark.parametrize("changes", [{"labels": ("clipping", "noise")}, {"task": "one"}, {"labels": KINDS[::-1]}])
def test_a_bundle_with_other_labels_or_another_task_is_refused(
    small_bundle: Path, write: Write, tmp_path: Path, changes: dict[str, object]
) -> None:
    write(tmp_path / "bundle", graphs(small_bundle), **changes)
    with pytest.raises(BundleError, match="is no model of distortion"):
        AudioDistortionValidator.load_checkpoint(tmp_path / "bundle")


def test_a_changed_graph_is_refused(small_bundle: Path, write: Write, tmp_path: Path) -> None:
    write(tmp_path / "bundle", graphs(small_bundle))
    (tmp_path / "bundle" / "seconds.onnx").write_bytes(b"other")
    with pytest.raises(BundleError, match=r"seconds\.onnx: SHA-256 .* expected"):
        AudioDistortionValidator.load_checkpoint(tmp_path / "bundle")
