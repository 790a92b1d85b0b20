"""What is said of each type of fault, in order of weight: measure, limit and words.

Limits are those of `MEASURES`, where it says what is usual.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.distortion.measures.tone import CENTRES_HZ, band_name
from earmark.distortion.view import Value
from earmark.distortion.words import clock, likely_kbps, pitch, share, times

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.distortion.severity import Kind
    from earmark.distortion.view import View

CLIFF_DB = 15.0
LOST_DB = 59.0  # one channel that far below the other is lost
UNRELATED_DB = 3.5  # a mono mix of unrelated channels loses 3
CODECS = {
    "mp3_trace": ("mp3", "MP3"),
    "aac_kbd_trace": ("aac", "AAC"),
    "aac_sine_trace": ("aac", "AAC"),
    "vorbis_trace": ("vorbis", "Vorbis"),
    "opus_trace": ("opus", "Opus"),
}


@dataclass(frozen=True)
class Said:
    """A measured fact in words, before it is known of which type it is evidence; unit "" is that of the measure."""

    measure: str
    sentence: str
    value: Value
    unit: str = ""


@dataclass(frozen=True)
class Above:
    """A rule: the highest value of a measure in this part, if it is above a limit.

    Attributes:
        measure: Its name.
        limit: What is still usual.
        words: With `{0}` for the value, `{1}` for the same in per cent.
    """

    measure: str
    limit: float
    words: str

    def __call__(self, view: View) -> Said | None:
        """Return the fact, None if it is none."""
        value = view.extreme(self.measure)
        if value is None or value.number <= self.limit:
            return None
        return Said(self.measure, self.words.format(value.number, share(value.number)), value)


@dataclass(frozen=True)
class Below:
    """The same for the lowest value below a limit."""

    measure: str
    limit: float
    words: str

    def __call__(self, view: View) -> Said | None:
        """Return the fact, None if it is none."""
        value = view.extreme(self.measure, "lowest")
        if value is None or value.number >= self.limit:
            return None
        return Said(self.measure, self.words.format(value.number), value)


def flat_tops(view: View) -> Said | None:
    """Tell the share of samples in flat tops, their level and the worst second."""
    mean, worst, level = view.mean("flat_top_share"), view.worst_second("flat_top_share"), view.extreme("flat_top_dbfs")
    if mean < 1e-4 or level is None:
        return None
    sentence = f"{share(mean)} of samples are flat-topped at {level.number:.1f} dBFS, worst at {clock(worst.start_s)}"
    return Said("flat_top_share", sentence, Value(mean, worst.start_s, worst.end_s))


def edge_heap(view: View) -> Said | None:
    """Tell the heap of amplitudes that clipping leaves, also after resampling."""
    heap = view.extreme("edge_heap_db")
    if heap is None or heap.number <= 4:
        return None
    level = view.beside("edge_level", heap)
    where = "" if level is None else f" at {share(level)} of the peak"
    return Said("edge_heap_db", f"amplitudes heap up by {heap.number:.0f} dB{where}, as a limit makes them", heap)


def codec(view: View) -> Said | None:
    """Tell the codec with the strongest trace, and the bit rate that the severity stands for in it."""
    traces = [(found, name) for name in CODECS if (found := view.extreme(name)) is not None and found.number > 6]
    if not traces:
        return None
    trace, name = max(traces, key=lambda pair: pair[0].number)
    key, label = CODECS[name]
    kbps = likely_kbps(key, view.severity, n_channels=view.heard.n_channels, rate_hz=view.heard.rate_hz)
    cutoff_hz, drop_db = view.beside("cutoff_hz", trace), view.beside("cutoff_drop_db", trace)
    ends = cutoff_hz is not None and drop_db is not None and drop_db > CLIFF_DB
    begin = f"the spectrum ends at {pitch(cutoff_hz or 0)}" if ends else "frames of a codec show,"
    return Said(name, f"{begin} as after {label} near {kbps} kb/s (trace {trace.number:.0f} sd)", trace)


def codec_cliff(view: View) -> Said | None:
    """Tell where the spectrum ends, if no trace tells more."""
    return None if codec(view) else cliff(view, "the spectrum ends at {0}, {1:.0f} dB down at once", 1.0)


def missing_treble(view: View) -> Said | None:
    """Tell where the spectrum ends, if that is low enough to be heard as a fault."""
    return cliff(view, "nothing above {0}: the spectrum falls by {1:.0f} dB there", 0.85)


def cliff(view: View, words: str, below_share: float) -> Said | None:
    """Tell the lowest end of the spectrum in this part, if it is a cliff below a share of half the rate."""
    cutoff = view.extreme("cutoff_hz", "lowest")
    if cutoff is None:
        return None
    part, drop_db = view.beside("cutoff_share", cutoff), view.beside("cutoff_drop_db", cutoff)
    if part is None or part >= below_share or drop_db is None or drop_db <= CLIFF_DB:
        return None
    return Said("cutoff_hz", words.format(pitch(cutoff.number), drop_db), cutoff)


def floor(view: View) -> Said | None:
    """Tell how loud the noise is, and how far below the rest."""
    level, snr = view.extreme("noise_floor_dbfs"), view.extreme("snr_db", "lowest")
    if level is None or snr is None or level.number <= -60 or snr.number >= 30:
        return None
    below = f"about {snr.number:.0f} dB below the sound" if snr.number >= 0.5 else "as loud as the sound"
    return Said("noise_floor_dbfs", f"noise floor at {level.number:.0f} dBFS, {below}", level)


def hum(view: View) -> Said | None:
    """Tell the stronger of the two combs of the mains."""
    combs = [(found, hz) for hz in (50, 60) if (found := view.extreme(f"hum_{hz}_db")) is not None]
    if not combs:
        return None
    value, hz = max(combs, key=lambda pair: pair[0].number)
    if value.number <= 6:
        return None
    return Said(f"hum_{hz}_db", f"hum at multiples of {hz} Hz, {value.number:.0f} dB above chance", value)


def clicks(view: View) -> Said | None:
    """Tell how many clicks there are, and the strongest."""
    count, moment = view.total("clicks_per_s"), view.strongest("clicks_per_s")
    if moment is None or count < max(1.0, 0.1 * float(view.seconds.sum())):
        return None
    told = times(count, "click, {0:.0f} dB above its surroundings, at {1}", "clicks, the strongest {0:.0f} dB at {1}")
    place = Value(float(count), moment.start_s, moment.end_s)
    return Said("clicks_per_s", told.format(moment.value, clock(moment.start_s)), place, "clicks")


def drop_outs(view: View) -> Said | None:
    """Tell how many drop-outs there are, and the longest."""
    count, moment = view.total("dropouts_per_s"), view.strongest("dropouts_per_s")
    if moment is None or count < 1:
        return None
    told = times(count, "drop-out of {0:.0f} ms at {1}", "drop-outs, the longest {0:.0f} ms at {1}")
    place = Value(float(count), moment.start_s, moment.end_s)
    return Said("dropouts_per_s", told.format(moment.value, clock(moment.start_s)), place, "drop-outs")


def spectrum(view: View) -> Said | None:
    """Tell how far third octaves deviate, and which one most."""
    deviation = view.extreme("deviation_db")
    if deviation is None or deviation.number <= 8:
        return None
    bands = [(db, hz) for hz in CENTRES_HZ if (db := view.beside(band_name(hz), deviation)) is not None]
    most_db, hz = max(bands, key=lambda pair: abs(pair[0]))
    sentence = (
        f"third octaves lie {deviation.number:.0f} dB off those of popular recordings on average, "
        f"{pitch(hz)} most ({most_db:+.0f} dB)"
    )
    return Said("deviation_db", sentence, deviation)


def imbalance(view: View) -> Said | None:
    """Tell a lost channel, or how much louder one is."""
    value = view.extreme("imbalance_db")
    if value is None or value.number <= 3:
        return None
    lost = value.number >= LOST_DB
    sentence = "one of the two channels is silent" if lost else f"one channel is {value.number:.0f} dB louder"
    return Said("imbalance_db", sentence, value)


def mono_loss(view: View) -> Said | None:
    """Tell what a mono mix loses, if that is more than with unrelated channels."""
    value = view.extreme("fold_down_loss_db")
    if value is None or value.number <= UNRELATED_DB:
        return None
    return Said("fold_down_loss_db", f"left and right cancel: the mono mix loses {value.number:.0f} dB", value)


def delay(view: View) -> Said | None:
    """Tell how far one channel lags, if that explains most phases."""
    value = view.extreme("delay_ms")
    if value is None or value.number <= 0.05 or (view.beside("delay_strength", value) or 0) < 0.2:
        return None
    turned = ", turned over" if (view.beside("delay_polarity", value) or 0) < 0 else ""
    return Said("delay_ms", f"one channel lags by {value.number:.2f} ms{turned}", value)


def offset(view: View) -> Said | None:
    """Tell a constant offset that costs level."""
    value = view.extreme("dc_offset")
    if value is None or value.number <= 0.01:
        return None
    return Said("dc_offset", f"a constant offset of {share(value.number)} of full scale", value)


RULES: dict[Kind, tuple[Callable[[View], Said | None], ...]] = {
    "clipping": (
        flat_tops,
        edge_heap,
        Above("edge_fall_db", 9, "the number of amplitudes falls by {0:.0f} dB just below the peak"),
        Below("crest_second_db", 9, "peaks stand only {0:.1f} dB above the mean level"),
    ),
    "compression": (
        codec,
        codec_cliff,
        Above("hole_share", 0.01, "{1} of narrow bands are holes of 25 dB, as saved bits leave them"),
        Above("flicker_db", 8, "treble flickers by {0:.0f} dB from frame to frame"),
    ),
    "noise": (
        floor,
        hum,
        drop_outs,
        clicks,
        Below("bit_depth", 13, "samples take only {0:.0f} bits"),
        Below("distinct_share", 0.3, "samples are coarse: few values are taken again and again"),
    ),
    "frequency": (
        missing_treble,
        spectrum,
        Below("low_share_db", -40, "bass is missing: the power below 120 Hz is {0:.0f} dB of the whole"),
        Above("highest_peak_db", 10, "a third octave stands {0:.0f} dB above its neighbours"),
        Above("band_gap_db", 12, "a band above 2 kHz is {0:.0f} dB lower than what surrounds it"),
        Below("tilt_db", -3, "the spectrum tilts by {0:+.1f} dB per octave against popular recordings"),
        Above("tilt_db", 3, "the spectrum tilts by {0:+.1f} dB per octave against popular recordings"),
    ),
    "phase": (
        imbalance,
        mono_loss,
        delay,
        Below("correlation", 0.2, "left and right hardly belong together (correlation {0:.2f})"),
        Above("quadrature", 0.3, "left and right are a quarter turn apart in {1} of their common power"),
        Above("correlation", 0.999, "left and right are the same: mono in two channels"),
    ),
}
