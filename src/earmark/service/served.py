"""One version of a bundle as it serves: what a request holds from its begin to its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.core.files import read_json
from earmark.distortion.validator import FRONTEND, SECONDS_FILE, AudioDistortionValidator
from earmark.inference.clip_events import EventFinder
from earmark.inference.heard import refuse_silence
from earmark.inference.predictor import Predictor
from earmark.models.bundle import SPEC_FILE
from earmark.service.jobs import ClipJob, Job, WholeJob
from earmark.service.problems import Problem
from earmark.service.warm_up import try_out, windows_at_once

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.audio.waveform import Waveform
    from earmark.distortion.report import DistortionReport
    from earmark.inference.events import Event
    from earmark.inference.heard import Cut, Heard, Rows
    from earmark.inference.prediction import Prediction
    from earmark.models.bundle import Bundle
    from earmark.models.scores import Scores
    from earmark.service.batching import Batcher

Answer = tuple["Prediction", "Scores", tuple["Event", ...]]
VERSION_DIGITS = 12


@dataclass(frozen=True, eq=False)
class Classified:
    """What was heard in a clip.

    Attributes:
        prediction: The answer for the whole clip.
        scores: Calibrated probabilities of each window.
        events: When each label was heard, as `earmark analyze` tells it.
        queue_ms: Time until its turn came.
        compute_ms: Time from when it was cut into windows to the answer.
    """

    prediction: Prediction
    scores: Scores
    events: tuple[Event, ...]
    queue_ms: float
    compute_ms: float


@dataclass(frozen=True, eq=False)
class Analyzed:
    """What was found in a sound by a distortion bundle.

    Attributes:
        report: What, how badly and where.
        queue_ms: Time until it was begun.
        compute_ms: Time from then to the report.
    """

    report: DistortionReport
    queue_ms: float
    compute_ms: float


@dataclass(frozen=True, eq=False)
class Served:
    """One loaded version of a bundle. Requests that hold it finish on it when a newer one comes.

    Attributes:
        name: The bundle's.
        version: First digits of the seal of its `bundle.json`.
        bundle: What was loaded.
        predictor: None for a distortion bundle.
        validator: Of a distortion bundle, else None.
        n_at_once: Windows that it hears at once.
    """

    name: str
    version: str
    bundle: Bundle
    predictor: Predictor | None
    validator: AudioDistortionValidator | None
    n_at_once: int
    _find_events: EventFinder
    _batcher: Batcher

    @classmethod
    def open(cls, bundle: Bundle, batcher: Batcher, max_batch: int) -> Served:
        """Return a bundle with its graphs open, tried out.

        Raises:
            BundleError: It is not what it promises.
            WeightsError: The pretrained weights that it needs are missing.
        """
        spec = bundle.spec
        predictor, validator, n_at_once = None, None, 1
        if spec.frontend.name == FRONTEND and SECONDS_FILE in spec.files:
            validator = AudioDistortionValidator(bundle)
            try_out(validator)
        else:
            predictor = Predictor(bundle)
            n_at_once = windows_at_once(predictor, max_batch)
        finder = EventFinder(bundle)
        return cls(spec.name, version_of(bundle), bundle, predictor, validator, n_at_once, finder, batcher)

    async def classify(self, sound: Waveform | Callable[[], Waveform], deadline_s: float) -> Classified:
        """Return what is heard in a clip, in one batch with clips of other requests where there are any.

        Args:
            sound: The clip, of any rate and channels, or what decodes it, called in a thread when its turn comes: so
                nothing waits decoded, and no other thread has to be woken for it.
            deadline_s: Seconds from now after which it is given up.

        Raises:
            AudioError: It is empty or silent, or its rate is below what the bundle was trained on.
            Problem: 422: it is a distortion bundle. 503: the queue is full. 504: the time is over.
        """
        predictor = self.predictor
        if predictor is None:
            raise Problem(
                422,
                "Wrong model",
                f'Model "{self.name}" tells distortion, not labels; send the sound to /v1/distortion.',
            )
        n_bytes = 0 if callable(sound) else sound.samples.nbytes
        job: Job[Answer]
        if predictor.cuts_windows:

            def cut() -> Cut:
                found = predictor.cut(sound() if callable(sound) else sound)
                refuse_silence(found.levels_db)
                return found

            def finish(found: Cut, rows: Rows) -> Answer:
                return self._answer(predictor, found.heard(rows))

            job = ClipJob(predictor, cut, finish, self.n_at_once, n_bytes)
        else:

            def listen() -> Answer:
                return self._answer(predictor, predictor.listen(sound() if callable(sound) else sound))

            job = WholeJob(listen, n_bytes)
        prediction, scores, events = await self._batcher.run(job, deadline_s)
        return Classified(prediction, scores, events, job.queue_ms, job.compute_ms)

    async def analyze(self, path: Path, deadline_s: float) -> Analyzed:
        """Return the distortion report of a file, made in the threads and behind the queue of this model.

        Args:
            path: The file.
            deadline_s: Seconds from now after which it is given up.

        Raises:
            AudioError: It cannot be decoded, or holds no sound.
            Problem: 422: it is no distortion bundle. 503: the queue is full. 504: the time is over.
        """
        validator = self.validator
        if validator is None:
            raise Problem(
                422, "Wrong model", f'Model "{self.name}" tells labels, not distortion; send the sound to /v1/classify.'
            )
        job = WholeJob(lambda: validator.analyze(path), 0)
        report = await self._batcher.run(job, deadline_s)
        return Analyzed(report, job.queue_ms, job.compute_ms)

    def _answer(self, predictor: Predictor, heard: Heard) -> Answer:
        scores = predictor.scores_of(heard)
        return predictor.answer(heard), scores, self._find_events(heard, scores)


def version_of(bundle: Bundle) -> str:
    """Return the first digits of the seal of a bundle, which is another one after each change."""
    return str(read_json(bundle.folder / SPEC_FILE)["seal"])[:VERSION_DIGITS]
