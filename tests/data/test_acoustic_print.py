from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.data.acoustic_print import AcousticPrint, PrintStream, find_candidates

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 8000


def babble(seed: int, duration_s: float = 0.6) -> NDArray[np.float32]:
    """Return tones that come and go: a spectrum of its own for every seed."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    sound = np.zeros(times_s.size)
    for _ in range(25):
        centre_s, width_s = rng.uniform(0, duration_s), rng.uniform(0.02, 0.2)
        shape = np.exp(-(((times_s - centre_s) / width_s) ** 2))
        sound += shape * np.sin(2 * np.pi * rng.uniform(150, 3200) * times_s + rng.uniform(0, 6))
    return (0.05 * sound + 0.001 * rng.normal(size=times_s.size)).astype(np.float32)


def print_of(samples: NDArray[np.float32], rate_hz: int = RATE_HZ) -> AcousticPrint:
    stream = PrintStream(rate_hz)
    stream.add(samples)
    return stream.finish()


def pairs(*prints: AcousticPrint) -> list[tuple[int, int]]:
    return [(candidate.first, candidate.second) for candidate in find_candidates(prints)]


def test_blocks_give_the_print_of_the_whole() -> None:
    sound = babble(1, 2.0)
    stream = PrintStream(RATE_HZ)
    for block in np.array_split(sound, 7):
        stream.add(block)
    whole, parts = print_of(sound), stream.finish()
    common = np.isin(whole.positions, parts.positions)
    assert common.mean() > 0.95
    assert np.mean(whole.words[common] == parts.words[np.isin(parts.positions, whole.positions)]) > 0.95


def test_copies_share_words_and_strangers_do_not() -> None:
    sound = babble(1)
    louder = 3 * sound + np.float32(1e-4)
    strangers = [print_of(babble(seed)) for seed in range(10, 20)]
    assert pairs(print_of(sound), print_of(louder), *strangers) == [(0, 1)]


def test_resampled_and_noisy_copies_share_words() -> None:
    import soxr

    sound = babble(1)
    at_22050 = soxr.resample(sound, RATE_HZ, 22050)
    noisy = sound + np.random.default_rng(0).normal(0, 1e-3, sound.size).astype(np.float32)
    assert (0, 1) in pairs(print_of(sound), print_of(at_22050, 22050))
    assert (0, 1) in pairs(print_of(sound), print_of(noisy))


def test_offset_tells_where_the_shared_sound_begins() -> None:
    sound = babble(3, 1.0)
    later = np.concatenate([np.zeros(4000, dtype=np.float32), sound])
    (candidate,) = find_candidates([print_of(sound), print_of(later)])
    assert candidate.offset_s == pytest.approx(-0.5, abs=0.02)
    (candidate,) = find_candidates([print_of(later), print_of(sound)])
    assert candidate.offset_s == pytest.approx(0.5, abs=0.02)
    assert candidate.first_s >= 0.3


def test_steady_tone_of_one_clip_does_not_hide_copies_of_it() -> None:
    times_s = np.arange(40_000) / RATE_HZ
    tone = (0.3 * np.sin(2 * np.pi * 700 * times_s)).astype(np.float32)
    prints = [print_of(tone), print_of(0.5 * tone), print_of(0.25 * tone)]
    assert pairs(*prints) == [(0, 1), (0, 2), (1, 2)]


def test_silence_and_nothing_have_no_words_and_no_candidates() -> None:
    silence = print_of(np.zeros(8000, dtype=np.float32))
    assert silence.words.size == 0
    assert find_candidates([silence, silence]) == []
    assert find_candidates([]) == []


@pytest.mark.parametrize("n_samples", [1, 100, 1600])
def test_short_clips_have_words(n_samples: int) -> None:
    assert print_of(babble(5)[:n_samples] + np.float32(0.01)).words.size >= 7
