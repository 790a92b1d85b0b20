"""Sentences: each says what was measured, with numbers and place, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.distortion.measures import MEASURES, Evidence
from earmark.distortion.rules import RULES
from earmark.distortion.sentences import MOST_SENTENCES, other_sentences, sentences_of
from earmark.distortion.severity import KINDS, compression_severity
from earmark.distortion.view import View

if TYPE_CHECKING:
    from earmark.distortion.heard import Heard
    from earmark.distortion.severity import Kind
    from tests.distortion.conftest import Hear

# Measures, what is said of them, and the measure that it is said to rest on.
CASES: list[tuple[Kind, dict[str, float], str, str]] = [
    (
        "clipping",
        {"edge_heap_db": 9.2, "edge_level": 0.71},
        "amplitudes heap up by 9 dB at 71 % of the peak, as a limit makes them",
        "edge_heap_db",
    ),
    ("clipping", {"edge_fall_db": 20}, "the number of amplitudes falls by 20 dB just below the peak", "edge_fall_db"),
    ("clipping", {"crest_second_db": 5.31}, "peaks stand only 5.3 dB above the mean level", "crest_second_db"),
    (
        "compression",
        {"mp3_trace": 31.2, "opus_trace": 7, "cutoff_hz": 15_872, "cutoff_drop_db": 40},
        "the spectrum ends at 15.9 kHz as after MP3 near 128 kb/s (trace 31 sd)",
        "mp3_trace",
    ),
    (
        "compression",
        {"opus_trace": 12, "cutoff_hz": 22_050, "cutoff_drop_db": 3},
        "frames of a codec show, as after Opus near 80 kb/s (trace 12 sd)",
        "opus_trace",
    ),
    (
        "compression",
        {"mp3_trace": 3, "cutoff_hz": 15_872, "cutoff_share": 0.72, "cutoff_drop_db": 40},
        "the spectrum ends at 15.9 kHz, 40 dB down at once",
        "cutoff_hz",
    ),
    (
        "compression",
        {"hole_share": 0.023},
        "2.3 % of narrow bands are holes of 25 dB, as saved bits leave them",
        "hole_share",
    ),
    ("compression", {"flicker_db": 9.4}, "treble flickers by 9 dB from frame to frame", "flicker_db"),
    (
        "noise",
        {"noise_floor_dbfs": -38, "snr_db": 14},
        "noise floor at -38 dBFS, about 14 dB below the sound",
        "noise_floor_dbfs",
    ),
    (
        "noise",
        {"noise_floor_dbfs": -20, "snr_db": 0.1},
        "noise floor at -20 dBFS, as loud as the sound",
        "noise_floor_dbfs",
    ),
    ("noise", {"hum_50_db": 12, "hum_60_db": 7}, "hum at multiples of 50 Hz, 12 dB above chance", "hum_50_db"),
    ("noise", {"bit_depth": 8}, "samples take only 8 bits", "bit_depth"),
    ("noise", {"distinct_share": 0.1}, "samples are coarse: few values are taken again and again", "distinct_share"),
    (
        "frequency",
        {"cutoff_hz": 3400, "cutoff_share": 0.15, "cutoff_drop_db": 42},
        "nothing above 3.4 kHz: the spectrum falls by 42 dB there",
        "cutoff_hz",
    ),
    (
        "frequency",
        {"deviation_db": 11, "band_125_db": -23, "band_1000_db": 9},
        "third octaves lie 11 dB off those of popular recordings on average, 125 Hz most (-23 dB)",
        "deviation_db",
    ),
    (
        "frequency",
        {"low_share_db": -62},
        "bass is missing: the power below 120 Hz is -62 dB of the whole",
        "low_share_db",
    ),
    ("frequency", {"highest_peak_db": 14}, "a third octave stands 14 dB above its neighbours", "highest_peak_db"),
    ("frequency", {"band_gap_db": 30}, "a band above 2 kHz is 30 dB lower than what surrounds it", "band_gap_db"),
    ("frequency", {"tilt_db": -4.5}, "the spectrum tilts by -4.5 dB per octave against popular recordings", "tilt_db"),
    ("frequency", {"tilt_db": 4.5}, "the spectrum tilts by +4.5 dB per octave against popular recordings", "tilt_db"),
    ("phase", {"imbalance_db": 9}, "one channel is 9 dB louder", "imbalance_db"),
    ("phase", {"imbalance_db": 60}, "one of the two channels is silent", "imbalance_db"),
    ("phase", {"fold_down_loss_db": 17}, "left and right cancel: the mono mix loses 17 dB", "fold_down_loss_db"),
    ("phase", {"delay_ms": 0.6, "delay_strength": 0.5, "delay_polarity": 1}, "one channel lags by 0.60 ms", "delay_ms"),
    (
        "phase",
        {"delay_ms": 0.6, "delay_strength": 0.5, "delay_polarity": -1},
        "one channel lags by 0.60 ms, turned over",
        "delay_ms",
    ),
    ("phase", {"correlation": -0.06}, "left and right hardly belong together (correlation -0.06)", "correlation"),
    (
        "phase",
        {"quadrature": 0.95},
        "left and right are a quarter turn apart in 95 % of their common power",
        "quadrature",
    ),
    ("phase", {"correlation": 1}, "left and right are the same: mono in two channels", "correlation"),
]


def view_of(heard: Heard, seconds: slice = slice(None), severity: float = 1 / 3) -> View:
    flags = np.zeros(len(heard.times_s), dtype=np.bool_)
    flags[seconds] = True
    return View(heard, flags, severity, 0.87)


@pytest.mark.parametrize(("kind", "measured", "sentence", "measure"), CASES, ids=[case[2][:40] for case in CASES])
def test_what_is_unusual_is_said(
    hear: Hear, kind: Kind, measured: dict[str, float], sentence: str, measure: str
) -> None:
    (found,) = sentences_of(kind, view_of(hear(measured)))
    assert found.sentence == sentence
    assert found.measure == measure
    assert found.type == kind
    assert found.value == pytest.approx(measured[measure], rel=1e-5)
    assert found.unit == MEASURES[measure].unit
    assert (found.start_s, found.end_s) == (0, 10)


USUAL = {
    "edge_heap_db": 2.0,
    "edge_fall_db": 5.0,
    "crest_second_db": 14.0,
    "mp3_trace": 3.0,
    "cutoff_hz": 22_050.0,
    "cutoff_share": 1.0,
    "cutoff_drop_db": 0.0,
    "hole_share": 0.001,
    "flicker_db": 5.0,
    "noise_floor_dbfs": -80.0,
    "snr_db": 50.0,
    "hum_50_db": 2.0,
    "hum_60_db": 2.0,
    "bit_depth": 16.0,
    "distinct_share": 0.8,
    "deviation_db": 5.0,
    "low_share_db": -10.0,
    "highest_peak_db": 6.0,
    "band_gap_db": 5.0,
    "tilt_db": 0.5,
    "imbalance_db": 1.0,
    "fold_down_loss_db": 1.0,
    "delay_ms": 2.0,
    "delay_strength": 0.05,
    "correlation": 0.6,
    "quadrature": 0.1,
}


@pytest.mark.parametrize("measured", [USUAL, {}], ids=["usual", "unknown"])
@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_is_unusual_or_known_that_is_said(hear: Hear, kind: Kind, measured: dict[str, float]) -> None:
    (found,) = sentences_of(kind, view_of(hear(measured)))
    assert found.sentence == f"no single measure is unusual; all together they look like {kind} (87 %)"
    assert (found.measure, found.value, found.start_s) == ("probability", 0.87, None)
    assert other_sentences((), view_of(hear(measured))) == ()


def test_a_rule_stands_for_each_type() -> None:
    assert tuple(RULES) == KINDS


def test_flat_tops_are_told_with_their_share_level_and_worst_second(hear: Hear) -> None:
    column = [0.0] * 70 + [0.01, 0.01, 0.049] + [0.0] * 7
    heard = hear(*[{"flat_top_dbfs": -0.4}] * 8, line={"flat_top_share": column})
    (found,) = sentences_of("clipping", view_of(heard, slice(70, 73)))
    assert found.sentence == "2.3 % of samples are flat-topped at -0.4 dBFS, worst at 1:12"
    assert (found.start_s, found.end_s) == (72, 73)
    assert found.value == pytest.approx(0.023)


def test_only_the_part_where_the_fault_is_heard_counts(hear: Hear) -> None:
    heard = hear({"snr_db": 1, "noise_floor_dbfs": -10}, {"snr_db": 20, "noise_floor_dbfs": -44}, {"snr_db": 60})
    (found,) = sentences_of("noise", view_of(heard, slice(12, 15)))
    assert found.sentence == "noise floor at -44 dBFS, about 20 dB below the sound"
    assert (found.start_s, found.end_s) == (10, 20)


def test_bit_rates_follow_the_codec_and_the_channels(hear: Hear) -> None:
    heard = hear({"vorbis_trace": 20, "mp3_trace": 8}, n_channels=1)
    severity = compression_severity("vorbis", 64, n_channels=1)
    (found,) = sentences_of("compression", view_of(heard, severity=severity))
    assert "after Vorbis near 64 kb/s" in found.sentence


def moments(name: str, *times_and_values: tuple[float, float]) -> tuple[Evidence, ...]:
    return tuple(Evidence(name, start, start + 0.04, value, "") for start, value in times_and_values)


def test_drop_outs_are_counted_and_the_longest_is_told(hear: Hear) -> None:
    column = [0.0] * 7 + [2.0, 1.0, 0.0]
    heard = hear({}, line={"dropouts_per_s": column}, moments=moments("dropouts_per_s", (7.1, 40), (7.5, 9), (8.2, 12)))
    (found,) = sentences_of("noise", view_of(heard))
    assert found.sentence == "3 drop-outs, the longest 40 ms at 0:07"
    assert (found.value, found.unit, found.start_s, found.end_s) == (3, "drop-outs", 7.1, 7.14)
    (later,) = sentences_of("noise", view_of(heard, slice(8, 10)))
    assert later.sentence == "1 drop-out of 12 ms at 0:08"


def test_clicks_are_counted_where_there_are_more_than_chance_makes(hear: Hear) -> None:
    heard = hear({}, line={"clicks_per_s": [1.0] * 10}, moments=moments("clicks_per_s", (3.2, 24.4), (4.2, 20)))
    (found,) = sentences_of("noise", view_of(heard))
    assert found.sentence == "10 clicks, the strongest 24 dB at 0:03"
    one = hear({}, line={"clicks_per_s": [0.0] * 9 + [1.0]}, moments=moments("clicks_per_s", (9.2, 24.4)))
    assert sentences_of("noise", view_of(one))[0].sentence == "1 click, 24 dB above its surroundings, at 0:09"
    rare = hear(*[{}] * 6, line={"clicks_per_s": [0.0] * 59 + [1.0]}, moments=moments("clicks_per_s", (59.2, 24.4)))
    assert sentences_of("noise", view_of(rare))[0].measure == "probability"


def test_no_type_says_more_than_a_reader_wants(hear: Hear) -> None:
    everything: dict[str, float] = {}
    for kind, measured, _, _ in CASES:
        if kind == "frequency":
            everything |= measured
    assert len(sentences_of("frequency", view_of(hear(everything)))) == MOST_SENTENCES


def test_a_mono_mix_that_cancels_and_an_offset_are_told_without_a_fault(hear: Hear) -> None:
    view = view_of(hear({"fold_down_loss_db": 6, "dc_offset": 0.03}))
    loss, offset = other_sentences((), view)
    assert (loss.type, loss.sentence) == (None, "left and right cancel: the mono mix loses 6 dB")
    assert offset.sentence == "a constant offset of 3 % of full scale"
    assert [found.measure for found in other_sentences(("phase",), view)] == ["dc_offset"]
