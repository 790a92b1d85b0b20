"""When each label is heard within a clip: the events that `earmark analyze` finds, of a clip that was heard already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.inference.analysis.choose import Chooser
from earmark.inference.events import DECIMALS, Event, Merging, WindowTimes, merge_detections
from earmark.inference.heard import SILENCE_DB

if TYPE_CHECKING:
    from earmark.inference.heard import Heard
    from earmark.models.bundle import Bundle
    from earmark.models.scores import Scores


class EventFinder:
    """Finds the events of clips with a bundle's own thresholds; none with a native frontend, which has no steps."""

    def __init__(self, bundle: Bundle) -> None:
        spec = bundle.spec
        self._labels = spec.labels
        self._window = bundle.frontend.spec
        self._rejection = spec.rejecter()
        everything = np.ones(len(spec.labels), dtype=np.bool_)
        thresholds = np.array(spec.thresholds.values, dtype=np.float32)
        self._choose = Chooser(thresholds, everything, spec.task == "one", None)

    def __call__(self, heard: Heard, scores: Scores) -> tuple[Event, ...]:
        """Return the events of a clip, by start, then end, then label.

        Args:
            heard: The clip.
            scores: Its calibrated probabilities, of the same windows.
        """
        spec = self._window
        if spec.native:
            return ()
        audible = heard.levels_db >= SILENCE_DB
        if self._rejection is not None and heard.rows.known is not None:
            audible &= self._rejection(heard.rows.known) >= self._rejection.threshold
        rows, columns = self._choose(scores.values)
        detections = [
            (row, self._labels[column], round(float(scores.values[row, column]), DECIMALS))
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
            if audible[row]
        ]
        times = WindowTimes(spec.window_samples, spec.hop_samples, spec.rate_hz, heard.duration_s)
        return merge_detections(detections, times, Merging())
