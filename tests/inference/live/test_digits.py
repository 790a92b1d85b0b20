"""The shipped `digits` on a stream of recorded digits and of other sounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import read_audio
from earmark.inference.live import Listener, ListenOptions, load_judge
from tests.inference.live.conftest import STREAM_HZ
from tests.inference.live.test_listener import hear

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.real


def strung(paths: list[Path], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return recordings between pauses of 0.8 s with a microphone's hiss."""
    parts = [np.zeros(STREAM_HZ, dtype=np.float32)]
    for path in paths:
        parts += [read_audio(path, rate_hz=STREAM_HZ, mono=True).samples[0], np.zeros(12_800, dtype=np.float32)]
    stream = np.concatenate(parts)
    return (stream + 1e-4 * rng.normal(size=len(stream))).astype(np.float32)


@pytest.mark.parametrize("vad", ["energy", "silero"])
def test_digits_are_told_one_by_one(
    vad: str, fsdd_dir: Path, rng: np.random.Generator, request: pytest.FixtureRequest
) -> None:
    if vad == "silero":
        request.getfixturevalue("silero_weights")
    said = [(digit, speaker) for speaker in ("jackson", "lucas") for digit in (3, 1, 4, 5, 9, 2, 6, 8, 7, 0)]
    stream = strung([fsdd_dir / "recordings" / f"{digit}_{speaker}_7.wav" for digit, speaker in said], rng)
    found = hear(Listener(load_judge("digits"), STREAM_HZ, ListenOptions(vad=vad)), stream)  # type: ignore[arg-type]
    told = [emission.label for emission in found]
    assert len(told) == len(said)
    assert sum(label == str(digit) for label, (digit, _) in zip(told, said, strict=True)) >= 19


def test_what_is_no_digit_is_hardly_ever_told(esc50_dir: Path, rng: np.random.Generator) -> None:
    from earmark.data import load_dataset

    clips = [clip.path for clip in load_dataset(esc50_dir).clips if clip.fold == "fold5"][::16]
    found = hear(Listener(load_judge("digits"), STREAM_HZ, ListenOptions(vad="energy")), strung(clips, rng))
    assert len(clips) >= 20
    assert len(found) <= 1
