"""What does checking a file for distortion cost? Run with ``python -m benchmarks.check_latency``.

A stereo clip of 10 s at 44.1 kHz as WAV, FLAC and MP3, from the file to the report, one thread. Goals are for the 95th
percentile of processor time: on a busy machine the clock also counts the turns of other processes. Peak memory is of a
process of its own that loads the model and checks a file of ten minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from threadpoolctl import threadpool_limits

from benchmarks.measures_speed import RATE_HZ, clip
from earmark.distortion import AudioDistortionValidator
from earmark.experiments.memory import peak_memory_bytes
from earmark.models.bundle import load_bundle

FORMATS = {"wav": "PCM_16", "flac": "PCM_16", "mp3": "MPEG_LAYER_III"}
LONG_BLOCKS = 60  # of ten seconds
GOALS = {"p95": 50.0, "peak memory": 300.0, "bundle": 10.0}


def write_clips(folder: Path) -> dict[str, Path]:
    """Write the clip in each format and ten minutes of it as FLAC."""
    samples = clip().samples.T
    paths = {name: folder / f"clip.{name}" for name in FORMATS}
    for name, subtype in FORMATS.items():
        soundfile.write(paths[name], samples, RATE_HZ, subtype=subtype)
    with soundfile.SoundFile(folder / "long.flac", "w", RATE_HZ, 2, "PCM_16") as file:
        for _ in range(LONG_BLOCKS):
            file.write(samples)
    return paths


def run(bundle: str, n_runs: int) -> dict[str, float]:
    """Return milliseconds by format and clock, and megabytes; formats take turns."""
    validator = AudioDistortionValidator.load_checkpoint(bundle)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        paths = write_clips(folder)
        times_ms: dict[str, list[tuple[float, float]]] = {name: [] for name in FORMATS}
        for _ in range(n_runs + 2):
            for name, path in paths.items():
                clock_s, processor_s = time.perf_counter(), time.process_time()
                validator.analyze(path)
                took = time.perf_counter() - clock_s, time.process_time() - processor_s
                times_ms[name].append((1000 * took[0], 1000 * took[1]))
        found = {}
        for name, pairs in times_ms.items():
            for clock, values in zip(("clock", "processor"), zip(*pairs[2:], strict=True), strict=True):
                found[f"{name}, {clock}, p50"], found[f"{name}, {clock}, p95"] = np.percentile(values, [50, 95])
        found["peak memory"] = peak_mb(bundle, folder / "long.flac")
    found["bundle"] = sum(each.stat().st_size for each in load_bundle(bundle).folder.iterdir()) / 1e6
    return {name: float(value) for name, value in found.items()}


def peak_mb(bundle: str, path: Path) -> float:
    """Return the peak memory of a process that checks one file."""
    command = [sys.executable, "-m", "benchmarks.check_latency", "--bundle", bundle, "--only", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - this very file
    return float(done.stdout)


def missed_goals(found: dict[str, float]) -> list[str]:
    """Return the figures that miss their goal."""
    goals = {f"{name}, processor, p95": GOALS["p95"] for name in FORMATS}
    goals |= {name: GOALS[name] for name in ("peak memory", "bundle")}
    return [name for name, goal in goals.items() if found[name] > goal]


def main(arguments: list[str] | None = None) -> int:
    """Print the figures; return 1 if one misses its goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default="distortion", help="folder of another bundle (default: the shipped one)")
    parser.add_argument("--runs", type=int, default=60, help="interleaved repeats (default 60)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--only", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    with threadpool_limits(limits=1):
        if chosen.only:
            AudioDistortionValidator.load_checkpoint(chosen.bundle).analyze(chosen.only)
            print(peak_memory_bytes() / 1e6)
            return 0
        found = run(chosen.bundle, chosen.runs)
    missed = missed_goals(found)
    if chosen.json:
        print(json.dumps(found))
        return 1 if missed else 0
    print(f"file of 10 s of stereo at 44.1 kHz to report, one thread, {chosen.runs} runs")
    print(f"{'':<6}{'processor p50':>14}{'p95':>7}{'clock p50':>12}{'p95':>7}  ms")
    for name in FORMATS:
        p50, p95, clock_p50, clock_p95 = (
            found[f"{name}, {clock}, {each}"] for clock in ("processor", "clock") for each in ("p50", "p95")
        )
        print(f"{name:<6}{p50:14.1f}{p95:7.1f}{clock_p50:12.1f}{clock_p95:7.1f}")
    print(f"peak memory, file of {LONG_BLOCKS // 6} minutes: {found['peak memory']:.0f} MB")
    print(f"bundle: {found['bundle']:.1f} MB")
    goals = f"p95 {GOALS['p95']:.0f} ms of the processor, {GOALS['peak memory']:.0f} MB, {GOALS['bundle']:.0f} MB"
    print(f"goals: {goals}; missed: {'; '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
