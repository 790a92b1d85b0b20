"""Music out of samples: loops, beats and lines of repitched notes, each at its place between left and right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import Waveform, read_audio
from earmark.audio.resample import resample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

RATE_HZ = 44_100
LOOP = re.compile(r"loop|break|groove", re.IGNORECASE)
PAD = re.compile(r"ambi|drone|pad|choir", re.IGNORECASE)
TONAL = re.compile(r"bass_|guit|piano|bell|elec_(ping|bong|chime|twang|triangle|blip|beep)|ambi_piano", re.IGNORECASE)
KICK = re.compile(r"kick|bd_|\bbd|kik|^k\d|bass ?drum|djun|dundun", re.IGNORECASE)
SNARE = re.compile(r"snare|sn_|\bsn|clap|rim|slap", re.IGNORECASE)
HAT = re.compile(r"hat|\bhh|closed|shaker|tick|ride|tamb", re.IGNORECASE)
SCALES = ((0, 3, 5, 7, 10), (0, 2, 4, 7, 9), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 5, 7, 9, 11))
HUSH = 1e-4
LONGEST_SAMPLE_S = 20.0


def collage(files: Sequence[Path], rng: np.random.Generator, *, duration_s: float) -> Waveform:
    """Return stereo music of 44.1 kHz from sample files, not yet at any particular level.

    Raises:
        AudioError: A file cannot be read.
    """
    step_s = 60 / rng.uniform(80, 150) / 4
    mix = Mix(np.zeros((2, round(duration_s * RATE_HZ)), dtype=np.float32), step_s, rng)
    loops = [path for path in files if LOOP.search(path.stem)]
    pads = [path for path in files if PAD.search(path.stem)]
    tonal = [path for path in files if TONAL.search(path.stem)]
    if loops:
        for path in _some(rng, loops, int(rng.integers(1, 3))):
            mix.loop(_sample(path), gain=rng.uniform(0.25, 0.6))
    for path in _some(rng, pads, int(rng.integers(0, 3))):
        mix.loop(_sample(path), gain=rng.uniform(0.1, 0.35), pause_s=rng.uniform(0, 4))
    for path in _some(rng, tonal, int(rng.integers(1, 4))):
        mix.line(_sample(path), gain=rng.uniform(0.15, 0.4))
    beats = [path for path in files if path not in loops and path not in pads]
    for path in _drums(rng, beats):
        mix.beat(_sample(path), path.stem, gain=rng.uniform(0.3, 0.7))
    if rng.random() < 0.7:
        mix.reverberate(rng.uniform(0.3, 1.8), rng.uniform(0.03, 0.2))
    return Waveform(mix.samples, RATE_HZ)


def _some(rng: np.random.Generator, paths: Sequence[Path], count: int) -> list[Path]:
    return [paths[index] for index in rng.permutation(len(paths))[:count]]


def _drums(rng: np.random.Generator, paths: list[Path]) -> list[Path]:
    """Return a kick, a snare, hats and a few of the rest, as far as there are any."""
    chosen: list[Path] = []
    for kind, most in ((KICK, 1), (SNARE, 2), (HAT, 2)):
        chosen += _some(rng, [path for path in paths if kind.search(path.stem)], most)
    return chosen + _some(rng, [path for path in paths if path not in chosen], int(rng.integers(2, 6)))


def _sample(path: Path) -> NDArray[np.float32]:
    """Return a sample as float32 (2, n_samples) at 44.1 kHz with a peak of 1, its silent end cut off."""
    wave = read_audio(path, duration_s=LONGEST_SAMPLE_S, rate_hz=RATE_HZ).samples[:2]
    wave = np.repeat(wave, 2, axis=0) if len(wave) == 1 else wave
    loud = np.flatnonzero(np.abs(wave).max(axis=0) > HUSH)
    wave = wave[:, : loud[-1] + 1] if loud.size else wave[:, :1]
    return np.asarray(wave / max(float(np.abs(wave).max()), HUSH), dtype=np.float32)


class Mix:
    """A stereo mix that samples are added to; steps are sixteenth notes."""

    def __init__(self, samples: NDArray[np.float32], step_s: float, rng: np.random.Generator) -> None:
        self.samples = samples
        self._step_s, self._rng = step_s, rng

    def loop(self, wave: NDArray[np.float32], *, gain: float, pause_s: float = 0.0) -> None:
        """Repeat a sample with short fades at its seams, entering at a bar of its own."""
        wave = _faded(self._placed(wave, gain), 64)
        bar = 16 * self._step_s
        start_s = bar * int(self._rng.integers(0, 4))
        while start_s * RATE_HZ < self.samples.shape[1]:
            self._add(wave, start_s)
            start_s += max(wave.shape[1] / RATE_HZ + pause_s, self._step_s)

    def beat(self, wave: NDArray[np.float32], name: str, *, gain: float) -> None:
        """Play a drum by a pattern of sixteen steps, a little uneven in time and strength."""
        rng = self._rng
        if KICK.search(name):
            chances = np.tile([0.95, 0.02, 0.12, 0.08], 4)
        elif SNARE.search(name):
            chances = np.tile([0.02, 0.03, 0.03, 0.04, 0.9, 0.03, 0.08, 0.12], 2)
        elif HAT.search(name):
            chances = np.tile([0.9, 0.3, 0.9, 0.3], 4)
        else:
            chances = np.full(16, rng.uniform(0.03, 0.2))
        steps = np.flatnonzero(rng.random(16) < chances)
        wave = self._placed(wave, gain, widest=0.1 if KICK.search(name) else 0.8)
        n_bars = int(self.samples.shape[1] / RATE_HZ / self._step_s / 16) + 1
        for bar in range(n_bars):
            for step in steps:
                late_s = abs(float(rng.normal(0, 0.003)))
                strength = np.float32(rng.uniform(0.55, 1.0))
                self._add(strength * wave, (16 * bar + int(step)) * self._step_s + late_s)

    def line(self, wave: NDArray[np.float32], *, gain: float) -> None:
        """Play a sample at other pitches, notes drawn from a scale, in phrases that come back."""
        rng = self._rng
        scale = SCALES[int(rng.integers(len(SCALES)))]
        semitones = [int(rng.choice(scale)) - 12 * int(rng.random() < 0.3) for _ in range(8)]
        wave = self._placed(wave[:, : 3 * RATE_HZ], gain)
        voices = {pitch: _repitched(wave, pitch) for pitch in set(semitones)}
        starts = np.sort(rng.choice(32, size=8, replace=False))
        n_phrases = int(self.samples.shape[1] / RATE_HZ / self._step_s / 32) + 1
        for phrase in range(n_phrases):
            if rng.random() < 0.25:
                continue
            for pitch, start in zip(semitones, starts, strict=True):
                self._add(voices[pitch], (32 * phrase + int(start)) * self._step_s)

    def reverberate(self, decay_s: float, share: float) -> None:
        """Add a room: convolution with decaying noise, another for each ear, dull at the end."""
        from scipy.signal import fftconvolve, lfilter

        times_s = np.arange(round(1.5 * decay_s * RATE_HZ)) / RATE_HZ
        response = self._rng.standard_normal((2, times_s.size)) * np.exp(-6.9 * times_s / decay_s)
        pole = self._rng.uniform(0.3, 0.8)
        response = lfilter([1 - pole], [1, -pole], response, axis=1)
        response /= np.sqrt(np.square(response).sum(axis=1, keepdims=True))
        wet = fftconvolve(self.samples, response, axes=1)[:, : self.samples.shape[1]]
        self.samples += np.float32(share) * wet.astype(np.float32)

    def _placed(self, wave: NDArray[np.float32], gain: float, widest: float = 0.8) -> NDArray[np.float32]:
        """Return a sample between left and right with equal power, sometimes by a delay between the ears as well."""
        angle = np.pi / 4 * (1 + self._rng.uniform(-widest, widest))
        gains = np.sqrt(2) * gain * np.array([[np.cos(angle)], [np.sin(angle)]])
        placed = np.asarray(wave * gains, dtype=np.float32)
        if self._rng.random() < 0.2:
            late = int(self._rng.integers(5, 25))
            padded = np.zeros((2, placed.shape[1] + late), dtype=np.float32)
            far = int(angle < np.pi / 4)
            padded[far, late:], padded[1 - far, :-late] = placed[far], placed[1 - far]
            return padded
        return placed

    def _add(self, wave: NDArray[np.float32], start_s: float) -> None:
        start = round(start_s * RATE_HZ)
        room = self.samples.shape[1] - start
        if room > 0:
            self.samples[:, start : start + wave.shape[1]] += wave[:, :room]


def _faded(wave: NDArray[np.float32], n_samples: int) -> NDArray[np.float32]:
    n_samples = min(n_samples, wave.shape[1] // 2)
    ramp = np.linspace(0, 1, n_samples, dtype=np.float32)
    wave = wave.copy()
    wave[:, :n_samples] *= ramp
    wave[:, wave.shape[1] - n_samples :] *= ramp[::-1]
    return wave


def _repitched(wave: NDArray[np.float32], semitones: int) -> NDArray[np.float32]:
    """Return a sample as it sounds when played faster or slower."""
    if semitones == 0:
        return wave
    return resample(wave, round(RATE_HZ * 2 ** (semitones / 12)), RATE_HZ)
