"""Sound through real encoders and decoders, and back in step with itself to the sample.

LAME, libvorbis and libopus are those inside libsndfile (soundfile); AAC, AC-3 and MPEG layer II are FFmpeg's (PyAV,
extra ``av``). Where a coder does not take a rate, sound goes to the nearest one that it takes and back, as players and
encoders do. More than two channels are coded as pairs that share the bit rate.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from earmark.audio.resample import resample
from earmark.core.errors import AudioError, ConfigError, did_you_mean
from earmark.core.optional import import_extra

if TYPE_CHECKING:
    from numpy.typing import NDArray

MPEG1_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
MPEG2_KBPS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
MPEG25_KBPS = (8, 16, 24, 32, 40, 48, 56, 64)
MP3_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
OPUS_RATES_HZ = (8000, 12000, 16000, 24000, 48000)
AAC_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
# What the qualities stand for in stereo from 32 kHz up: LAME -V 0 to 9 (its documentation), libvorbis -q 0 to 10.
LAME_VBR_KBPS = (245, 225, 190, 175, 165, 130, 115, 100, 85, 65)
VORBIS_KBPS = (64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 500)
WRITE_SAMPLES = 16_384  # libsndfile's Vorbis encoder overruns the stack when given minutes of sound in one call
MAX_SHIFT = 3000  # samples; more than any encoder here delays beside what is expected of it
MATCH_SAMPLES = 2**17


@dataclass(frozen=True)
class Codec:
    """How sound is coded.

    Attributes:
        library: Who does it.
        container: File format around it.
        coding: Subtype of libsndfile, or encoder of FFmpeg.
        rates_hz: Rates that it takes; empty takes all up to 48 kHz.
        stereo_kbps: Lowest and highest bit rate that it is asked for, for two channels from 32 kHz up.
        mode: "CONSTANT", "AVERAGE" or "VARIABLE" for LAME.
        delay_samples: What decoding it starts late by.
        options: What else FFmpeg's encoder is told.
    """

    library: Literal["soundfile", "av"]
    container: str
    coding: str
    rates_hz: tuple[int, ...]
    stereo_kbps: tuple[float, float]
    mode: Literal["CONSTANT", "AVERAGE", "VARIABLE"] | None = None
    delay_samples: int = 0
    options: dict[str, str] = field(default_factory=dict)


CODECS: dict[str, Codec] = {
    "mp3": Codec("soundfile", "MP3", "MPEG_LAYER_III", MP3_RATES_HZ, (24, 320), mode="CONSTANT"),
    "mp3-abr": Codec("soundfile", "MP3", "MPEG_LAYER_III", MP3_RATES_HZ, (32, 320), mode="AVERAGE"),
    "mp3-vbr": Codec("soundfile", "MP3", "MPEG_LAYER_III", MP3_RATES_HZ, (65, 245), mode="VARIABLE"),
    "vorbis": Codec("soundfile", "OGG", "VORBIS", (), (64, 320)),
    "opus": Codec("soundfile", "OGG", "OPUS", OPUS_RATES_HZ, (24, 320)),
    "aac": Codec("av", "adts", "aac", AAC_RATES_HZ, (24, 320), delay_samples=1024),
    "aac-fast": Codec("av", "adts", "aac", AAC_RATES_HZ, (24, 320), delay_samples=1024, options={"aac_coder": "fast"}),
    "ac3": Codec("av", "ac3", "ac3", (32000, 44100, 48000), (64, 320), delay_samples=256),
    "mp2": Codec("av", "mp2", "mp2", (16000, 22050, 24000, 32000, 44100, 48000), (64, 320), delay_samples=481),
}


def find_codec(name: str) -> Codec:
    """Return a codec by name. Raises ConfigError for one that is not known."""
    if name not in CODECS:
        raise ConfigError(f'compression: codec "{name}" is not known{did_you_mean(name, CODECS)}')
    return CODECS[name]


def possible_kbps(name: str, kbps: float, n_channels: int, rate_hz: int) -> float:
    """Return the bit rate nearest to the wanted one (in ratio) that a codec can be told.

    `kbps` is of all channels together. Raises ConfigError for an unknown codec.
    """
    codec = find_codec(name)
    scale = n_channels / 2 * min(1.0, coding_rate(codec, rate_hz, kbps) / 32_000)
    lowest, highest = (scale * edge for edge in codec.stereo_kbps)
    within = min(highest, max(lowest, kbps))
    if codec.mode != "CONSTANT" and codec.coding not in ("mp2", "ac3"):
        return within
    pairs = max(1.0, n_channels / 2)
    rate = coding_rate(codec, rate_hz, within)
    known = MPEG1_KBPS if rate >= 32_000 else MPEG2_KBPS if rate >= 16_000 else MPEG25_KBPS
    fitting = [pairs * each for each in known if lowest / pairs * 0.99 <= each] or [pairs * known[-1]]
    return min(fitting, key=lambda each: abs(math.log(each / within)))


def coding_rate(codec: Codec, rate_hz: int, kbps: float) -> int:
    """Return the rate at which a codec takes sound of a rate, in Hz: its own, else the next one up, else the highest.

    MP3 below 32 kb/s exists only up to 24 kHz, to which encoders resample by themselves.
    """
    allowed = codec.rates_hz or tuple(sorted({min(rate_hz, 48_000), 48_000}))
    if codec.mode == "CONSTANT" and kbps < MPEG1_KBPS[0]:
        allowed = tuple(each for each in allowed if each <= 24_000)
    return min((each for each in allowed if each >= rate_hz), default=allowed[-1])


def code(samples: NDArray[np.float32], rate_hz: int, name: str, kbps: float) -> NDArray[np.float32]:
    """Return sound after an encoder and its decoder, in step with what went in.

    Args:
        samples: float32 (n_channels, n_samples), not silent.
        rate_hz: Their rate, which is kept.
        name: One of `CODECS`.
        kbps: Bit rate of all channels together, as `possible_kbps` gives it.

    Returns:
        float32 of the same shape; peaks may exceed those that went in.

    Raises:
        ConfigError: The codec is not known.
        AudioError: The library refuses the sound.
        MissingExtraError: The codec needs PyAV, which is not installed.
    """
    codec, n_channels = find_codec(name), len(samples)
    rate = coding_rate(codec, rate_hz, kbps)
    ceiling = max(1.0, float(np.abs(samples).max()))  # encoders clip what is beyond full scale
    ready = resample(samples / np.float32(ceiling), rate_hz, rate)
    parts = []
    for first in range(0, n_channels, 2):
        pair = ready[first : first + 2]
        decoded = _through(codec, pair, rate, kbps * len(pair) / n_channels)
        parts.append(realign(pair, decoded, codec.delay_samples))
    whole = resample(np.concatenate(parts), rate, rate_hz)
    fitted = np.zeros_like(samples)
    n_kept = min(samples.shape[1], whole.shape[1])
    fitted[:, :n_kept] = whole[:, :n_kept] * np.float32(ceiling)
    return fitted


def _through(codec: Codec, samples: NDArray[np.float32], rate_hz: int, kbps: float) -> NDArray[np.float32]:
    if codec.library == "soundfile":
        return _through_soundfile(codec, samples, rate_hz, kbps)
    return _through_av(codec, samples, rate_hz, kbps)


def _through_soundfile(codec: Codec, samples: NDArray[np.float32], rate_hz: int, kbps: float) -> NDArray[np.float32]:
    import soundfile

    coded = io.BytesIO()
    told: dict[str, Any] = {"compression_level": _level_of(codec, kbps, len(samples), rate_hz)}
    if codec.mode is not None:
        told["bitrate_mode"] = codec.mode
    try:
        with soundfile.SoundFile(
            coded, "w", rate_hz, len(samples), codec.coding, format=codec.container, **told
        ) as file:
            for start in range(0, samples.shape[1], WRITE_SAMPLES):
                file.write(np.ascontiguousarray(samples[:, start : start + WRITE_SAMPLES].T))
        coded.seek(0)
        decoded, _ = soundfile.read(coded, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise _refusal(codec.coding, samples, rate_hz, error) from error
    turned: NDArray[np.float32] = decoded.T
    return turned


def _level_of(codec: Codec, kbps: float, n_channels: int, rate_hz: int) -> float:
    """Return libsndfile's compression level, 0 (best) to 1, for a bit rate; the scales are its own."""
    if codec.coding == "OPUS":
        level = (256 - kbps / n_channels) / 250
    elif codec.mode in ("CONSTANT", "AVERAGE"):
        known = MPEG1_KBPS if rate_hz >= 32_000 else MPEG2_KBPS if rate_hz >= 16_000 else MPEG25_KBPS
        level = (known[-1] - kbps) / (known[-1] - known[0])
    else:
        stereo_kbps = kbps * 2 / n_channels / min(1.0, rate_hz / 32_000)
        if codec.coding == "VORBIS":
            level = 1 - float(np.interp(stereo_kbps, VORBIS_KBPS, np.arange(11))) / 10
        else:
            level = float(np.interp(-stereo_kbps, -np.array(LAME_VBR_KBPS), np.arange(10))) / 10
    return min(0.999, max(0.0, level))  # at 1 libsndfile asks LAME for a quality that it does not have


def _through_av(codec: Codec, samples: NDArray[np.float32], rate_hz: int, kbps: float) -> NDArray[np.float32]:
    av = import_extra("av", "av", f"Coding {codec.coding}")
    layout, coded = "mono" if len(samples) == 1 else "stereo", io.BytesIO()
    try:
        with av.open(coded, "w", format=codec.container) as container:
            stream = container.add_stream(codec.coding, rate=rate_hz, layout=layout, options=dict(codec.options))
            stream.bit_rate = round(kbps * 1000)
            stream.codec_context.thread_count = 1
            for start in range(0, samples.shape[1], WRITE_SAMPLES):
                block = np.ascontiguousarray(samples[:, start : start + WRITE_SAMPLES])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
                frame.sample_rate, frame.pts = rate_hz, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        coded.seek(0)
        with av.open(coded) as container:
            to_float = av.AudioResampler(format="fltp", layout=layout, rate=rate_hz)
            parts = [part.to_ndarray() for frame in container.decode(audio=0) for part in to_float.resample(frame)]
    except av.FFmpegError as error:
        raise _refusal(codec.coding, samples, rate_hz, error) from error
    decoded: NDArray[np.float32] = np.concatenate(parts, axis=1)
    return decoded


def _refusal(coding: str, samples: NDArray[np.float32], rate_hz: int, error: Exception) -> AudioError:
    return AudioError(
        f"compression: {coding} refuses {samples.shape[1]} samples in {len(samples)} channels at {rate_hz} Hz "
        f"({error}); choose another codec or a longer clip"
    )


def realign(original: NDArray[np.float32], decoded: NDArray[np.float32], delay_samples: int) -> NDArray[np.float32]:
    """Return decoded sound moved and cut to be in step with the original; what is missing is 0.

    The delay is where the cross-correlation is highest within 3000 samples of the expected one; among equals, as a
    tone has them, the nearest to that. Both are float32 (n_channels, n_samples) of the same rate.
    """
    from scipy import signal

    n_samples = original.shape[1]
    loudest = int(np.argmax(np.sum(np.square(original), axis=1)))
    clean = original[loudest]
    start = min(int(np.argmax(np.abs(clean))) // 2, max(0, n_samples - MATCH_SAMPLES))
    clean = clean[start : start + MATCH_SAMPLES]
    first = start + delay_samples - MAX_SHIFT
    around = _cut(decoded[loudest : loudest + 1], first, len(clean) + 2 * MAX_SHIFT)[0]
    match = signal.correlate(around.astype(np.float64), clean.astype(np.float64), mode="valid", method="fft")
    equal = np.flatnonzero(match >= match.max() - 1e-3 * abs(match.max()))
    shift = int(equal[np.argmin(np.abs(equal - MAX_SHIFT))]) - MAX_SHIFT
    return _cut(decoded, delay_samples + shift, n_samples)


def _cut(samples: NDArray[np.float32], first: int, n_wanted: int) -> NDArray[np.float32]:
    """Return samples from `first` on, with zeros where there are none."""
    held = samples[:, max(0, first) : max(0, first + n_wanted)]
    before = min(n_wanted, max(0, -first))
    return np.pad(held, ((0, 0), (before, n_wanted - before - held.shape[1])))
