"""The events of a clip are those that `earmark analyze` finds in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.audio import Waveform, read_audio
from earmark.inference import Predictor
from earmark.inference.analysis import Hearing, Listener, Run, analyse, find_recordings
from earmark.inference.clip_events import EventFinder
from earmark.inference.hearers import ModelChoice
from tests.inference.analysis.conftest import changing_tone

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.inference.events import Event


def analysed(path: Path, model: str | Path) -> tuple[Event, ...]:
    """Return what `earmark analyze` finds."""
    hearing = Hearing(ModelChoice(model))
    (found,) = analyse(find_recordings([str(path)]), Listener(hearing), hearing, Run(), path.stat().st_size)
    assert found.file is not None, found.error
    return found.file.events


def events_of(predictor: Predictor, waveform: Waveform) -> tuple[Event, ...]:
    heard = predictor.listen(waveform)
    return EventFinder(predictor.bundle)(heard, predictor.scores_of(heard))


def check_same(found: tuple[Event, ...], expected: tuple[Event, ...]) -> None:
    assert [(each.start_s, each.end_s, each.label) for each in found] == [
        (each.start_s, each.end_s, each.label) for each in expected
    ]
    assert [each.probability for each in found] == pytest.approx([each.probability for each in expected], abs=2e-6)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_events_are_those_of_an_analysis(
    predictor: Predictor, many_predictor: Predictor, tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, changing_tone(40.3, 8000, seed), 8000)
    for each in (predictor, many_predictor):
        found = events_of(each, read_audio(path, mono=True))
        assert len(found) > 3
        check_same(found, analysed(path, each.bundle.folder))


def test_silence_and_sound_below_the_thresholds_have_no_events(predictor: Predictor) -> None:
    assert events_of(predictor, Waveform(np.zeros((1, 9000), np.float32), 8000)) == ()


def test_what_the_bundle_refuses_is_no_event(tmp_path: Path) -> None:
    digits, path = Predictor.load("digits"), tmp_path / "noise.wav"
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, 16_000 * 9)).astype(np.float32)
    soundfile.write(path, noise[0], 16_000, subtype="FLOAT")
    assert events_of(digits, Waveform(noise, 16_000)) == analysed(path, "digits")


@pytest.mark.real
def test_spoken_digits_are_the_events_of_an_analysis(fsdd_dir: Path, tmp_path: Path) -> None:
    digits, path = Predictor.load("digits"), tmp_path / "digits.wav"
    spoken = [soundfile.read(fsdd_dir / "recordings" / f"{digit}_theo_3.wav", dtype="float32")[0] for digit in range(5)]
    pause = np.zeros(24_000, dtype=np.float32)
    soundfile.write(path, np.concatenate([part for word in spoken for part in (word, pause)]), 8000)
    found = events_of(digits, read_audio(path, mono=True))
    assert {event.label for event in found} >= set("0134")
    check_same(found, analysed(path, "digits"))
