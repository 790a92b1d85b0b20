"""Run a bundle on sound in memory and on files. Needs neither scikit-learn nor torch.

`predict` is `answer(listen(waveform))`, and `listen` is `hear` of the windows that `cut` gives. Who hears many clips at
once, as the service does, calls the three by themselves: what is heard of a window does not depend on the others in the
stack beyond the last bits of a float32. All of them may be called from several threads at once.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio import Waveform, cut_windows, probe_audio, read_audio, resample, stream_audio
from earmark.core.errors import AudioError, ModelError
from earmark.features.base import NativeFrontend
from earmark.features.measure import NATIVE_BLOCK_S, measure_native, window_levels_db
from earmark.inference.heard import Cut, Heard, Rows, refuse_silence
from earmark.inference.prediction import FileResult, Prediction
from earmark.models.aggregate import aggregate_windows
from earmark.models.bundle import Bundle, load_bundle
from earmark.models.scores import Scores

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.encoders.session import OnnxGraph

LONGEST_CLIP_S = 600.0
WARM_UP_HZ = 44_100
LEVELS_AT_ONCE = 8


class Predictor:
    """A loaded bundle with its graph open.

    It classifies silence once when it is made, so that no later answer waits for what is only imported at first use.

    Raises:
        BundleError: The bundle's frontend or graph is not what the bundle promises.

    Example:
        >>> from earmark.inference import Predictor
        >>> Predictor.load("digits").labels[:3]
        ('0', '1', '2')
    """

    def __init__(self, bundle: Bundle, *, n_threads: int = 1) -> None:
        self.bundle = bundle
        self._frontend = bundle.frontend
        self._graph = bundle.graph(n_threads)
        self._known_graph = bundle.known_graph(n_threads)
        self._rejection = bundle.spec.rejecter()
        self._calibration = bundle.spec.calibrator()
        self._thresholds = np.array(bundle.spec.thresholds.values, dtype=np.float32)
        self._warm_up()

    @classmethod
    def load(cls, model: str | Path, *, n_threads: int = 1) -> Predictor:
        """Return the predictor of a bundle folder or of a shipped bundle by name.

        Raises:
            BundleError: There is no such bundle, or it was tampered with.
            WeightsError: The pretrained weights that it needs are missing.
        """
        return cls(load_bundle(model), n_threads=n_threads)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes in the order of columns."""
        return self.bundle.spec.labels

    @property
    def cuts_windows(self) -> bool:
        """Whether clips can be cut into windows and these be heard in any company; False for a native frontend."""
        return not isinstance(self._frontend, NativeFrontend)

    def scores(self, waveform: Waveform) -> Scores:
        """Return the calibrated probabilities of each window of a waveform.

        Raises:
            AudioError: The waveform is empty, or its rate is below what the bundle was trained on.
        """
        return self.scores_of(self.listen(waveform))

    def predict(self, waveform: Waveform, *, sharpness: float = 1.0) -> Prediction:
        """Return the answer for a whole clip.

        `sharpness` above 1 exaggerates the probabilities that are told and below 1 flattens them; what is accepted is
        decided at 1, where they are calibrated.

        Raises:
            AudioError: It is empty or silent, or its rate is below what the bundle was trained on.
        """
        return self.answer(self.listen(waveform), sharpness=sharpness)

    def predict_file(self, path: Path, *, start_s: float = 0.0, duration_s: float | None = None) -> Prediction:
        """Return the answer for a file, or for the part of it from `start_s` for `duration_s`.

        Raises:
            AudioError: It cannot be decoded, is empty, silent, or longer than a clip may be.
        """
        info = probe_audio(path)
        left_s = info.duration_s - start_s
        length_s = left_s if duration_s is None else min(left_s, duration_s)
        if length_s > LONGEST_CLIP_S:
            raise AudioError(
                f"{path}: lasts {length_s:.0f} s, expected a clip of at most {LONGEST_CLIP_S:.0f} s; "
                "choose a part with --start and --duration"
            )
        self.check_rate(info.rate_hz, str(path))
        if isinstance(self._frontend, NativeFrontend):
            blocks = stream_audio(path, block_s=NATIVE_BLOCK_S, start_s=start_s, duration_s=duration_s)
            heard = self._measure(blocks, self._frontend, str(path))
        else:
            rate_hz = self._frontend.spec.rate_hz
            heard = self.listen(read_audio(path, start_s=start_s, duration_s=duration_s, rate_hz=rate_hz, mono=True))
        try:
            return self.answer(heard)
        except AudioError as error:
            raise AudioError(f"{path}: {error}") from error

    def check_rate(self, rate_hz: int, what: str) -> None:
        """Raise AudioError where sound has a lower rate than what the bundle was trained on; `what` is its name."""
        lowest_hz = self.bundle.spec.frontend.min_source_rate_hz
        if rate_hz < lowest_hz:
            raise AudioError(
                f"{what}: rate {rate_hz} Hz, but bundle {self.bundle.spec.name} was trained on audio of "
                f"{lowest_hz} Hz and more; record at a higher rate"
            )

    def listen(self, waveform: Waveform) -> Heard:
        """Return what is heard of a whole clip, alone.

        Raises:
            AudioError: It is empty, or its rate is below what the bundle was trained on.
        """
        if isinstance(self._frontend, NativeFrontend):
            self._check(waveform)
            return self._measure([waveform], self._frontend, "waveform", waveform.duration_s)
        cut = self.cut(waveform)
        return cut.heard(self.hear(cut.windows))

    def cut(self, waveform: Waveform) -> Cut:
        """Return the windows of a clip, at the frontend's rate.

        Raises:
            AudioError: It is empty, or its rate is below what the bundle was trained on.
            ModelError: The bundle takes whole sounds, not windows.
        """
        self._check(waveform)
        spec = self._frontend.spec
        if spec.native:
            raise ModelError(f'bundle {self.bundle.spec.name}: frontend "{spec.name}" takes whole sounds; call listen')
        samples = waveform.mono()
        if waveform.rate_hz != spec.rate_hz:
            samples = resample(samples[np.newaxis], waveform.rate_hz, spec.rate_hz)[0]
        windows = cut_windows(samples, spec.window_samples, spec.hop_samples)
        starts_s = np.arange(len(windows)) * (spec.hop_samples / spec.rate_hz)
        times_s = np.stack([starts_s, np.minimum(starts_s + spec.window_s, waveform.duration_s)], axis=1)
        return Cut(windows, _levels_db(windows), times_s, waveform.duration_s)

    def hear(self, windows: NDArray[np.float32]) -> Rows:
        """Return what the graphs say of windows float32 (n_windows, n_samples), of one clip or of many.

        Raises:
            AudioError: Samples are not finite.
        """
        return self._rows(self._frontend(windows))

    def scores_of(self, heard: Heard) -> Scores:
        """Return the calibrated probabilities of each window of a clip that was heard."""
        return Scores(self._calibration(heard.rows.scores), heard.times_s, self.labels)

    def answer(self, heard: Heard, *, sharpness: float = 1.0) -> Prediction:
        """Return the answer for a clip that was heard; `sharpness` as for `predict`.

        Raises:
            AudioError: It is silent.
        """
        refuse_silence(heard.levels_db)
        raw = self._aggregate(heard.rows.scores, heard)
        probabilities = self._calibration(raw)[0]
        best = int(probabilities.argmax())
        passed = probabilities >= self._thresholds
        if self.bundle.spec.task == "one":
            passed &= np.arange(len(passed)) == best
        known = self._known(heard)
        is_known = known is None or self._rejection is None or known >= self._rejection.threshold
        passed &= is_known
        if sharpness != 1:
            probabilities = self._calibration(raw, sharpness=sharpness)[0]
        return Prediction(
            label=self.labels[best],
            probability=float(probabilities[best]),
            probabilities=dict(zip(self.labels, probabilities.tolist(), strict=True)),
            accepted=bool(passed.any()),
            accepted_labels=tuple(label for label, one in zip(self.labels, passed, strict=True) if one),
            duration_s=heard.duration_s,
            known=is_known,
            known_probability=known,
        )

    def _warm_up(self) -> None:
        frontend = self._frontend
        if isinstance(frontend, NativeFrontend):
            silence = Waveform(np.zeros((2, WARM_UP_HZ), dtype=np.float32), WARM_UP_HZ)
            heard = self._measure([silence], frontend, "silence")
        else:
            rows = self.hear(np.zeros((1, frontend.spec.window_samples), dtype=np.float32))
            heard = Heard(rows, np.zeros(1, np.float32), np.zeros((1, 2)), 0.0)
        self._calibration(heard.rows.scores)
        self._known(heard)

    def _check(self, waveform: Waveform) -> None:
        if not waveform.n_samples:
            raise AudioError("holds no samples, expected sound")
        if waveform.rate_hz != self._frontend.spec.rate_hz:
            self.check_rate(waveform.rate_hz, "waveform")

    def _measure(
        self, waveforms: Iterable[Waveform], frontend: NativeFrontend, what: str, duration_s: float | None = None
    ) -> Heard:
        measured, times_s = measure_native(waveforms, frontend, what)
        length_s = float(times_s[-1, 1]) if duration_s is None else duration_s
        return Heard(self._rows(measured.features), measured.levels_db, times_s, length_s)

    def _rows(self, features: NDArray[np.float32]) -> Rows:
        known = None if self._known_graph is None else _run(self._known_graph, features)
        return Rows(_run(self._graph, features), known)

    def _aggregate(self, scores: NDArray[np.float32], heard: Heard) -> NDArray[np.float32]:
        one_clip = np.zeros(len(scores), dtype=np.intp)
        return aggregate_windows(scores, one_clip, heard.levels_db, self.bundle.spec.aggregate)

    def _known(self, heard: Heard) -> float | None:
        """Return the probability that a clip is one of the labels; None where the bundle cannot tell."""
        if heard.rows.known is None or self._rejection is None:
            return None
        return float(self._rejection(self._aggregate(heard.rows.known, heard))[0])


def _levels_db(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the levels of windows, a few at a time: of a long clip they overlap and would be many times its size."""
    starts = range(0, len(windows), LEVELS_AT_ONCE)
    return np.concatenate([window_levels_db(windows[start : start + LEVELS_AT_ONCE]) for start in starts])


def _run(graph: OnnxGraph, features: NDArray[np.float32]) -> NDArray[np.float32]:
    return graph(features.reshape(len(features), -1) if len(graph.input_shape) == 2 else features)


def classify_file(
    predictor: Predictor, path: Path, *, start_s: float = 0.0, duration_s: float | None = None
) -> FileResult:
    """Return the result for one file; audio that cannot be classified becomes its error."""
    began = time.perf_counter()
    try:
        prediction, error = predictor.predict_file(path, start_s=start_s, duration_s=duration_s), None
    except AudioError as problem:
        prediction, error = None, str(problem)
    return FileResult(path, prediction, error, (time.perf_counter() - began) * 1000)
