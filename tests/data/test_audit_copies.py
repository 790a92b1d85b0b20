from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.data import audit_copies
from earmark.data.acoustic import measure_clip
from earmark.data.audit_copies import CopySet, find_copies, similarity
from earmark.data.clip import Clip

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RATE_HZ = 16000


def burst(seed: int, duration_s: float = 0.5) -> NDArray[np.float32]:
    """Return noise that fades out, like a drum."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    shape = np.interp(times_s, np.linspace(0, duration_s, 12), rng.uniform(0.2, 1.0, 12))
    noise: NDArray[np.float64] = rng.normal(size=times_s.size).clip(-2, 2)
    return (0.3 * shape * noise).astype(np.float32)


def find(folder: Path, sounds: dict[str, tuple[NDArray[np.float32], int]]) -> tuple[CopySet, ...]:
    clips = []
    for name, (samples, rate_hz) in sounds.items():
        options = {"compression_level": 0.9} if name.endswith(("ogg", "mp3")) else {}
        lossless = name.endswith(("wav", "flac"))
        soundfile.write(
            folder / name, np.round(samples * 32767).astype(np.int16) if lossless else samples, rate_hz, **options
        )
        clips.append(Clip(name, folder / name, ("a",), "g"))
    return find_copies(clips, [measure_clip(clip) for clip in clips])


def test_exact_copies_are_found_in_any_lossless_container(tmp_path: Path) -> None:
    sound = burst(1)
    sounds = {"a.wav": (sound, RATE_HZ), "b.wav": (burst(2), RATE_HZ), "c.flac": (sound, RATE_HZ)}
    assert find(tmp_path, sounds) == (CopySet((0, 2), exact=True),)


@pytest.mark.parametrize("change", ["quieter", "inverted", "padded", "trimmed", "resampled", "vorbis", "mp3"])
def test_changed_copies_are_found(tmp_path: Path, change: str) -> None:
    import soxr

    sound = burst(1)
    silence = np.zeros(3001, dtype=np.float32)
    name, changed, rate_hz = {
        "quieter": ("b.wav", 0.1 * sound, RATE_HZ),
        "inverted": ("b.wav", -sound, RATE_HZ),
        "padded": ("b.wav", np.concatenate([silence, sound, silence]), RATE_HZ),
        "trimmed": ("b.wav", sound[700:-900], RATE_HZ),
        "resampled": ("b.wav", soxr.resample(sound, RATE_HZ, 22050), 22050),
        "vorbis": ("b.ogg", sound, RATE_HZ),
        "mp3": ("b.mp3", sound, RATE_HZ),
    }[change]
    sounds = {"a.wav": (sound, RATE_HZ), "other.wav": (burst(2), RATE_HZ), name: (changed, rate_hz)}
    assert find(tmp_path, sounds) == (CopySet((0, 2), exact=False),)


def test_excerpt_of_a_long_recording_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_copies, "KEPT_BYTES", 0)
    recording = np.concatenate([burst(seed, 2.0) for seed in range(12)])
    sounds = {
        "whole.wav": (recording, RATE_HZ),
        "late.wav": (0.5 * recording[15 * RATE_HZ : 19 * RATE_HZ], RATE_HZ),
        "shifted.wav": (recording[3 * RATE_HZ :], RATE_HZ),
    }
    assert find(tmp_path, sounds) == (CopySet((0, 1, 2), exact=False),)


def test_silent_clips_and_stretches_of_one_file_are_no_copies(tmp_path: Path) -> None:
    silence = np.zeros(8000, dtype=np.float32)
    assert find(tmp_path, {"a.wav": (silence, RATE_HZ), "b.wav": (silence, RATE_HZ)}) == ()
    soundfile.write(tmp_path / "long.wav", burst(1, 2.0), RATE_HZ)
    clips = [
        Clip(str(start_s), tmp_path / "long.wav", ("a",), "g", start_s=start_s, duration_s=1.0)
        for start_s in (0.0, 0.3)
    ]
    assert find_copies(clips, [measure_clip(clip) for clip in clips]) == ()


def test_unreadable_clips_are_left_out(tmp_path: Path) -> None:
    assert find_copies([Clip("a", tmp_path / "gone.wav", ("a",), "g")], [None]) == ()


def test_similarity_is_one_for_copies_and_low_for_strangers() -> None:
    sound = burst(1)
    assert similarity(sound, np.float32(-0.2) * sound) == pytest.approx(1.0, abs=1e-3)
    assert similarity(sound, burst(2)) < 0.3
    assert similarity(sound, sound[: sound.size // 3]) == pytest.approx(1.0, abs=1e-3)


def test_similarity_sees_shifts_between_samples() -> None:
    times = np.arange(2000)
    sound = np.sin(1.6 * times + 1e-4 * times**2) * np.hanning(2000)
    shifted = np.sin(1.6 * (times + 0.5) + 1e-4 * (times + 0.5) ** 2) * np.hanning(2000)
    assert similarity(sound.astype(np.float32), shifted.astype(np.float32)) > 0.95


@pytest.mark.parametrize("n_samples", [0, 1, 2])
def test_similarity_of_almost_nothing_is_zero(n_samples: int) -> None:
    assert similarity(np.zeros(n_samples, dtype=np.float32), burst(1)) == 0.0


@pytest.mark.real
def test_real_digits_of_one_speaker_are_not_taken_for_copies(fsdd_dir: Path) -> None:
    paths = sorted((fsdd_dir / "recordings").glob("*_jackson_1*.wav"))
    clips = [Clip(path.name, path, (path.name[0],), "jackson") for path in paths]
    assert len(clips) == 110
    assert find_copies(clips, [measure_clip(clip) for clip in clips]) == ()
