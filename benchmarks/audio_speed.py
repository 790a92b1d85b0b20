"""How much faster than librosa is reading, and in how little memory? Run with ``python -m benchmarks.audio_speed``.

One thread, files in the page cache, 16 kHz mono as the result on both sides. Times are of the processor, not of the
clock: on a busy machine the clock also counts the turns of other processes. Short clips are read in turn in one
process (checked first: both sides give the same sound); for long files every contestant is a process of its own, and
its peak memory is that of the process, imports included. ``--hours 10`` streams a longer (sparse) file as well.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FILE_HZ, RESULT_HZ = 44_100, 16_000
CLIP_GOAL, STREAM_GOAL, MEMORY_GOAL_MB = 1.7, 3.0, 100.0
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Clip:
    """Median times of reading one short file on both sides and the median ratio."""

    task: str
    librosa_ms: float
    earmark_ms: float
    ratio: float
    goal: float = CLIP_GOAL


@dataclass(frozen=True)
class Run:
    """What one process took to read one long file."""

    task: str
    processor_s: float
    clock_s: float
    peak_mb: float


def noise(duration_s: float, n_channels: int) -> NDArray[np.float32]:
    """Return noise, float32 (n_samples, n_channels)."""
    rng = np.random.default_rng(1)
    return np.float32(0.1) * rng.standard_normal((round(duration_s * FILE_HZ), n_channels), dtype=np.float32)


def librosa_load(path: Path) -> NDArray[np.float32]:
    """Read with librosa, float32 (n_samples,)."""
    import librosa

    samples: NDArray[np.float32] = librosa.load(path, sr=RESULT_HZ)[0]
    return samples


def earmark_read(path: Path) -> NDArray[np.float32]:
    """Read with earmark, float32 (n_samples,)."""
    from earmark.audio import read_audio

    return read_audio(path, rate_hz=RESULT_HZ, mono=True).mono()


def earmark_stream(path: Path) -> int:
    """Read with earmark block by block; return the number of samples."""
    from earmark.audio import stream_audio

    return sum(block.n_samples for block in stream_audio(path, rate_hz=RESULT_HZ, mono=True))


CONTESTANTS: dict[str, Callable[[Path], Any]] = {
    "librosa.load": librosa_load,
    "read_audio": earmark_read,
    "stream_audio": earmark_stream,
}


def compare_clips(folder: Path, n_rounds: int) -> list[Clip]:
    """Time both sides in turn on 10 s of stereo in several formats; AssertionError if their sound differs."""
    results = []
    for suffix in ("wav", "flac", "ogg", "mp3"):
        path = folder / f"clip.{suffix}"
        soundfile.write(path, noise(10.0, 2), FILE_HZ)
        np.testing.assert_allclose(earmark_read(path), librosa_load(path), atol=1e-5)
        times_s: list[tuple[float, float]] = []
        for _ in range(n_rounds):
            started_s = time.process_time()
            librosa_load(path)
            between_s = time.process_time()
            earmark_read(path)
            times_s.append((between_s - started_s, time.process_time() - between_s))
        results.append(
            Clip(
                f"10 s stereo {suffix}, 44.1 -> 16 kHz mono",
                librosa_ms=1000 * statistics.median(theirs for theirs, _ in times_s),
                earmark_ms=1000 * statistics.median(own for _, own in times_s),
                ratio=statistics.median(theirs / own for theirs, own in times_s),
                goal=CLIP_GOAL if suffix == "wav" else 1.0,  # decoding by the same library is most of the others' time
            )
        )
    return results


def write_hour(path: Path) -> None:
    """Write an hour of stereo noise as 16-bit WAV (635 MB)."""
    minute = noise(60.0, 2)
    with soundfile.SoundFile(path, "w", FILE_HZ, 2, "PCM_16") as file:
        for _ in range(60):
            file.write(minute)


def write_sparse_hours(path: Path, n_hours: float) -> None:
    """Write hours of mono silence as 16-bit WAV that take no room on the disk."""
    n_bytes = round(n_hours * 3600) * FILE_HZ * 2
    form = struct.pack("<IHHIIHH", 16, 1, 1, FILE_HZ, 2 * FILE_HZ, 2, 16)
    head = struct.pack("<4sI8s", b"RIFF", n_bytes + 36, b"WAVEfmt ") + form + struct.pack("<4sI", b"data", n_bytes)
    path.write_bytes(head)
    os.truncate(path, len(head) + n_bytes)


def peak_mb() -> float:
    """Return the peak memory of this process in MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # on Linux, the other number counts the parent's memory before exec in
        found = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(found[0].split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def run_contestant(name: str, path: Path) -> None:
    """Read a short file to have everything imported, then the long one; print what it took as JSON."""
    CONTESTANTS[name](path.with_name("clip.wav"))
    clock_s, processor_s = time.perf_counter(), time.process_time()
    CONTESTANTS[name](path)
    took = Run(name, time.process_time() - processor_s, time.perf_counter() - clock_s, peak_mb())
    print(json.dumps(asdict(took)))


def time_process(name: str, path: Path, task: str, n_rounds: int) -> Run:
    """Return the run with the median processor time of several processes."""
    command = [sys.executable, "-m", "benchmarks.audio_speed", "--contestant", name, "--path", str(path)]
    runs = []
    for _ in range(n_rounds):
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - this very file
        runs.append(json.loads(done.stdout))
    runs.sort(key=lambda run: float(run["processor_s"]))
    return Run(**{**runs[len(runs) // 2], "task": f"{name}, {task}"})


def compare_long(folder: Path, n_hours: float, n_rounds: int) -> tuple[list[Run], float]:
    """Return what each contestant took for an hour, and the ratio of librosa's time to the stream's."""
    write_hour(folder / "hour.wav")
    runs = [time_process(name, folder / "hour.wav", "1 h stereo wav", n_rounds) for name in CONTESTANTS]
    (folder / "hour.wav").unlink()
    ratio = runs[0].processor_s / runs[2].processor_s
    if n_hours:
        write_sparse_hours(folder / "hours.wav", n_hours)
        runs.append(time_process("stream_audio", folder / "hours.wav", f"{n_hours:g} h mono wav", 1))
    return runs, ratio


def show(clips: list[Clip], runs: list[Run], ratio: float) -> None:
    """Print the tables."""
    from importlib.metadata import version

    print(f"librosa {version('librosa')}, earmark, one thread, processor time")
    for clip in clips:
        verdict = "ok" if clip.ratio >= clip.goal else f"below {clip.goal}x"
        print(f"{clip.task:<40}{clip.librosa_ms:8.2f} ms{clip.earmark_ms:8.2f} ms{clip.ratio:7.2f}x  {verdict}")
    for run in runs:
        print(f"{run.task:<40}{run.processor_s:8.2f} s {run.clock_s:8.2f} s by the clock{run.peak_mb:8.0f} MB peak")
    verdict = "ok" if ratio >= STREAM_GOAL else f"below {STREAM_GOAL}x"
    print(f"{'stream_audio against librosa.load, 1 h':<40}{ratio:29.2f}x  {verdict}")


def main(arguments: list[str] | None = None) -> int:
    """Print the comparisons; return 1 if one misses its goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25, help="interleaved repeats for clips (default 25)")
    parser.add_argument("--hours", type=float, default=0.0, help="stream a file of so many hours as well, at most 13")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.contestant:
        run_contestant(chosen.contestant, chosen.path)
        return 0
    os.environ.update(ONE_THREAD)
    with tempfile.TemporaryDirectory() as folder:
        clips = compare_clips(Path(folder), chosen.rounds)
        runs, ratio = compare_long(Path(folder), chosen.hours, n_rounds=3)
    if chosen.json:
        print(json.dumps({"clips": [*map(asdict, clips)], "long": [*map(asdict, runs)], "stream_ratio": ratio}))
    else:
        show(clips, runs, ratio)
    streams = [run for run in runs if run.task.startswith("stream_audio")]
    is_small = all(run.peak_mb < MEMORY_GOAL_MB for run in streams)
    return 0 if ratio >= STREAM_GOAL and is_small and all(clip.ratio >= clip.goal for clip in clips) else 1


if __name__ == "__main__":
    raise SystemExit(main())
