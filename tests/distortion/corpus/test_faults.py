"""Faults that a corpus draws."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from earmark.distortion.corpus.faults import (
    DRAWS,
    GRID,
    draw_fault,
    draw_pair,
    draw_severity,
    draw_strength,
    effects_of,
)
from earmark.distortion.effects import EFFECTS
from earmark.distortion.effects.table import with_values
from earmark.distortion.severity import KINDS

DRAWN = [effect for kind in KINDS for effect in effects_of(kind)]


def test_the_grid_is_that_of_the_brief() -> None:
    steps = {kind: [next(iter(fault.parameters.values()), fault.effect) for fault in GRID[kind]] for kind in KINDS}
    assert steps == {
        "clipping": [0.05, 0.1, 0.2, 0.4],
        "compression": [64, 96, 128],
        "noise": [20, 10, 5, 0],
        "frequency": ["telephone", "underwater", "tinny"],
        "phase": ["inversion", "lost-channel", 5],
    }
    for kind, faults in GRID.items():
        assert {EFFECTS[fault.effect].kind for fault in faults} == {kind}


def test_every_effect_but_recordings_of_noise_is_drawn() -> None:
    rng = np.random.default_rng(0)
    drawn = {kind: {draw_fault(kind, rng).effect for _ in range(300)} for kind in KINDS}
    assert {effect for effects in drawn.values() for effect in effects} == set(EFFECTS) - {"recording"}
    for kind, effects in drawn.items():
        assert effects == set(effects_of(kind))


@pytest.mark.parametrize("effect", DRAWN)
def test_a_drawn_strength_is_one_that_the_effect_takes(effect: str) -> None:
    rng = np.random.default_rng(1)
    main = EFFECTS[effect].main
    strengths = set()
    for _ in range(40):
        fault = draw_strength(effect, rng)
        with_values(effect, EFFECTS[effect].defaults, fault.parameters)
        assert fault.effect == effect
        if fault.severity is None:
            assert effect in DRAWS
        else:
            assert 0.08 <= fault.severity <= 1
            assert main not in fault.parameters
            assert not {"share", "drive_db"} & set(fault.parameters) or EFFECTS[effect].kind != "clipping"
        strengths.add((fault.severity, str(fault.parameters)))
    assert len(strengths) == 40


def test_equal_generators_draw_equal_faults() -> None:
    for effect in DRAWN:
        assert draw_strength(effect, np.random.default_rng(3)) == draw_strength(effect, np.random.default_rng(3))


def test_slopes_rise_and_fall_and_filters_have_either_phase() -> None:
    rng = np.random.default_rng(2)
    for effect, name in (("shelf", "gain_db"), ("tilt", "db_per_octave")):
        faults = [draw_strength(effect, rng) for _ in range(60)]
        assert {np.sign(fault.parameters[name]) for fault in faults} == {-1, 1}
        assert {fault.parameters.get("phase") for fault in faults} == {None, "minimum"}
    assert all("phase" not in draw_strength("white", rng).parameters for _ in range(20))


def test_half_of_the_severities_are_mild() -> None:
    rng = np.random.default_rng(4)
    severities = np.array([draw_severity(rng) for _ in range(2000)])
    assert severities.min() >= 0.08
    assert severities.max() <= 1
    assert np.mean(severities < 0.3) == pytest.approx(0.5 * (0.3 - 0.08) / (0.4 - 0.08), abs=0.04)


@pytest.mark.parametrize("stereo", [True, False])
@pytest.mark.parametrize("codec", [True, False])
def test_pairs_are_of_different_types_that_the_sound_can_take(*, stereo: bool, codec: bool) -> None:
    rng = np.random.default_rng(5)
    seen = set()
    for _ in range(200):
        first, second = (EFFECTS[fault.effect].kind for fault in draw_pair(rng, draw_fault, stereo=stereo, codec=codec))
        assert first != second
        seen |= {first, second}
    assert seen == set(KINDS) - ({"phase"} if not stereo else set()) - ({"compression"} if not codec else set())


def test_a_codec_is_most_often_what_happens_last() -> None:
    rng = np.random.default_rng(6)
    places: Counter[int] = Counter()
    for _ in range(400):
        kinds = [EFFECTS[fault.effect].kind for fault in draw_pair(rng, draw_fault, stereo=True, codec=True)]
        if "compression" in kinds:
            places[kinds.index("compression")] += 1
    assert places[1] / places.total() == pytest.approx(0.85, abs=0.1)
    assert places[0] > 0
