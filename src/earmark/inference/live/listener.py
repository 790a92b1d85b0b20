"""Listening without a microphone, a clock or a thread: blocks of sound go in, answers come out.

`earmark listen` feeds it from a sound card or a file; anything else that has samples can do the same.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.resample import StreamResampler
from earmark.core.errors import AudioError
from earmark.core.units import samples_to_seconds, seconds_to_samples
from earmark.inference.live.emission import Emission, Occasion, Status
from earmark.inference.live.segmenter import Segmenter, Stretch
from earmark.inference.live.tape import Tape
from earmark.inference.live.vad import FRAME_S, FRAME_SAMPLES, RATE_HZ, build_detector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from earmark.inference.live.judge import Judge
    from earmark.inference.live.options import ListenOptions

FAINTEST = 1e-6  # -120 dB
TAIL_S = 0.25  # of the pause after speech that is looked at: the detector may end before a faint last consonant
ROUNDING_S = 1e-9


class Listener:
    """Hears a stream block by block and answers for each stretch of speech in it.

    Args:
        judge: What answers.
        rate_hz: Rate of the stream.
        options: How speech is found and what counts as an answer.

    Raises:
        AudioError: The rate is too low for the bundle.
        WeightsError: The weights of the speech detector are missing.

    Example:
        >>> from earmark.inference.live import ListenOptions, Listener, load_judge
        >>> listener = Listener(load_judge("digits"), 16000, ListenOptions(vad="energy"))
        >>> listener.push(np.zeros(16000, dtype=np.float32))
        []
    """

    def __init__(self, judge: Judge, rate_hz: int, options: ListenOptions) -> None:
        judge.check(rate_hz)
        self._judge = judge
        self._options = options
        self._rate_hz = rate_hz
        self._detector = build_detector(options.vad)
        self._segmenter = Segmenter(
            threshold=options.vad_thresh,
            min_frames=_frames(options.min_speech_ms),
            hangover_frames=max(1, _frames(options.hangover_ms)),
            max_frames=max(1, _frames(options.max_speech_ms)),
        )
        self._stride_s = options.stride_s or (judge.hop_s if options.vad == "off" else None)
        longest_s = (options.max_speech_ms + options.hangover_ms + options.lead_ms) / 1000
        self._tape = Tape(seconds_to_samples(max(longest_s, judge.window_s) + 1.0, rate_hz))
        self._last_end_s = 0.0  # where the speech before ended: its sound is not judged twice
        self._capture_from_s: float | None = None
        self._speech = 0.0
        self._level_db = -120.0
        self._start_stream()

    hearing = True

    @property
    def heard_s(self) -> float:
        """Length of the stream so far."""
        return samples_to_seconds(self._tape.end, self._rate_hz)

    @property
    def status(self) -> Status:
        """What to show between answers."""
        return Status(
            heard_s=self.heard_s,
            level_db=self._level_db,
            speech=self._speech,
            speaking=self._segmenter.speaking,
            hearing=self.hearing,
            capturing=self._capture_from_s is not None,
        )

    def push(self, samples: NDArray[np.float32]) -> list[Emission]:
        """Hear the next samples of the stream and return the answers that are known with them.

        Args:
            samples: float32 (n_samples,) at the stream's rate, any number of them.

        Raises:
            AudioError: They are of another type or shape, or not finite numbers.
        """
        _check(samples)
        self._tape.append(samples)
        if not len(samples):
            return []
        self._level_db = 20 * math.log10(max(FAINTEST, float(np.sqrt(np.mean(np.square(samples))))))
        found = list(self._captured())
        if self.hearing:
            found += self._hear(samples)
        return found

    def finish(self) -> list[Emission]:
        """Return the answers that are left at the end of the stream, or when it stops to be heard."""
        found = list(self._captured(at_once=True))
        if self.hearing:
            found += self._hear(np.zeros(0, dtype=np.float32), is_last=True)
            if (stretch := self._segmenter.finish()) is not None:
                found += self._end_of(stretch)
            self._start_stream()
        return found

    def skip(self, n_samples: int) -> None:
        """Take note that samples of the stream were lost; speech that was under way is forgotten."""
        self._tape.skip(n_samples)
        self._segmenter.finish()
        self._start_stream()

    def hear(self, *, wanted: bool) -> list[Emission]:
        """Begin or stop to judge what comes, and return what was left to say."""
        if wanted == self.hearing:
            return []
        found = [] if wanted else self.finish()
        self.hearing = wanted
        self._start_stream()
        return found

    def capture(self) -> None:
        """Judge one window of the model from here on, whether there is speech in it or not."""
        if self._capture_from_s is None:
            self._capture_from_s = self.heard_s

    def _start_stream(self) -> None:
        """Forget what the detector and the resampler know of the sound before this place."""
        self._detector.reset()
        self._resampler = None if self._rate_hz == RATE_HZ else StreamResampler(self._rate_hz, RATE_HZ, 1)
        self._waiting = np.zeros(0, dtype=np.float32)  # at 16 kHz, less than a frame
        self._began_s = self._last_end_s = self.heard_s
        self._segmenter.n_frames = 0
        self._next_window_s: float | None = None
        self._windowed = False  # whether windows of the speech under way were answered

    def _hear(self, samples: NDArray[np.float32], *, is_last: bool = False) -> Iterator[Emission]:
        if self._resampler is not None:
            block = samples[np.newaxis]
            samples = (self._resampler.finish() if is_last else self._resampler.push(block))[0]
        content = np.concatenate([self._waiting, samples])
        n_frames = len(content) // FRAME_SAMPLES
        self._waiting = content[n_frames * FRAME_SAMPLES :]
        if not n_frames:
            return
        frames = content[: n_frames * FRAME_SAMPLES].reshape(n_frames, FRAME_SAMPLES)
        for probability in self._detector(frames):
            self._speech = float(probability)
            stretch = self._segmenter.push(self._speech)
            if stretch is not None:
                yield from self._end_of(stretch)
            elif self._stride_s is not None:
                yield from self._window_now(self._stride_s)

    def _end_of(self, stretch: Stretch) -> Iterator[Emission]:
        """Yield the answer for a stretch of speech, unless windows were answered during it."""
        start_s, end_s = self._place_s(stretch.first), self._place_s(stretch.end)
        heard_s = self._place_s(self._segmenter.n_frames)
        judged_s = (max(start_s - self._options.lead_ms / 1000, self._last_end_s), min(heard_s, end_s + TAIL_S))
        self._last_end_s = end_s
        windowed = self._windowed
        if not stretch.goes_on:
            self._next_window_s, self._windowed = None, False
        if not windowed:
            yield from self._answer("speech", (start_s, end_s), judged_s)

    def _window_now(self, stride_s: float) -> Iterator[Emission]:
        """Yield the answer for the window that ends here, if it is time for one."""
        if not self._segmenter.speaking:
            return
        now_s = self._place_s(self._segmenter.n_frames)
        if self._next_window_s is None:
            self._next_window_s = self._place_s(self._segmenter.begun_at or 0) + stride_s
        if now_s + ROUNDING_S < self._next_window_s:
            return
        while self._next_window_s <= now_s + ROUNDING_S:
            self._next_window_s += stride_s
        self._windowed = True
        window = (max(0.0, now_s - self._judge.window_s), now_s)
        yield from self._answer("window", window, window)

    def _captured(self, *, at_once: bool = False) -> Iterator[Emission]:
        if self._capture_from_s is None:
            return
        start_s, end_s = self._capture_from_s, self._capture_from_s + self._judge.window_s
        if self.heard_s < end_s and not at_once:
            return
        self._capture_from_s = None
        window = (start_s, min(end_s, self.heard_s))
        yield from self._answer("capture", window, window)

    def _answer(
        self, occasion: Occasion, told_s: tuple[float, float], judged_s: tuple[float, float]
    ) -> Iterator[Emission]:
        """Yield what is said of a stretch, if anything is to be said.

        Args:
            occasion: Why.
            told_s: Start and end to tell.
            judged_s: Start and end of the sound to judge, in seconds of the stream.
        """
        began_s = time.perf_counter()
        first, end = (seconds_to_samples(place_s, self._rate_hz) for place_s in judged_s)
        answer = self._judge(self._tape.cut(first, end), self._rate_hz)
        if answer is None:
            return
        found, accepted = answer
        if accepted or self._options.force_emit or occasion == "capture":
            yield Emission(
                occasion,
                *told_s,
                decided_s=self.heard_s if occasion == "capture" else self._place_s(self._segmenter.n_frames),
                label=found.label,
                probability=found.probability,
                probabilities=found.probabilities,
                accepted=accepted,
                known=found.known_probability,
                compute_ms=(time.perf_counter() - began_s) * 1000,
            )

    def _place_s(self, frame: int) -> float:
        return self._began_s + frame * FRAME_S


def _frames(duration_ms: float) -> int:
    return math.ceil(round(duration_ms / 1000 / FRAME_S, 6))


def _check(samples: NDArray[np.float32]) -> None:
    if samples.ndim != 1 or samples.dtype != np.float32:
        raise AudioError(f"stream: found {samples.dtype} of shape {samples.shape}, expected float32 (n_samples,)")
    if not np.isfinite(samples).all():
        raise AudioError("stream: found samples that are no finite numbers; check where it comes from")
