"""From an upload to the answer about it: decode, hear, tell the monitor."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.core.errors import AudioError
from earmark.service.answers import AudioFacts, Classification, DistortionAnswer, ModelName, Timing
from earmark.service.problems import Problem
from earmark.service.sound import Wanted, refused

if TYPE_CHECKING:
    from earmark.service.intake import Upload
    from earmark.service.served import Served
    from earmark.service.state import Service

LEAST_S = 0.001


@dataclass(frozen=True)
class Clock:
    """How long a request has lasted and may last.

    Attributes:
        began_s: When it began, of `time.perf_counter`.
        timeout_s: How long it may last.
    """

    began_s: float
    timeout_s: float

    @property
    def passed_ms(self) -> float:
        """Milliseconds since it began."""
        return (time.perf_counter() - self.began_s) * 1000

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return max(LEAST_S, self.timeout_s - self.passed_ms / 1000)


async def classify(service: Service, served: Served, upload: Upload, clock: Clock, top: int | None) -> Classification:
    """Return the answer for a sound.

    Raises:
        Problem: The sound is refused, or there is no room or time for it.
    """
    async with service.intake.coming(upload, _wanted(service, served)) as coming:
        try:
            found = await served.classify(coming.waveform, clock.left_s)
        except AudioError as error:
            raise refused(error, upload.name, coming.path) from error
        finally:
            taken = coming.taken
            if taken is not None:
                service.monitor.sound(taken.sound.rate_hz, taken.sound.level_db)
        if taken is None:
            raise Problem(422, "Sound refused", f"{upload.name}: was not decoded.")
        told = found.prediction
        service.monitor.heard(
            served.name, served.version, taken.sound.duration_s, told.label, told.probability, told.accepted, told.known
        )
        return Classification.of(
            found, known_as=uuid.uuid4().hex, served=served, taken=taken, total_ms=clock.passed_ms, top=top
        )


def _wanted(service: Service, served: Served) -> Wanted:
    """Return what a model takes: mono at its own rate, or the sound as it is."""
    most_s, predictor = service.options.max_duration_s, served.predictor
    if predictor is None:
        raise Problem(422, "Wrong model", f'Model "{served.name}" tells distortion, not labels.')
    spec = served.bundle.frontend.spec
    if spec.native:
        return Wanted(None, is_mono=False, check_rate=predictor.check_rate, max_duration_s=most_s)
    return Wanted(spec.rate_hz, is_mono=True, check_rate=predictor.check_rate, max_duration_s=most_s)


async def find_distortion(service: Service, served: Served, upload: Upload, clock: Clock) -> DistortionAnswer:
    """Return the distortion report of a sound, at its own rate and channels.

    It is decoded twice: first to know that it is whole and not too long, then block by block as it is measured, so
    that no more than ten seconds of it are ever held.

    Raises:
        Problem: The sound is refused, or there is no room or time for it.
    """
    wanted = Wanted(None, is_mono=False, check_rate=None, max_duration_s=service.options.max_duration_s, is_kept=False)
    async with service.intake.taken(upload, wanted) as taken:
        service.monitor.sound(taken.sound.rate_hz, taken.sound.level_db)
        try:
            found = await served.analyze(taken.path, clock.left_s)
        except AudioError as error:
            raise refused(error, upload.name, taken.path) from error
        report = found.report
        told = report.to_dict()
        told.pop("path")
        told.pop("error")
        if report.confidence is not None:
            service.monitor.heard(
                served.name,
                served.version,
                taken.sound.duration_s,
                report.distortion_type or "none",
                report.confidence,
                True,
            )
        timing = Timing(
            decode=round(taken.decode_ms, 3),
            queue=round(found.queue_ms, 3),
            compute=round(found.compute_ms, 3),
            total=round(clock.passed_ms, 3),
        )
        return DistortionAnswer(
            id=uuid.uuid4().hex, model=ModelName.of(served), audio=AudioFacts.of(taken), timing_ms=timing, **told
        )
