from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from earmark.core.errors import AudioError, ConfigError, EarmarkError, ModelError
from earmark.data.clip import Clip
from earmark.features import LevelFrontend, mfcc
from earmark.features.measure import BATCH_WINDOWS, measure_clip, measure_clips, window_levels_db

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.features.conftest import MakeDataset


class _Counting(LevelFrontend):
    """Remembers the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        self.batches.append(len(windows))
        return super().__call__(windows)


class _Lying(LevelFrontend):
    """Gives something else than its spec says."""

    def __init__(self, lie: str) -> None:
        super().__init__()
        self.lie = lie

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        features = super().__call__(windows)
        return features[:, :-1] if self.lie == "shape" else features * np.float32(np.nan)


class _Unpicklable(LevelFrontend):
    def __reduce__(self) -> Any:
        raise TypeError("holds an open session")


class _Deadly(LevelFrontend):
    """Ends the process that unpacks it, as the system does when memory runs out."""

    def __reduce__(self) -> Any:
        return os._exit, (9,)


class _Half:
    fingerprint = "half"

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, clip_id: str) -> NDArray[np.float32]:
        assert rate_hz == 8000
        assert clip_id == "0.wav"
        return np.float32(0.5) * samples


def test_a_clip_gives_one_row_per_window_and_its_level(make_dataset: MakeDataset) -> None:
    clip = make_dataset(1.3).clips[0]
    rows = measure_clip(clip, LevelFrontend())
    assert rows.features.shape == (5, 8)
    assert rows.levels_db.shape == (5,)
    assert rows.levels_db[0] == pytest.approx(-20, abs=0.3)
    np.testing.assert_allclose(rows.features[0].mean(), rows.levels_db[0], atol=0.2)


def test_only_the_part_of_the_file_that_the_clip_names_is_measured(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(8000), 0.5 * np.ones(8000), np.zeros(8000)])
    soundfile.write(tmp_path / "a.wav", sound, 8000, subtype="FLOAT")
    rows = measure_clip(Clip("a", tmp_path / "a.wav", ("x",), "g", start_s=1.0, duration_s=1.0), LevelFrontend())
    np.testing.assert_allclose(rows.features, 20 * np.log10(0.5), atol=1e-3)


def test_a_file_at_another_rate_with_two_channels_is_resampled_and_mixed(tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)
    soundfile.write(tmp_path / "a.flac", np.stack([tone, tone], axis=1), 44100)
    rows = measure_clip(Clip("a", tmp_path / "a.flac", ("x",), "g"), LevelFrontend())
    assert rows.features.shape == (3, 8)
    np.testing.assert_allclose(rows.levels_db, -9.03, atol=0.05)


def test_long_clips_are_measured_in_batches_with_the_windows_of_the_whole(make_dataset: MakeDataset) -> None:
    clip = make_dataset(40.1).clips[0]
    counting = _Counting()
    rows = measure_clip(clip, counting)
    assert counting.batches == [BATCH_WINDOWS, BATCH_WINDOWS, 160 - 2 * BATCH_WINDOWS]
    samples = soundfile.read(clip.path, dtype="float32")[0]
    for row in (0, 63, 64, 127, 128, 159):
        window = np.zeros((1, 4000), dtype=np.float32)
        part = samples[row * 2000 : row * 2000 + 4000]
        window[0, : part.size] = part
        np.testing.assert_array_equal(LevelFrontend()(window)[0], rows.features[row])


def test_transform_changes_the_sound_before_it_is_cut(make_dataset: MakeDataset) -> None:
    clip = make_dataset(1.0).clips[0]
    plain, halved = measure_clip(clip, LevelFrontend()), measure_clip(clip, LevelFrontend(), _Half())
    np.testing.assert_allclose(plain.levels_db - halved.levels_db, 20 * np.log10(2), atol=1e-3)


def test_silence_has_a_level_of_minus_100_db() -> None:
    assert window_levels_db(np.zeros((2, 100), dtype=np.float32)).tolist() == [-100, -100]


@pytest.mark.parametrize(("lie", "message"), [("shape", r"shape \(3, 7\), expected \(3, 8\)"), ("nan", "gave NaN")])
def test_a_frontend_that_breaks_its_spec_is_named(make_dataset: MakeDataset, lie: str, message: str) -> None:
    with pytest.raises(ModelError, match=rf'0.wav: frontend "level" {message}|{message}'):
        measure_clip(make_dataset(1.0).clips[0], _Lying(lie))


def test_unreadable_clips_are_given_as_errors_between_the_others(make_dataset: MakeDataset) -> None:
    clips = list(make_dataset(0.5, 0.5, 0.5).clips)
    clips[1].path.write_bytes(b"")
    results = list(measure_clips(clips, LevelFrontend()))
    assert [isinstance(result, AudioError) for result in results] == [False, True, False]


def test_two_processes_give_the_numbers_of_one(make_dataset: MakeDataset) -> None:
    clips = make_dataset(*[0.3 + 0.05 * index for index in range(40)]).clips
    clips[20].path.write_bytes(b"RIFF")
    frontend = mfcc(rate_hz=8000, window_s=0.5, hop_s=0.25)
    one, two = (list(measure_clips(clips, frontend, workers=workers)) for workers in (1, 2))
    assert len(one) == len(two) == 40
    for first, second in zip(one, two, strict=True):
        if isinstance(first, AudioError) or isinstance(second, AudioError):
            assert str(first) == str(second)
            continue
        np.testing.assert_array_equal(first.features, second.features)
        np.testing.assert_array_equal(first.levels_db, second.levels_db)


def test_a_frontend_that_cannot_be_sent_names_the_way_out(make_dataset: MakeDataset) -> None:
    clips = make_dataset(*[0.1] * 17).clips
    with pytest.raises(ConfigError, match=r'"level" cannot be sent .* \(holds an open session\); use workers=1'):
        list(measure_clips(clips, _Unpicklable(), workers=2))


def test_a_killed_worker_is_an_error_that_says_what_to_do(make_dataset: MakeDataset) -> None:
    clips = make_dataset(*[0.1] * 17).clips
    with pytest.raises(EarmarkError, match=r"a worker process was killed, .* fewer workers"):
        list(measure_clips(clips, _Deadly(), workers=2))


def test_worker_functions_run_in_this_process_too(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    measure = sys.modules["earmark.features.measure"]
    monkeypatch.setattr(measure, "_worker", [])
    measure._start_worker(measure._packed(LevelFrontend(), None))
    (rows,) = measure._measure_task(make_dataset(0.5).clips)
    assert rows.features.shape == (1, 8)


@pytest.mark.parametrize("block_s", [0.05, 0.37, 3.0, 1000.0])
def test_numbers_and_batches_do_not_depend_on_how_much_sound_is_held(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch, block_s: float
) -> None:
    (clip,) = make_dataset(41.3).clips
    expected = measure_clip(clip, LevelFrontend())
    monkeypatch.setattr("earmark.features.measure.BLOCK_S", block_s)
    counting = _Counting()
    found = measure_clip(clip, counting)
    assert np.array_equal(found.features, expected.features)
    assert np.array_equal(found.levels_db, expected.levels_db)
    assert counting.batches == [BATCH_WINDOWS, BATCH_WINDOWS, len(expected.levels_db) - 2 * BATCH_WINDOWS]
