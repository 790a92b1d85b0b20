"""Is it damaged, by what, how badly, where? The trained model on sound in memory, on files and on many files.

Sound is measured in blocks of ten seconds, each alone (`heard`). One graph turns the measures of a block into a margin
and a severity for each type; the bundle's calibration makes the margin a probability. A second graph tells the seconds
within it. What of that is the answer for the file is decided in `verdict`, and put together in `answer`.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.stream import stream_audio
from earmark.audio.waveform import Waveform
from earmark.core.errors import AudioError, BundleError, ConfigError
from earmark.core.progress import SILENT, track
from earmark.distortion.answer import Scored, put_together
from earmark.distortion.assessable import assess
from earmark.distortion.batch import analyze_safely, in_processes
from earmark.distortion.designs.recipes import register
from earmark.distortion.heard import listen
from earmark.distortion.measures.block import BLOCK_S
from earmark.distortion.measures.table import LINE_NAMES
from earmark.distortion.seconds import second_features
from earmark.distortion.severity import KINDS
from earmark.encoders.session import OnnxGraph
from earmark.models.bundle import load_bundle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from earmark.core.progress import Progress
    from earmark.distortion.heard import Heard
    from earmark.distortion.report import DistortionReport
    from earmark.models.bundle import Bundle

SECONDS_FILE = "seconds.onnx"
FRONTEND = "measures"


class AudioDistortionValidator:
    """A loaded distortion model.

    Raises:
        BundleError: The bundle is none for distortion, or its graphs are not what it promises.

    Example:
        >>> validator = AudioDistortionValidator.load_checkpoint()  # doctest: +SKIP
        >>> validator.analyze("song.mp3").distortion_type  # doctest: +SKIP
        'compression'
    """

    def __init__(self, bundle: Bundle, *, n_threads: int = 1) -> None:
        register()  # the frontend of the bundle, also where the package was not installed anew
        _check_spec(bundle)
        self.bundle = bundle
        self._n_threads = n_threads
        self._graph = bundle.graph(n_threads)
        if self._graph.output_names != ("scores", "severity"):
            found = ", ".join(self._graph.output_names)
            raise BundleError(f"{bundle.folder}: model.onnx gives {found}; expected scores, severity")
        self._seconds = _seconds_graph(bundle, n_threads)
        self._calibration = bundle.spec.calibrator()

    @classmethod
    def load_checkpoint(cls, source: str | Path = "distortion", *, n_threads: int = 1) -> AudioDistortionValidator:
        """Return the validator of a bundle folder or of a shipped bundle by name.

        Raises:
            BundleError: There is no such bundle, it was changed, or it is none for distortion.
        """
        return cls(load_bundle(source), n_threads=n_threads)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as the folder of the bundle: a worker process loads it again."""
        return _load_again, (str(self.bundle.folder), self._n_threads)

    def analyze(self, audio: str | Path | Waveform) -> DistortionReport:
        """Return the report of a file or of sound in memory, at its own rate and channels.

        Raises:
            AudioError: It cannot be decoded, holds no sample, or a sample is not a finite number within +-1e6.
        """
        if isinstance(audio, Waveform):
            return self.analyze_stream([audio])
        return self.analyze_stream(stream_audio(audio, block_s=float(BLOCK_S)), path=str(audio))

    def analyze_stream(self, blocks: Iterable[Waveform], *, path: str | None = None) -> DistortionReport:
        """Return the report of sound that comes in pieces of any length, in constant memory.

        Of each second some hundred bytes are kept for the time line.

        Args:
            blocks: Pieces that follow on each other, of one rate and number of channels.
            path: What the report calls it, and errors too.

        Raises:
            AudioError: As `analyze`; also if rate or channels change on the way.
        """
        try:
            heard = listen(blocks)
        except AudioError as error:
            if path is None or str(error).startswith(path):
                raise
            raise AudioError(f"{path}: {error}") from error
        blocks_with_sound = heard.with_sound
        assessable = assess(
            duration_s=heard.duration_s,
            rate_hz=heard.rate_hz,
            n_channels=heard.n_channels,
            silence=None if len(blocks_with_sound) else heard.silence,
            lowest_rate_hz=self.bundle.spec.frontend.min_source_rate_hz,
        )
        can_tell = any(each.ok for each in assessable.values())
        return put_together(heard, self._score(heard) if can_tell else None, assessable, path)

    def analyze_batch(
        self, paths: Iterable[str | Path], *, workers: int = 1, progress: Progress = SILENT
    ) -> Iterator[DistortionReport]:
        """Yield the report of each file in order; a file that cannot be read gives one whose `error` says why.

        The reports do not depend on `workers`. Paths are taken one by one, so that there may be any number of them.
        A script of your own that uses more than one worker needs its calls below `if __name__ == "__main__":`.

        Args:
            paths: The files.
            workers: Processes that share them.
            progress: Told about each file.

        Raises:
            ConfigError: `workers` is below 1.
            BundleError: The bundle is gone or was changed while workers were started.
        """
        if workers < 1:
            raise ConfigError(f"distortion: found workers={workers}, expected 1 or more")
        reports = (analyze_safely(self, path) for path in paths) if workers == 1 else in_processes(self, paths, workers)
        return track(reports, "Checking files", operator.length_hint(paths), progress)

    def _score(self, heard: Heard) -> Scored:
        blocks = heard.with_sound
        scores, severities = self._graph.run(heard.rows()[blocks], "scores", "severity")
        probabilities = self._calibration(scores)
        seconds = np.full((len(heard.times_s), len(KINDS)), np.nan, dtype=np.float32)
        for block, found in zip(blocks, probabilities, strict=True):
            inside = slice(*np.searchsorted(heard.block_of, [block, block + 1]))
            rows = second_features(heard.line[inside], heard.line_known[inside], found)
            seconds[inside] = np.clip(self._seconds(rows), 0, 1)
        thresholds = self.bundle.spec.thresholds.values
        return Scored(blocks, probabilities, np.clip(severities, 0, 1), seconds, thresholds)


def _load_again(folder: str, n_threads: int) -> AudioDistortionValidator:
    return AudioDistortionValidator.load_checkpoint(folder, n_threads=n_threads)


def _check_spec(bundle: Bundle) -> None:
    """Raise BundleError unless a bundle says that it tells the types of distortion from measures."""
    spec = bundle.spec
    expected = (KINDS, "many", FRONTEND, len(KINDS))
    found = (spec.labels, spec.task, spec.frontend.name, len(spec.thresholds.values))
    if found != expected:
        raise BundleError(
            f"{bundle.folder}: is no model of distortion (labels {', '.join(spec.labels[:6])}; task {spec.task}; "
            f"frontend {spec.frontend.name}); expected labels {', '.join(KINDS)}, task many, frontend {FRONTEND}"
        )
    if SECONDS_FILE not in spec.files:
        raise BundleError(f"{bundle.folder}: holds no {SECONDS_FILE}, which tells where faults are; train it again")


def _seconds_graph(bundle: Bundle, n_threads: int) -> OnnxGraph:
    path = bundle.folder / SECONDS_FILE
    graph = OnnxGraph(path.read_bytes(), n_threads=n_threads, what=str(path))
    expected = (4 * len(LINE_NAMES) + len(KINDS), len(KINDS))
    found = (graph.input_shape[-1], graph.output_shape[-1])
    if found != expected:
        raise BundleError(
            f"{path}: takes {found[0]} numbers and gives {found[1]}, expected {expected[0]}, {expected[1]}"
        )
    return graph
