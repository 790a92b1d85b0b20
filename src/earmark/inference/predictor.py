"""Run a bundle on sound in memory and on files. Needs neither scikit-learn nor torch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.audio import Waveform, cut_windows, probe_audio, read_audio, resample, stream_audio
from earmark.core.errors import AudioError
from earmark.features.base import NativeFrontend
from earmark.features.measure import NATIVE_BLOCK_S, measure_native, window_levels_db
from earmark.models.aggregate import aggregate_windows
from earmark.models.bundle import Bundle, load_bundle
from earmark.models.scores import Scores

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

SILENCE_DB = -90.0  # below the last bit of 16-bit audio: nothing was recorded
LONGEST_CLIP_S = 600.0
WARM_UP_HZ = 44_100


@dataclass(frozen=True)
class Prediction:
    """The answer for one clip.

    Attributes:
        label: The likeliest label.
        probability: Its calibrated probability.
        probabilities: Label to calibrated probability, in the bundle's order.
        accepted: Whether the probability reaches the label's threshold (in task "many", any label's) and the sound is
            known.
        accepted_labels: Every label that reaches its threshold, in task "one" at most the likeliest.
        duration_s: Duration of the audio.
        known: Whether the sound is like what the labels stand for; True where the bundle cannot tell.
        known_probability: The probability of that; None where the bundle cannot tell.
    """

    label: str
    probability: float
    probabilities: dict[str, float]
    accepted: bool
    accepted_labels: tuple[str, ...]
    duration_s: float
    known: bool = True
    known_probability: float | None = None


@dataclass(frozen=True, eq=False)
class _Heard:
    """What the frontend made of a sound: features (n_windows, *shape), levels (n_windows,), times (n_windows, 2)."""

    features: NDArray[np.float32]
    levels_db: NDArray[np.float32]
    times_s: NDArray[np.float64]

    @classmethod
    def natively(cls, waveforms: Iterable[Waveform], frontend: NativeFrontend, what: str) -> _Heard:
        rows, times_s = measure_native(waveforms, frontend, what)
        return cls(rows.features, rows.levels_db, times_s)


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
        self._flat = len(self._graph.input_shape) == 2
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

    def scores(self, waveform: Waveform) -> Scores:
        """Return the calibrated probabilities of each window of a waveform.

        Raises:
            AudioError: The waveform is empty, or its rate is below what the bundle was trained on.
        """
        heard = self._heard(waveform)
        return Scores(self._calibration(self._raw(heard.features)), heard.times_s, self.labels)

    def predict(self, waveform: Waveform, *, sharpness: float = 1.0) -> Prediction:
        """Return the answer for a whole clip.

        `sharpness` above 1 exaggerates the probabilities that are told and below 1 flattens them; what is accepted is
        decided at 1, where they are calibrated.

        Raises:
            AudioError: It is empty or silent, or its rate is below what the bundle was trained on.
        """
        return self._answer(self._heard(waveform), waveform.duration_s, sharpness)

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
        self._check_rate(info.rate_hz, str(path))
        if isinstance(self._frontend, NativeFrontend):
            blocks = stream_audio(path, block_s=NATIVE_BLOCK_S, start_s=start_s, duration_s=duration_s)
            heard = _Heard.natively(blocks, self._frontend, str(path))
            duration_s = float(heard.times_s[-1, 1])
        else:
            rate_hz = self._frontend.spec.rate_hz
            waveform = read_audio(path, start_s=start_s, duration_s=duration_s, rate_hz=rate_hz, mono=True)
            heard, duration_s = self._heard(waveform), waveform.duration_s
        try:
            return self._answer(heard, duration_s)
        except AudioError as error:
            raise AudioError(f"{path}: {error}") from error

    def _warm_up(self) -> None:
        frontend = self._frontend
        if isinstance(frontend, NativeFrontend):
            silence = Waveform(np.zeros((2, WARM_UP_HZ), dtype=np.float32), WARM_UP_HZ)
            features = measure_native([silence], frontend, "silence")[0].features
        else:
            features = frontend(np.zeros((1, frontend.spec.window_samples), dtype=np.float32))
        self._calibration(self._raw(features))
        self._known(_Heard(features, np.zeros(len(features), np.float32), np.zeros((len(features), 2))))

    def _heard(self, waveform: Waveform) -> _Heard:
        """Return what the frontend makes of a waveform, window by window."""
        frontend, spec = self._frontend, self._frontend.spec
        if not waveform.n_samples:
            raise AudioError("holds no samples, expected sound")
        if waveform.rate_hz != spec.rate_hz:
            self._check_rate(waveform.rate_hz, "waveform")
        if isinstance(frontend, NativeFrontend):
            return _Heard.natively([waveform], frontend, "waveform")
        samples = waveform.mono()
        if waveform.rate_hz != spec.rate_hz:
            samples = resample(samples[np.newaxis], waveform.rate_hz, spec.rate_hz)[0]
        windows = cut_windows(samples, spec.window_samples, spec.hop_samples)
        starts_s = np.arange(len(windows)) * (spec.hop_samples / spec.rate_hz)
        times_s = np.stack([starts_s, np.minimum(starts_s + spec.window_s, waveform.duration_s)], axis=1)
        return _Heard(frontend(windows), window_levels_db(windows), times_s)

    def _raw(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._graph(features.reshape(len(features), -1) if self._flat else features)

    def _known(self, heard: _Heard) -> float | None:
        """Return the probability that a clip is one of the labels; None where the bundle cannot tell."""
        if self._known_graph is None or self._rejection is None:
            return None
        flat = len(self._known_graph.input_shape) == 2
        scores = self._known_graph(heard.features.reshape(len(heard.features), -1) if flat else heard.features)
        one_clip = np.zeros(len(scores), dtype=np.intp)
        clip = aggregate_windows(scores, one_clip, heard.levels_db, self.bundle.spec.aggregate)
        return float(self._rejection(clip)[0])

    def _check_rate(self, rate_hz: int, what: str) -> None:
        lowest_hz = self.bundle.spec.frontend.min_source_rate_hz
        if rate_hz < lowest_hz:
            raise AudioError(
                f"{what}: rate {rate_hz} Hz, but bundle {self.bundle.spec.name} was trained on audio of "
                f"{lowest_hz} Hz and more; record at a higher rate"
            )

    def _answer(self, heard: _Heard, duration_s: float, sharpness: float = 1.0) -> Prediction:
        loudest_db = heard.levels_db.max()
        if loudest_db < SILENCE_DB:
            raise AudioError(f"is silent (level {loudest_db:.0f} dB), expected sound above {SILENCE_DB:.0f} dB")
        one_clip = np.zeros(len(heard.levels_db), dtype=np.intp)
        raw = aggregate_windows(self._raw(heard.features), one_clip, heard.levels_db, self.bundle.spec.aggregate)
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
            probabilities={label: float(p) for label, p in zip(self.labels, probabilities, strict=True)},
            accepted=bool(passed.any()),
            accepted_labels=tuple(label for label, one in zip(self.labels, passed, strict=True) if one),
            duration_s=duration_s,
            known=is_known,
            known_probability=known,
        )


@dataclass(frozen=True)
class FileResult:
    """What became of one file: a prediction or an error, never both.

    Attributes:
        path: The file as it was named.
        prediction: The answer, or None.
        error: Why there is none, or None.
        latency_ms: Time from opening the file to the answer.
    """

    path: Path
    prediction: Prediction | None
    error: str | None
    latency_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object that `earmark predict --json` prints."""
        if self.prediction is None:
            return {"path": str(self.path), "error": self.error}
        found = self.prediction
        return {
            "path": str(self.path),
            "label": found.label,
            "probability": found.probability,
            "scores": found.probabilities,
            "accepted": found.accepted,
            **({} if found.known_probability is None else {"known": found.known_probability}),
            "duration_s": found.duration_s,
            "latency_ms": self.latency_ms,
        }


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
