"""Sound: reading, streaming, windows, resampling, writing. Effects are in `earmark.audio.augment`."""

from __future__ import annotations

from earmark.audio.read import AudioInfo, probe_audio, read_audio
from earmark.audio.resample import resample
from earmark.audio.stream import stream_audio
from earmark.audio.waveform import Waveform
from earmark.audio.window import WindowCutter, count_windows, cut_windows, window_starts
from earmark.audio.write import write_audio

__all__ = [
    "AudioInfo",
    "Waveform",
    "WindowCutter",
    "count_windows",
    "cut_windows",
    "probe_audio",
    "read_audio",
    "resample",
    "stream_audio",
    "window_starts",
    "write_audio",
]
