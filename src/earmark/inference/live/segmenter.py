"""From the probability of speech of each frame to stretches of speech."""

from __future__ import annotations

from dataclasses import dataclass

HYSTERESIS = 0.15  # speech goes on at a lower probability than it begins at, as in Silero's own state machine


@dataclass(frozen=True)
class Stretch:
    """A stretch of speech.

    Attributes:
        first: Its first frame.
        end: The frame after its last one, without the pause that ended it.
        goes_on: Whether it was cut because it was too long, so that the next one follows at once.
    """

    first: int
    end: int
    goes_on: bool = False


@dataclass
class Segmenter:
    """Finds where speech begins and ends, frame by frame.

    Attributes:
        threshold: Probability from which speech begins.
        min_frames: Shorter speech is passed over.
        hangover_frames: Frames without speech after which it has ended, at least 1.
        max_frames: Longer speech is cut there.
    """

    threshold: float
    min_frames: int
    hangover_frames: int
    max_frames: int

    def __post_init__(self) -> None:
        self.n_frames = 0
        self.begun_at: int | None = None
        self._end = 0

    @property
    def speaking(self) -> bool:
        """Whether speech has begun, lasts long enough to count and has not ended."""
        return self.begun_at is not None and self._end - self.begun_at >= self.min_frames

    def push(self, probability: float) -> Stretch | None:
        """Return the stretch of speech that is known to have ended with one more frame."""
        frame = self.n_frames
        self.n_frames += 1
        if self.begun_at is None:
            if probability >= self.threshold:
                self.begun_at, self._end = frame, frame + 1
            return None
        if probability >= self.threshold - HYSTERESIS:
            self._end = frame + 1
        if self.n_frames - self._end >= self.hangover_frames:
            return self.finish()
        if self.n_frames - self.begun_at >= self.max_frames:
            stretch = Stretch(self.begun_at, self._end, goes_on=True)
            self.begun_at, self._end = self.n_frames, self.n_frames
            return stretch
        return None

    def finish(self) -> Stretch | None:
        """End what speech there is now and return it if it was long enough."""
        stretch = Stretch(self.begun_at or 0, self._end) if self.speaking else None
        self.begun_at = None
        return stretch
