from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.audio.read import read_audio
from earmark.audio.stream import stream_audio
from earmark.core.errors import AudioError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform
    from tests.audio.conftest import MakeFile, Tone


def together(blocks: list[Waveform]) -> NDArray[np.float32]:
    return np.concatenate([block.samples for block in blocks], axis=1)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    block_s=st.floats(0.001, 4.0),
    rate_hz=st.sampled_from([None, 8000, 16_000, 44_100, 48_000]),
    mono=st.booleans(),
    start_s=st.floats(0, 1.9),
    duration_s=st.none() | st.floats(0.01, 3.0),
)
def test_the_blocks_together_are_the_whole(
    make_file: MakeFile,
    chirp: NDArray[np.float32],
    block_s: float,
    rate_hz: int | None,
    mono: bool,
    start_s: float,
    duration_s: float | None,
) -> None:
    path = make_file(chirp)
    whole = read_audio(path, rate_hz=rate_hz, mono=mono, start_s=start_s, duration_s=duration_s)
    blocks = list(
        stream_audio(path, block_s=block_s, rate_hz=rate_hz, mono=mono, start_s=start_s, duration_s=duration_s)
    )
    np.testing.assert_array_equal(together(blocks), whole.samples)
    assert {block.rate_hz for block in blocks} == {whole.rate_hz}
    assert len({block.n_samples for block in blocks[:-1]}) <= 1


@pytest.mark.parametrize("name", ["sound.flac", "sound.ogg", "sound.mp3"])
def test_compressed_files_stream_like_they_read(make_file: MakeFile, chirp: NDArray[np.float32], name: str) -> None:
    path = make_file(chirp, name)
    blocks = list(stream_audio(path, block_s=0.3, rate_hz=16_000, mono=True))
    assert [block.n_samples for block in blocks] == [4800] * 6 + [3200]
    np.testing.assert_array_equal(together(blocks), read_audio(path, rate_hz=16_000, mono=True).samples)


def test_blocks_own_their_memory(make_file: MakeFile, chirp: NDArray[np.float32]) -> None:
    path = make_file(chirp)
    first, *_ = kept = list(stream_audio(path, block_s=0.5))
    first.samples[:] = 0
    np.testing.assert_array_equal(together(kept[1:]), read_audio(path, start_s=0.5).samples)


def test_memory_does_not_grow_with_length(make_file: MakeFile) -> None:
    peaks = []
    for n_samples in (2_000_000, 8_000_000):
        path = make_file(np.zeros(n_samples, dtype=np.float32), f"{n_samples}.flac")
        tracemalloc.start()
        for _ in stream_audio(path, block_s=1.0, rate_hz=16_000, mono=True):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] < 3e6


@pytest.mark.parametrize("block_s", [0.0, -1.0, 3601.0, float("nan"), float("inf")])
def test_blocks_of_nonsense_length_are_refused(make_file: MakeFile, tone: Tone, block_s: float) -> None:
    with pytest.raises(AudioError, match=r"found block_s=.*expected more than 0 and at most 3600 seconds"):
        next(stream_audio(make_file(tone(440, 0.1, 8000)), block_s=block_s))


def test_a_block_is_at_least_a_sample(make_file: MakeFile, tone: Tone) -> None:
    assert len(list(stream_audio(make_file(tone(440, 0.01, 8000), rate_hz=8000), block_s=1e-9))) == 80


def test_good_blocks_come_before_the_error(make_file: MakeFile, rng: np.random.Generator) -> None:
    samples = 0.1 * rng.standard_normal(400_000).astype(np.float32)
    samples[390_000] = np.nan
    stream = stream_audio(make_file(samples, subtype="FLOAT"), block_s=1.0)
    assert next(stream).n_samples == 44_100
    with pytest.raises(AudioError, match=r"the first at 8\.844 s"):
        list(stream)


@pytest.mark.parametrize("options", [{"start_s": 5.0}, {"start_s": -1.0}, {"duration_s": 0.0}, {"rate_hz": 1}])
def test_the_arguments_are_checked_as_in_reading(make_file: MakeFile, tone: Tone, options: dict[str, float]) -> None:
    with pytest.raises(AudioError, match="expected"):
        next(stream_audio(make_file(tone(440, 0.1, 8000)), **options))  # type: ignore[arg-type]


def test_a_missing_file_is_told_at_the_first_block(tmp_path: Path) -> None:
    stream = stream_audio(tmp_path / "none.wav")
    with pytest.raises(AudioError, match="No such file"):
        next(stream)
