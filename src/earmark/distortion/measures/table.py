"""All measures in one table: unit, what it says, where it comes from, and what is usual in sound without a fault.

The order of the table is the order of the vector that models see. Names never change their meaning: a measure that is
computed differently gets another name, and `VERSION` goes up.
"""

from __future__ import annotations

from dataclasses import dataclass

from earmark.distortion.measures.hum import FLOOR_BANDS_HZ
from earmark.distortion.measures.noise import OCTAVES_HZ
from earmark.distortion.measures.stereo import BANDS
from earmark.distortion.measures.tone import CENTRES_HZ, band_name

VERSION = 3


@dataclass(frozen=True)
class Measure:
    """What a number means.

    Attributes:
        unit: "" for a plain number or share.
        says: In a few words, for a reader.
        source: Paper or standard; "" for what follows from its words.
        good: Usual range without a fault, None for no limit.
    """

    unit: str
    says: str
    source: str = ""
    good: tuple[float | None, float | None] = (None, None)


BS1770 = "ITU-R BS.1770-4"
PESTANA = "Pestana et al., AES 135, 2013"
HERRE = "Herre and Schug, AES 109, 2000"
MARTIN = "Martin, IEEE TSAP 9, 2001"
EATON = "Eaton and Naylor, EUSIPCO 2013"

MEASURES: dict[str, Measure] = {
    # levels
    "peak_dbfs": Measure("dBFS", "largest sample", "", (-20, -0.1)),
    "rms_dbfs": Measure("dBFS", "root mean square level, a full-scale sine is -3", "", (-40, -8)),
    "true_peak_dbtp": Measure("dBTP", "largest value between samples", BS1770, (None, 0)),
    "loudness_lufs": Measure("LUFS", "gated loudness, within about 0.5 LU", BS1770, (-30, -7)),
    "crest_db": Measure("dB", "peak above mean level of the file", "", (9, 30)),
    "crest_second_db": Measure("dB", "peak above mean level, median second", "", (9, 25)),
    "level_spread_db": Measure("dB", "95th above 10th percentile of the level in 400 ms", "EBU Tech 3342 (idea)"),
    "dc_offset": Measure("", "largest mean of a channel, of full scale", "", (0, 0.001)),
    "silence_share": Measure("", "time below -84 dBFS", "", (0, 0.1)),
    "bit_depth": Measure("bit", "bits that the samples need; 24 also for more", "", (16, 24)),
    "distinct_share": Measure("", "root of distinct values among changes: low if samples are coarse", "", (0.3, 1)),
    # clipping
    "full_scale_share": Measure("", "samples at full scale", "", (0, 0.0001)),
    "flat_top_share": Measure("", "samples in flat tops at any level", EATON, (0, 0.0001)),
    "flat_top_run_samples": Measure("samples", "longest flat top", "", (0, 3)),
    "flat_top_dbfs": Measure("dBFS", "level of the highest flat top"),
    "peak_asymmetry_db": Measure("dB", "highest above lowest sample", "", (-4, 4)),
    "peak_curvature": Measure("", "bend of the wave near its peak against its usual bend", "", (0.5, None)),
    "edge_heap_db": Measure("dB", "heap in the amplitude histogram above the steps below it", EATON, (None, 4)),
    "edge_level": Measure("", "where that heap lies, as a share of the peak"),
    "edge_fall_db": Measure("dB", "steepest fall of the histogram within 8 % of the peak", EATON, (None, 9)),
    "edge_slope_db": Measure("dB", "amplitudes at the peak against those 3-13 % below", EATON, (None, -2)),
    "amplitude_50_db": Measure("dB", "median of amplitudes above half of the peak, against the peak", EATON),
    "amplitude_90_db": Measure("dB", "90th percentile of the same", EATON),
    "amplitude_99_db": Measure("dB", "99th percentile of the same", EATON),
    "amplitude_99.9_db": Measure("dB", "99.9th percentile of the same", EATON),
    **{
        f"peaks_over_{share}_share": Measure(
            "", f"peaks of the wave above half of the largest that reach {share} % of it", EATON, (None, good)
        )
        for share, good in ((70, 0.5), (80, 0.3), (90, 0.15))
    },
    "moments_90_db": Measure("dB", "90th percentile of the peaks of 64 samples, against the largest", "", (None, -3)),
    "moments_98_db": Measure("dB", "98th percentile of the same", "", (None, -1)),
    # noise
    "noise_floor_dbfs": Measure("dBFS", "steady noise under the sound", MARTIN, (None, -60)),
    "snr_db": Measure("dB", "signal above that noise, a lower bound in dense music", MARTIN, (30, None)),
    "noise_spread_db": Measure("dB", "median above the lowest second's floor: small for steady noise", MARTIN),
    "noise_flatness": Measure(
        "", "spectral flatness of the flattest tenth of frames; 0.56 for white noise", "", (0, 0.2)
    ),
    "noise_tilt_db": Measure("dB/octave", "slope of the floor by octave bands: 3 white, 0 pink, -3 brown", MARTIN),
    **{
        f"snr_{octave}_db": Measure("dB", f"level above the floor in the octave at {octave} Hz", MARTIN)
        for octave in OCTAVES_HZ
    },
    **{
        f"noise_unevenness_{octave}_db": Measure(
            "dB",
            f"deviation of the bins' levels from each other at {octave} Hz in the evenest second; 0.9 for noise",
            "",
            (2, None),
        )
        for octave in (4000, 8000, 16000)
    },
    # hum
    "hum_50_db": Measure(
        "dB", "steady lines at multiples of 50 Hz above chance", "Brandt and Bitzer, JAES 62, 2014", (None, 4)
    ),
    "hum_60_db": Measure(
        "dB", "steady lines at multiples of 60 Hz above chance", "Brandt and Bitzer, JAES 62, 2014", (None, 4)
    ),
    "hum_dbfs": Measure("dBFS", "power of the stronger comb's steady lines"),
    **{
        f"low_floor_{centre}_db": Measure(
            "dB", f"what stays between the notes around {centre} Hz, against all power", "", (None, -30)
        )
        for centre in FLOOR_BANDS_HZ
    },
    # bandwidth
    "cutoff_hz": Measure("Hz", "where the mean spectrum ends in a cliff, half the rate without one"),
    "cutoff_share": Measure("", "the same as a share of half the rate", "", (0.85, 1)),
    "cutoff_drop_db": Measure("dB", "how far it falls there, 600 Hz means on both sides", "", (None, 15)),
    "above_cutoff_dbfs": Measure("dBFS", "mean level of a bin above it"),
    "rolloff_hz": Measure("Hz", "99 % of the power lies below"),
    "high_share_db": Measure("dB", "power above 10 kHz against all", "", (-50, None)),
    "low_share_db": Measure("dB", "power below 120 Hz against all", "", (-40, None)),
    "hole_share": Measure("", "groups of bins 25 dB under both neighbours in a frame", HERRE, (0, 0.01)),
    "flicker_db": Measure("dB", "change of groups of bins from frame to frame above 2 kHz", HERRE, (None, 8)),
    "band_gap_db": Measure("dB", "deepest valley of the mean spectrum above 2 kHz", "", (None, 12)),
    # tone
    "tilt_db": Measure("dB/octave", "slope of the deviation from the reference spectrum", PESTANA, (-3, 3)),
    "deviation_db": Measure("dB", "mean absolute third-octave deviation from the reference", PESTANA, (None, 8)),
    "residual_db": Measure("dB", "the same without its slope", PESTANA, (None, 6)),
    "roughness_db": Measure("dB", "mean bend from third octave to third octave", PESTANA, (None, 4)),
    "highest_peak_db": Measure("dB", "highest third octave above its neighbours", PESTANA, (None, 10)),
    "deepest_dip_db": Measure("dB", "deepest third octave below its neighbours", PESTANA, (None, 10)),
    **{
        band_name(centre): Measure("dB", f"deviation of the third octave at {centre:g} Hz", PESTANA, (-20, 15))
        for centre in CENTRES_HZ
    },
    # codec traces
    **{
        f"{name}_{kind}": Measure(unit, f"{what} {codec}", HERRE, good)
        for name, codec in (
            ("mp3", "MP3"),
            ("aac_kbd", "AAC with Kaiser-Bessel window"),
            ("aac_sine", "AAC with sine window"),
            ("vorbis", "Vorbis"),
            ("opus", "Opus (CELT)"),
        )
        for kind, unit, what, good in (
            ("trace", "sd", "how clearly one frame grid holds the zeros of", (None, 6.0)),
            ("depth_db", "dB", "how far the mean log coefficient falls on the grid of", (None, 1.5)),
        )
    },
    # moments
    "clicks_per_s": Measure("1/s", "isolated bends of the wave", "Godsill and Rayner, 1998 (idea)", (0, 0.1)),
    "click_strength_db": Measure("dB", "median click above its surroundings"),
    "dropouts_per_s": Measure("1/s", "gaps of 3-500 ms without a fade", "", (0, 0)),
    "dropout_share": Measure("", "time in such gaps", "", (0, 0)),
    "longest_dropout_ms": Measure("ms", "longest such gap", "", (0, 0)),
    # stereo
    "mid_side_db": Measure("dB", "mid above side; 60 for two equal channels", "", (0, 30)),
    "imbalance_db": Measure("dB", "louder channel above the other", "", (0, 3)),
    "fold_down_loss_db": Measure("dB", "what a mono sum loses: 0 equal, 3 unrelated, 60 inverted channels", "", (0, 3)),
    "correlation": Measure("", "of left and right", "", (0.2, 0.999)),
    "correlation_least": Measure("", "5th percentile over seconds", "", (0, 1)),
    "quadrature": Measure("", "part of the cross-power a quarter turn apart", "", (0, 0.3)),
    "negative_share": Measure("", "part of frames and bands in opposite phase", "", (0, 0.2)),
    **{
        f"correlation_{band}": Measure("", f"of left and right {where}")
        for band, where in zip(
            BANDS, ("below 250 Hz", "from 250 Hz to 2 kHz", "from 2 to 8 kHz", "above 8 kHz"), strict=True
        )
    },
    **{
        f"{kind}_{band}": Measure("", f"{what} {where}", "", good)
        for band, where in zip(
            BANDS, ("from 100 Hz to 250 Hz", "from 250 Hz to 2 kHz", "from 2 to 8 kHz", "from 8 to 16 kHz"), strict=True
        )
        for kind, what, good in (
            ("coherence", "how alike the channels are bin by bin, whatever their phase,", (None, None)),
            ("phase_spread", "what correlation misses of that since phases differ,", (0, 0.35)),
            ("phase_steps", "how steady the phase is from bin to bin", (0.5, 1)),
        )
    },
    "correlation_narrow_least": Measure("", "lowest correlation of a third octave", "", (-0.8, 1)),
    "correlation_narrow_change": Measure("", "mean change of correlation from third octave to the next", "", (0, 0.3)),
    "mid_side_high_db": Measure("dB", "mid above side beyond 8 kHz: 60 with intensity stereo"),
    "delay_ms": Measure("ms", "lag of one channel that explains most phases", "Knapp and Carter, 1976", (0, 0.05)),
    "delay_strength": Measure("", "how much of the phases it explains", "Knapp and Carter, 1976"),
    "delay_polarity": Measure("", "-1 if turned over at that lag", "Knapp and Carter, 1976", (1, 1)),
}
NAMES = tuple(MEASURES)

# The measures of each second, in the order of the columns of the time line.
LINE: dict[str, str] = {
    "peak_dbfs": "dBFS",
    "rms_dbfs": "dBFS",
    "full_scale_share": "",
    "flat_top_share": "",
    "noise_floor_dbfs": "dBFS",
    "high_share_db": "dB",
    "codec_trace": "sd",
    "clicks_per_s": "1/s",
    "dropouts_per_s": "1/s",
    "correlation": "",
    "imbalance_db": "dB",
    "fold_down_loss_db": "dB",
}
LINE_NAMES = tuple(LINE)
