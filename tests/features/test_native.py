"""Native frontends: sounds at their own rate and with all channels, from files to features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.audio import Waveform
from earmark.core.errors import AudioError, ConfigError, ModelError
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.features import FeatureStore, extract_features
from earmark.features.base import NATIVE_HZ, FrontendSpec, LevelFrontend, NativeFrontend, NativeWindow
from earmark.features.measure import measure_clip, measure_clips, measure_native
from earmark.features.testing import NativeFrontendContract, chunks, noise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

SECONDS = 2


class Channels(NativeFrontend):
    """A fake that is real: rate, number of channels and the first sample's height of every two seconds."""

    def __init__(self) -> None:
        self.spec = FrontendSpec("channels", NATIVE_HZ, SECONDS, SECONDS, (4,), {})
        self.asked: list[int] = []

    def measure(self, waveforms: Iterable[Waveform]) -> Iterator[NativeWindow]:
        waiting: Waveform | None = None
        start = 0
        for waveform in waveforms:
            self.asked.append(waveform.n_samples)
            waiting = waveform if waiting is None else _joined(waiting, waveform)
            if not np.isfinite(waiting.samples).all():
                raise AudioError("found NaN or infinite samples, expected numbers")
            n_window = SECONDS * waiting.rate_hz
            while waiting.n_samples >= n_window:
                yield _window(Waveform(waiting.samples[:, :n_window], waiting.rate_hz), start)
                waiting, start = Waveform(waiting.samples[:, n_window:], waiting.rate_hz), start + n_window
        if waiting is None or (not waiting.n_samples and not start):
            raise AudioError("found no samples, expected sound")
        if waiting.n_samples:
            yield _window(waiting, start)


def _joined(first: Waveform, second: Waveform) -> Waveform:
    if (first.rate_hz, first.n_channels) != (second.rate_hz, second.n_channels):
        raise AudioError("found another rate or number of channels")
    return Waveform(np.concatenate([first.samples, second.samples], axis=1), first.rate_hz)


def _window(sound: Waveform, start: int) -> NativeWindow:
    row = [sound.rate_hz, sound.n_channels, sound.samples[0, 0], np.ptp(np.diff(sound.samples[0], prepend=0))]
    level_db = 10 * np.log10(max(1e-10, np.square(sound.samples, dtype=np.float64).mean(axis=1).max()))
    rate_hz = sound.rate_hz
    return NativeWindow(np.array(row, np.float32), level_db, start / rate_hz, (start + sound.n_samples) / rate_hz)


class Lying(Channels):
    """Gives something else than its spec says."""

    def __init__(self, lie: str) -> None:
        super().__init__()
        self.lie = lie

    def measure(self, waveforms: Iterable[Waveform]) -> Iterator[NativeWindow]:
        for window in super().measure(waveforms):
            wrong = {"shape": window.features[:2], "NaN": np.full(4, np.nan, np.float32)}
            if self.lie in wrong:
                yield NativeWindow(wrong[self.lie], window.level_db, window.start_s, window.end_s)


class TestChannels(NativeFrontendContract):
    def frontend(self) -> NativeFrontend:
        return Channels()


def write(path: Path, sound: Waveform) -> Clip:
    soundfile.write(path, sound.samples.T, sound.rate_hz, subtype="FLOAT")
    return Clip(path.name, path, ("noise",), "a")


def test_a_spec_says_whether_it_is_native() -> None:
    assert Channels().spec.native
    assert not LevelFrontend().spec.native


def test_a_clip_is_measured_at_its_own_rate_and_with_its_channels(tmp_path: Path) -> None:
    sound = noise(6, 100_000, 22_050)
    rows = measure_clip(write(tmp_path / "six.wav", sound), Channels())
    assert rows.features[:, :2].tolist() == [[22_050, 6]] * 3
    assert rows.features[1, 2] == sound.samples[0, 2 * 22_050]
    assert rows.features.dtype == rows.levels_db.dtype == np.float32
    assert rows.levels_db.shape == (3,)


def test_a_part_of_a_file_is_measured_alone(tmp_path: Path) -> None:
    sound = noise(2, 40_000, 8000)
    whole = write(tmp_path / "whole.wav", sound)
    part = Clip("part", whole.path, ("noise",), "a", start_s=1.0, duration_s=2.5)
    rows = measure_clip(part, Channels())
    assert rows.features[:, 2].tolist() == [sound.samples[0, 8000], sound.samples[0, 24_000]]


def test_a_long_clip_is_read_block_by_block(tmp_path: Path) -> None:
    frontend = Channels()
    measure_clip(write(tmp_path / "long.wav", noise(1, 31 * 8000, 8000)), frontend)
    assert frontend.asked == [80_000, 80_000, 80_000, 8000]


def test_what_is_wrong_with_a_file_is_told_with_its_name_once(tmp_path: Path) -> None:
    sound = noise(1, 100, 8000)
    sound.samples[0, 7] = np.nan
    path = tmp_path / "nan.wav"
    with pytest.raises(AudioError, match="NaN") as caught:
        measure_clip(write(path, sound), Channels())
    assert str(caught.value).count(str(path)) == 1
    with pytest.raises(AudioError, match=r"^that sound: found no samples"):
        measure_native([], Channels(), "that sound")
    with pytest.raises(AudioError, match=r"missing\.wav"):
        measure_clip(Clip("missing", tmp_path / "missing.wav", ("noise",), "a"), Channels())


@pytest.mark.parametrize(
    ("lie", "message"),
    [("shape", r"features of shape \(2,\), expected \(4,\)"), ("NaN", "NaN or infinite features"), ("", "no window")],
)
def test_a_frontend_that_breaks_its_spec_is_found_out(tmp_path: Path, lie: str, message: str) -> None:
    clip = write(tmp_path / "a.wav", noise(1, 100, 8000))
    with pytest.raises(ModelError, match=rf'a\.wav: frontend "channels" gave {message}'):
        measure_clip(clip, Lying(lie))


def test_times_and_rows_do_not_depend_on_the_pieces() -> None:
    sound = noise(2, 40_000, 8000)
    whole, times_s = measure_native([sound], Channels(), "sound")
    assert times_s.tolist() == [[0, 2], [2, 4], [4, 5]]
    pieces, same_s = measure_native(chunks(sound, 777), Channels(), "sound")
    np.testing.assert_array_equal(whole.features, pieces.features)
    np.testing.assert_array_equal(times_s, same_s)


def test_the_store_keeps_rows_of_native_frontends_and_workers_give_the_same(tmp_path: Path) -> None:
    clips = [write(tmp_path / f"{n}.wav", noise(1 + n % 3, 9000 + 5000 * n, 8000)) for n in range(20)]
    dataset, store = Dataset.of("sounds", clips), FeatureStore(tmp_path / "store")
    first = extract_features(dataset, Channels(), store=store)
    silent = Channels()
    again = extract_features(dataset, silent, store=store)
    assert not silent.asked
    np.testing.assert_array_equal(first.features, again.features)
    np.testing.assert_array_equal(first.clip_rows, again.clip_rows)
    in_workers = list(measure_clips(clips, Channels(), workers=2))
    np.testing.assert_array_equal(np.concatenate([rows.features for rows in in_workers]), first.features)  # type: ignore[union-attr]


class _Halved:
    fingerprint = "halved"

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, clip_id: str) -> NDArray[np.float32]:
        return np.float32(0.5) * samples


def test_sound_that_is_changed_in_mono_is_refused(tmp_path: Path) -> None:
    clip = write(tmp_path / "a.wav", noise(2, 9000, 8000))
    with pytest.raises(ConfigError, match=r'frontend "channels" takes sounds .* set copies to 0'):
        measure_clip(clip, Channels(), _Halved())
    assert len(measure_clip(clip, LevelFrontend(), _Halved()).levels_db) == 4
