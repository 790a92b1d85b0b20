"""Essentia's detectors beside earmark on the same clips: ``python -m benchmarks.distortion_anchor CORPUS``.

Needs `pip install --pre essentia` and the folder of a corpus. Clips are drawn from the test split, each part as it
comes. Essentia has detectors of single defects, which stand for a type like this:

- SaturationDetector: clipping. FalseStereoDetector: phase.
- NoiseBurstDetector, HumDetector, ClickDetector, GapsDetector and SNR: noise.
- None for codecs and none for equalisation: their recall is what the other detectors find by accident, 0 by type.

"as shipped" is with the default of each parameter, on the samples as they are; a type counts as found if one of its
detectors reports anything. SNR has no default: below 34 dB, where a fault of noise begins to count. "tuned" is on
samples whose peak is at 0 dBFS; each detector counts from the number that it reports in 1 % of the clean clips of the
calibration split, as earmark's thresholds are set. Detectors of one channel hear the one with more power.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from earmark.audio import read_audio
from earmark.distortion import AudioDistortionValidator
from earmark.distortion.corpus.manifest import CorpusRow, read_rows, targets_of
from earmark.distortion.scorecard import Answers, scorecard
from earmark.distortion.severity import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

PARTS = ("clean", "hard", "grid", "single")
FALSE_ALARMS = 0.01
# Of each detector the type that it stands for, and above what it has found something as shipped.
DETECTORS: dict[str, tuple[str, float]] = {
    "SaturationDetector": ("clipping", 0.0),
    "NoiseBurstDetector": ("noise", 0.0),
    "ClickDetector": ("noise", 0.0),
    "GapsDetector": ("noise", 0.0),
    "HumDetector": ("noise", 0.0),
    "SNR": ("noise", -34.0),
    "FalseStereoDetector": ("phase", 0.9995),
}
SHOWN = ("binary F1", "recall", "false alarms")


@dataclass(frozen=True, eq=False)
class Essentia:
    """Its detectors on a clip."""

    standard: Any

    @classmethod
    def load(cls) -> Essentia:
        """Return it, or end the program with a line that says how to install it."""
        try:
            with contextlib.redirect_stdout(None):
                import essentia  # type: ignore[import-not-found, unused-ignore]
                from essentia import standard  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            sys.exit("distortion_anchor: essentia is not installed: pip install --pre essentia")
        essentia.log.infoActive = essentia.log.warningActive = False
        return cls(standard)

    def scores(self, path: Path, *, at_full_scale: bool) -> NDArray[np.float64]:
        """Return what each detector reports of a file, more meaning worse (n_detectors,).

        Counts of regions, frames or tones; of SNR the negated decibels; of the stereo detector the correlation.
        """
        sound = read_audio(path)
        samples = sound.samples / np.abs(sound.samples).max() if at_full_scale else sound.samples
        main = np.ascontiguousarray(samples[np.argmax(np.square(samples).sum(axis=1))])
        make, rate_hz = self.standard, {"sampleRate": sound.rate_hz}
        bursts = make.NoiseBurstDetector()
        found = {
            "SaturationDetector": self._count(make.SaturationDetector(**rate_hz), main, 512, 256),
            "NoiseBurstDetector": self._count(lambda frame: [bursts(frame)], main),
            "ClickDetector": self._count(make.ClickDetector(**rate_hz), main),
            "GapsDetector": self._count(make.GapsDetector(**rate_hz), main, 2048, 1024),
            "HumDetector": _n_hums(make.HumDetector(**rate_hz), main),
            "SNR": self._negated_snr_db(make.SNR(**rate_hz), main),
            "FalseStereoDetector": -1.0,
        }
        if len(samples) == 2:
            both = make.StereoMuxer()(*map(np.ascontiguousarray, samples))
            found["FalseStereoDetector"] = float(make.FalseStereoDetector()(both)[1])
        return np.array([found[name] for name in DETECTORS], dtype=np.float64)

    def _count(self, detect: Callable[[Any], Any], signal: NDArray[np.float32], size: int = 512, hop: int = 256) -> int:
        """Return in how many frames a detector reports something."""
        frames = self.standard.FrameGenerator(signal, frameSize=size, hopSize=hop, startFromZero=True)
        return sum(len(detect(frame)[0]) > 0 for frame in frames)

    def _negated_snr_db(self, detect: Callable[[Any], Any], signal: NDArray[np.float32]) -> float:
        """Return minus the average after the last frame; minus infinity where it has heard no noise."""
        frames = self.standard.FrameGenerator(signal, frameSize=512, hopSize=512, startFromZero=True)
        last = [detect(frame)[1] for frame in frames][-1]
        return -float(last) if np.isfinite(last) else -np.inf


def _n_hums(detect: Callable[[Any], Any], signal: NDArray[np.float32]) -> int:
    """Return the number of humming tones; 0 where a clip is too short for the detector."""
    try:
        return len(detect(signal)[1])
    except RuntimeError as error:
        if "kernelSize" not in str(error):
            raise
        return 0


def timed(task: Callable[[Path], NDArray[np.float64]], paths: Sequence[Path]) -> tuple[NDArray[np.float64], float]:
    """Return what a task says of each file and the median of its processor time in ms."""
    found, times_s = [], []
    for path in paths:
        started_s = time.process_time()
        found.append(task(path))
        times_s.append(time.process_time() - started_s)
    return np.array(found), 1000 * float(np.median(times_s))


def earmark_answers(
    validator: AudioDistortionValidator, rows: Sequence[CorpusRow], paths: Sequence[Path]
) -> tuple[Answers, float]:
    """Return what earmark says: the probability of each type, and which count as found."""

    def answer(path: Path) -> NDArray[np.float64]:
        types = validator.analyze(path).types
        return np.array([(types[kind].probability or 0.0, float(types[kind].present)) for kind in KINDS])

    told, time_ms = timed(answer, paths)
    thresholds = np.array(validator.bundle.spec.thresholds.values)
    # Reported probabilities are rounded: what was found stays above its threshold, the rest below.
    probabilities = np.where(told[..., 1] > 0, np.maximum(told[..., 0], thresholds + 1e-4), told[..., 0])
    probabilities = np.where(told[..., 1] > 0, probabilities, np.minimum(probabilities, thresholds - 1e-4))
    return _answers(rows, probabilities, thresholds), time_ms


def essentia_answers(rows: Sequence[CorpusRow], flags: NDArray[np.bool_]) -> Answers:
    """Return the flags of detectors (n_clips, n_detectors) as certain answers by type."""
    found = np.zeros((len(rows), len(KINDS)))
    for column, (kind, _) in enumerate(DETECTORS.values()):
        found[:, KINDS.index(kind)] = np.maximum(found[:, KINDS.index(kind)], flags[:, column])
    return _answers(rows, found, np.full(len(KINDS), 0.5))


def _answers(rows: Sequence[CorpusRow], probabilities: NDArray[np.float64], thresholds: NDArray[np.float64]) -> Answers:
    presence, severity = targets_of(rows)
    return Answers(
        rows=rows,
        presence=presence,
        severity=severity,
        probabilities=probabilities.astype(np.float32),
        thresholds=thresholds,
        estimates=np.zeros_like(presence),
    )


def draw(rows: Sequence[CorpusRow], split: str, n_clips: int, *parts: str) -> list[CorpusRow]:
    """Return some clips of a split, or all there are."""
    fitting = [row for row in rows if row.split == split and row.part in parts]
    rng = np.random.default_rng(0)
    return [fitting[place] for place in np.sort(rng.permutation(len(fitting))[:n_clips])]


def tuned_thresholds(essentia: Essentia, rows: Sequence[CorpusRow], folder: Path) -> NDArray[np.float64]:
    """Return from which number on each detector counts: what 1 % of clean clips pass."""
    clean = [row for row in rows if not any(row.presence.values())]
    scores, _ = timed(lambda path: essentia.scores(path, at_full_scale=True), [folder / row.file for row in clean])
    return np.array([np.quantile(column, 1 - FALSE_ALARMS, method="higher") for column in scores.T])


def print_table(answers: dict[str, Answers], times_ms: dict[str, float]) -> None:
    """Print the figures of every contestant, one below the other."""
    cards = {name: {each.name: each for each in scorecard(one)} for name, one in answers.items()}
    first = next(iter(cards.values()))
    print(f"{'':<28}{'clips':>6}" + "".join(f"{name:>26}" for name in cards))
    for name, figure in first.items():
        if name.startswith(SHOWN):
            values = [card[name] for card in cards.values()]
            cells = "".join(f"{f'{each.value:.3f} ({each.low:.2f}-{each.high:.2f})':>26}" for each in values)
            print(f"{name:<28}{figure.n_clips:>6}{cells}")
    print(f"{'ms per clip (processor)':<34}" + "".join(f"{times_ms[name]:>26.0f}" for name in cards))


def print_detectors(answers: Answers, flags: dict[str, NDArray[np.bool_]]) -> None:
    """Print in what share of the clean clips and of those with its type each detector reports something."""
    print(f"\n{'reports something':<28}" + "".join(f"{f'{name}, clean / type':>34}" for name in flags))
    for column, (name, (kind, _)) in enumerate(DETECTORS.items()):
        there = answers.there[:, KINDS.index(kind)]
        shares = [(found[answers.is_clean, column].mean(), found[there, column].mean()) for found in flags.values()]
        print(f"{name:<28}" + "".join(f"{f'{clean:.2f} / {of_type:.2f}':>34}" for clean, of_type in shares))


def main(arguments: list[str] | None = None) -> None:
    """Print how well each finds faults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="folder of a corpus")
    parser.add_argument("--bundle", default="distortion", help="folder of another bundle (default: the shipped one)")
    parser.add_argument("--clips", type=int, default=200, help="clips that are tested (default 200)")
    parser.add_argument("--clean", type=int, default=200, help="clips that tune the detectors (default 200)")
    chosen = parser.parse_args(arguments)
    essentia = Essentia.load()
    rows = read_rows(chosen.corpus)
    tested = draw(rows, "test", chosen.clips, *PARTS)
    paths = [chosen.corpus / row.file for row in tested]
    with threadpool_limits(limits=1):
        validator = AudioDistortionValidator.load_checkpoint(chosen.bundle)
        own, own_ms = earmark_answers(validator, tested, paths)
        plain, plain_ms = timed(lambda path: essentia.scores(path, at_full_scale=False), paths)
        full, full_ms = timed(lambda path: essentia.scores(path, at_full_scale=True), paths)
        limits = tuned_thresholds(essentia, draw(rows, "calibrate", chosen.clean, "clean", "hard"), chosen.corpus)
    flags = {
        "as shipped": plain > np.array([limit for _, limit in DETECTORS.values()]),
        "tuned": full > limits,
    }
    answers = {"earmark": own} | {f"Essentia {name}": essentia_answers(tested, each) for name, each in flags.items()}
    times_ms = dict(zip(answers, (own_ms, plain_ms, full_ms), strict=True))
    print(f"{len(tested)} clips of the test split of {chosen.corpus.name}, with 95 % intervals over tracks")
    print_table(answers, times_ms)
    print_detectors(own, flags)


if __name__ == "__main__":
    main()
