"""What is heard of a window does not depend on the windows that are heard with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.inference import Predictor
from earmark.inference.heard import Rows
from tests.inference.conftest import hum as tone

if TYPE_CHECKING:
    from pathlib import Path


def hum(level: float, duration_s: float, rate_hz: int = 8000) -> Waveform:
    return Waveform(tone(level, duration_s, rate_hz), rate_hz)


@pytest.mark.parametrize("company", [1, 7, 40])
def test_what_is_heard_of_a_clip_does_not_depend_on_its_company(predictor: Predictor, company: int) -> None:
    others = predictor.cut(hum(0.3, company * 0.25 + 0.25)).windows
    for sound in (hum(0.5, 0.2), hum(0.03, 1.7), hum(0.01, 3.1, 44_100)):
        cut, alone = predictor.cut(sound), predictor.predict(sound)
        rows = predictor.hear(np.concatenate([others, cut.windows, others]))
        heard = cut.heard(rows.part(len(others), len(others) + len(cut.windows)))
        together = predictor.answer(heard)
        assert list(together.probabilities.values()) == pytest.approx(list(alone.probabilities.values()), abs=1e-6)
        assert replace(together, probabilities={}, probability=0) == replace(alone, probabilities={}, probability=0)
        assert np.allclose(predictor.scores_of(heard).values, predictor.scores(sound).values, atol=1e-6)
        parts = [predictor.hear(cut.windows[first : first + 2]) for first in range(0, len(cut.windows), 2)]
        assert np.allclose(Rows.joined(parts).scores, rows.part(len(others), len(others) + len(cut.windows)).scores)


@pytest.mark.real
def test_answers_of_the_shipped_digits_do_not_depend_on_company_or_thread(fsdd_dir: Path) -> None:
    from earmark.audio import read_audio

    digits = Predictor.load("digits")
    sounds = [read_audio(fsdd_dir / "recordings" / f"{n % 10}_theo_{n // 10}.wav") for n in range(30)]
    cuts = [digits.cut(sound) for sound in sounds]
    stack = np.concatenate([cut.windows for cut in cuts])
    with ThreadPoolExecutor(4) as pool:  # all at once, each in other company
        orders = [np.random.default_rng(seed).permutation(len(stack)) for seed in range(4)]
        heard = list(pool.map(lambda order: digits.hear(stack[order]), orders))
    alone = [digits.predict(sound) for sound in sounds]
    for order, rows in zip(orders, heard, strict=True):
        back = np.argsort(order)
        assert rows.known is not None
        ordered, first = Rows(rows.scores[back], rows.known[back]), 0
        for cut, expected in zip(cuts, alone, strict=True):
            found = digits.answer(cut.heard(ordered.part(first, first + len(cut.windows))))
            first += len(cut.windows)
            for one, other in zip(found.probabilities.values(), expected.probabilities.values(), strict=True):
                assert one == pytest.approx(other, abs=1e-6)
                assert round(one, 4) == round(other, 4)
            assert (found.label, found.accepted, found.known) == (expected.label, expected.accepted, expected.known)
            assert found.known_probability == pytest.approx(expected.known_probability, abs=1e-5)
