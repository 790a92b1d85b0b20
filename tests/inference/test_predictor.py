"""A bundle answers for any sound there is, and says what is wrong with any other."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.audio import Waveform
from earmark.core.errors import AudioError, BundleError
from earmark.features import LevelFrontend
from earmark.inference import Predictor, classify_file
from earmark.models import Bundle
from earmark.models.bundle_spec import ThresholdPart

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.data.dataset import Dataset
    from earmark.training import Trained
    from tests.inference.conftest import WriteTone


def hum(level: float, duration_s: float = 0.5, rate_hz: int = 8000) -> Waveform:
    times_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return Waveform((level * np.sin(2 * np.pi * 440 * times_s)).astype(np.float32)[np.newaxis], rate_hz)


def write_header(path: Path, *, rate_hz: int, n_samples: int) -> Path:
    """Write a WAV file that promises many samples and holds them as a hole in the file."""
    n_bytes = 2 * n_samples
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + n_bytes,
        b"WAVE",
        b"fmt ",
        16,
        1,
        1,
        rate_hz,
        2 * rate_hz,
        2,
        16,
        b"data",
        n_bytes,
    )
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + n_bytes)
    return path


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100, 192000])
@pytest.mark.parametrize("n_channels", [1, 2, 6])
@pytest.mark.parametrize(("level", "label"), [(0.5, "loud"), (0.01, "quiet")])
def test_every_rate_and_channel_count_is_answered(
    predictor: Predictor, write_tone: WriteTone, rate_hz: int, n_channels: int, level: float, label: str
) -> None:
    answer = predictor.predict_file(write_tone(level=level, rate_hz=rate_hz, n_channels=n_channels))
    assert answer.label == label
    assert answer.duration_s == pytest.approx(0.5)
    assert answer.probability == max(answer.probabilities.values())
    assert sum(answer.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", ["tone.wav", "tone.flac", "tone.ogg", "tone.mp3"])
def test_every_format_is_answered(predictor: Predictor, write_tone: WriteTone, name: str) -> None:
    assert predictor.predict_file(write_tone(name)).label == "loud"


def test_a_bundle_gives_the_probabilities_of_the_model_that_it_was_made_from(
    predictor: Predictor, trained: Trained, tones: Dataset
) -> None:
    scores = trained.material.clip_scores(trained.classifier, np.arange(len(tones.clips)), "loudest")
    expected = trained.calibration(scores)
    for clip, probabilities in zip(tones.clips, expected, strict=True):
        answer = predictor.predict_file(clip.path)
        assert list(answer.probabilities.values()) == pytest.approx(probabilities.tolist(), abs=1e-4)


@pytest.mark.parametrize("duration_s", [0.0005, 0.03, 0.4999, 0.51, 3.0])
def test_clips_shorter_and_longer_than_a_window_are_answered(
    predictor: Predictor, write_tone: WriteTone, duration_s: float
) -> None:
    answer = predictor.predict_file(write_tone(duration_s=duration_s))
    assert answer.duration_s == pytest.approx(duration_s, abs=1e-4)


def test_the_loudest_window_decides_where_the_bundle_says_so(predictor: Predictor) -> None:
    quiet, loud = hum(0.01, 2.0).samples, hum(0.5, 0.5).samples
    assert predictor.predict(Waveform(np.concatenate([quiet, loud, quiet], axis=1), 8000)).label == "loud"


def test_a_part_of_a_file_is_answered_for_itself(predictor: Predictor, tmp_path: Path) -> None:
    samples = np.concatenate([hum(0.01, 1.0).samples, hum(0.5, 1.0).samples], axis=1)
    soundfile.write(tmp_path / "two.wav", samples[0], 8000)
    first = predictor.predict_file(tmp_path / "two.wav", duration_s=1.0)
    second = predictor.predict_file(tmp_path / "two.wav", start_s=1.0)
    assert (first.label, second.label) == ("quiet", "loud")
    assert (first.duration_s, second.duration_s) == (1.0, 1.0)
    assert predictor.predict_file(tmp_path / "two.wav", start_s=1.5, duration_s=99).duration_s == 0.5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty|0 bytes|no audio"),
        (b"RIFF", "."),
        (b"this is a letter to my aunt", "."),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "."),
    ],
)
def test_files_without_sound_are_named(predictor: Predictor, tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "wrong.wav").write_bytes(content)
    with pytest.raises(AudioError, match=rf"wrong\.wav: .*({message})"):
        predictor.predict_file(tmp_path / "wrong.wav")


def test_a_truncated_file_is_refused(predictor: Predictor, write_tone: WriteTone) -> None:
    path = write_tone(duration_s=2.0)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(AudioError, match=r"tone\.wav: .*truncated"):
        predictor.predict_file(path)


def test_a_file_with_another_name_than_its_content_is_answered(predictor: Predictor, write_tone: WriteTone) -> None:
    path = write_tone("tone.flac")
    assert predictor.predict_file(path.rename(path.with_suffix(".wav"))).label == "loud"


@pytest.mark.parametrize("name", ["missing.wav", "."])
def test_missing_files_and_folders_are_refused(predictor: Predictor, tmp_path: Path, name: str) -> None:
    with pytest.raises(AudioError, match=str(tmp_path / name)):
        predictor.predict_file(tmp_path / name)


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_is_refused(predictor: Predictor, tmp_path: Path, level: float) -> None:
    soundfile.write(tmp_path / "still.wav", hum(level).samples[0], 8000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"still\.wav: is silent \(level -10\d dB\), expected sound above -90 dB"):
        predictor.predict_file(tmp_path / "still.wav")


def test_holes_in_the_sound_are_refused(predictor: Predictor, tmp_path: Path) -> None:
    samples = hum(0.5).samples[0]
    samples[77] = np.nan
    soundfile.write(tmp_path / "holes.wav", samples, 8000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"holes\.wav: found NaN or infinite samples"):
        predictor.predict_file(tmp_path / "holes.wav")
    with pytest.raises(AudioError, match="NaN or infinite"):
        predictor.predict(Waveform(samples[np.newaxis], 8000))


def test_nothing_is_refused(predictor: Predictor) -> None:
    with pytest.raises(AudioError, match="holds no samples, expected sound"):
        predictor.predict(Waveform(np.zeros((1, 0), np.float32), 8000))
    with pytest.raises(AudioError, match="holds no samples"):
        predictor.scores(Waveform(np.zeros((2, 0), np.float32), 44100))


def test_a_recording_of_ten_hours_is_refused_without_reading_it(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_header(tmp_path / "day.wav", rate_hz=16000, n_samples=36_000 * 16000)
    monkeypatch.setattr("earmark.inference.predictor.read_audio", None)
    with pytest.raises(AudioError, match=r"day\.wav: lasts 36000 s, expected a clip of at most 600 s; choose a part"):
        predictor.predict_file(path)
    with pytest.raises(AudioError, match="lasts 700 s"):
        predictor.predict_file(path, start_s=10, duration_s=700)


def test_a_part_of_a_recording_of_ten_hours_is_answered(predictor: Predictor, tmp_path: Path) -> None:
    path = write_header(tmp_path / "day.wav", rate_hz=16000, n_samples=36_000 * 16000)
    with path.open("r+b") as file:
        file.seek(44 + 2 * 16000 * 20_000)
        file.write((hum(0.5, 1.0, 16000).samples[0] * 32767).astype("<i2").tobytes())
    assert predictor.predict_file(path, start_s=20_000, duration_s=1).label == "loud"


@pytest.mark.parametrize("rate_hz", [4000, 7999])
def test_rates_below_those_of_the_training_audio_are_refused(
    predictor: Predictor, write_tone: WriteTone, rate_hz: int
) -> None:
    message = f"rate {rate_hz} Hz, but bundle tones was trained on audio of 8000 Hz and more"
    with pytest.raises(AudioError, match=rf"tone\.wav: {message}"):
        predictor.predict_file(write_tone(rate_hz=rate_hz))
    with pytest.raises(AudioError, match=f"waveform: {message}"):
        predictor.predict(hum(0.5, rate_hz=rate_hz))


def test_a_waveform_of_another_rate_is_resampled(predictor: Predictor) -> None:
    assert predictor.predict(hum(0.5, rate_hz=48000)).label == "loud"


def test_scores_tell_when_each_window_is(predictor: Predictor) -> None:
    sound = np.concatenate([hum(0.01, 0.5).samples, hum(0.5, 0.6).samples], axis=1)
    scores = predictor.scores(Waveform(sound, 8000))
    assert scores.labels == ("loud", "quiet")
    assert np.allclose(scores.times_s, [[0, 0.5], [0.25, 0.75], [0.5, 1.0], [0.75, 1.1]])
    assert np.allclose(scores.values.sum(axis=1), 1)
    assert scores.values[0, 1] > 0.5
    assert scores.values[2, 0] > 0.5


def with_thresholds(predictor: Predictor, *values: float) -> Predictor:
    spec = predictor.bundle.spec
    part = ThresholdPart(rule="best_f1", goal=0.95, values=values)
    return Predictor(Bundle(predictor.bundle.folder, spec.model_copy(update={"thresholds": part})))


def test_one_label_is_accepted_from_its_own_threshold(predictor: Predictor) -> None:
    sound = hum(0.5)
    assert with_thresholds(predictor, 0.0, 0.0).predict(sound).accepted_labels == ("loud",)
    refused = with_thresholds(predictor, 1.1, 0.0).predict(sound)
    assert refused.label == "loud"
    assert not refused.accepted
    assert refused.accepted_labels == ()


def test_any_number_of_labels_is_accepted_where_clips_may_have_several(many_predictor: Predictor) -> None:
    assert many_predictor.predict(hum(0.5)).accepted_labels == ("loud", "sound")
    quiet = many_predictor.predict(hum(0.01))
    assert (quiet.label, quiet.accepted, quiet.accepted_labels) == ("sound", True, ("sound",))
    faint = many_predictor.predict(hum(0.0003))
    assert (faint.accepted, faint.accepted_labels) == (False, ())


def test_a_result_is_an_answer_or_an_error(predictor: Predictor, write_tone: WriteTone, tmp_path: Path) -> None:
    good = classify_file(predictor, write_tone())
    assert good.error is None
    assert list(good.to_dict()) == [
        "path",
        "label",
        "probability",
        "scores",
        "accepted",
        "duration_s",
        "latency_ms",
    ]
    assert good.to_dict()["scores"] == good.prediction.probabilities if good.prediction else False
    bad = classify_file(predictor, tmp_path / "missing.wav")
    assert bad.prediction is None
    assert list(bad.to_dict()) == ["path", "error"]
    assert bad.latency_ms >= 0


def test_a_name_that_is_not_utf_8_is_answered(predictor: Predictor, write_tone: WriteTone, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/f\xfcnf.wav"))
    try:
        write_tone().rename(path)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert predictor.predict_file(path).label == "loud"


def test_a_bundle_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BundleError, match="neither a bundle folder nor a shipped model"):
        Predictor.load("no-such-model")


def test_a_frontend_that_changed_is_refused(predictor: Predictor) -> None:
    spec = predictor.bundle.spec
    changed = spec.model_copy(update={"frontend": spec.frontend.model_copy(update={"fingerprint": "0" * 16})})
    with pytest.raises(BundleError, match="frontend level has fingerprint"):
        Predictor(replace(predictor.bundle, spec=changed))


def test_classifying_needs_nothing_that_trains_and_the_first_answer_imports_nothing(
    bundle_folder: Path, write_tone: WriteTone
) -> None:
    path = write_tone(rate_hz=44100, n_channels=2)
    code = (
        "import sys; from pathlib import Path; from earmark.inference import Predictor\n"
        f"predictor = Predictor.load({str(bundle_folder)!r}); before = set(sys.modules)\n"
        f"assert predictor.predict_file(Path({str(path)!r})).label == 'loud'\n"
        "late = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "heavy = {'sklearn', 'torch', 'matplotlib', 'skl2onnx', 'pandas'} & set(sys.modules)\n"
        "print(sorted(heavy), sorted(late & {'scipy', 'onnx', 'onnxruntime', 'soxr', 'soundfile', 'numpy'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


def test_a_predictor_has_classified_once_before_it_is_handed_out(
    bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, ...]] = []
    genuine = LevelFrontend.__call__

    def spy(self: LevelFrontend, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(windows.shape)
        return genuine(self, windows)

    monkeypatch.setattr(LevelFrontend, "__call__", spy)
    Predictor.load(bundle_folder)
    assert seen == [(1, 4000)]


@pytest.mark.real
def test_the_shipped_digits_are_told_apart_by_a_speaker_at_any_rate(fsdd_dir: Path, tmp_path: Path) -> None:
    from earmark.audio import read_audio

    digits = Predictor.load("digits")
    for digit in range(10):
        path = fsdd_dir / "recordings" / f"{digit}_theo_7.wav"
        assert digits.predict_file(path).label == str(digit)
        high = read_audio(path, rate_hz=44100)
        soundfile.write(tmp_path / "high.wav", high.samples.T, 44100)
        assert digits.predict_file(tmp_path / "high.wav").label == str(digit)
