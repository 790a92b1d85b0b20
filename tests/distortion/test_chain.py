from __future__ import annotations

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import AudioError, ConfigError
from earmark.distortion import Fault, distort, measure_severity


def test_faults_follow_each_other(music: Waveform) -> None:
    faults = [Fault("clipping", 0.4), Fault("pink", parameters={"snr_db": 15.0}), Fault("phase", 0.3)]
    chain = distort(music, faults, np.random.default_rng(0))
    assert [step.effect for step in chain.steps] == ["hard-clip", "pink", "inversion"]
    assert chain.waveform is chain.steps[-1].waveform
    before = [music, *(step.waveform for step in chain.steps)]
    for original, step in zip(before, chain.steps, strict=False):
        assert step.severity == measure_severity(step.kind, original, step.waveform)
    assert [step.severity for step in chain.steps] == pytest.approx([0.4, 0.625, 0.3], abs=0.02)


def test_what_is_added_behind_changes_nothing_before(music: Waveform) -> None:
    one = distort(music, [Fault("white", 0.5)], np.random.default_rng(3))
    two = distort(music, [Fault("white", 0.5), Fault("shelf", 0.2)], np.random.default_rng(3))
    assert np.array_equal(one.waveform.samples, two.steps[0].waveform.samples)


def test_a_chain_that_makes_silence_says_where(rng: np.random.Generator) -> None:
    times_s = np.arange(16_000) / 16_000
    tone = Waveform((np.hanning(16_000) * np.sin(2 * np.pi * 6000 * times_s)).astype(np.float32)[np.newaxis], 16_000)
    deep = {"high_hz": 50.0, "order": 20}
    with pytest.raises(AudioError, match="fault 2 of 2: band-limit: leaves silence"):
        distort(tone, [Fault("hard-clip", 0.1), Fault("band-limit", parameters=deep)], rng)
    with pytest.raises(AudioError, match=r"^band-limit: leaves silence"):
        distort(tone, [Fault("band-limit", parameters=deep)], rng)


def test_a_chain_has_a_fault(music: Waveform, rng: np.random.Generator) -> None:
    with pytest.raises(ConfigError, match="found no fault"):
        distort(music, [], rng)
