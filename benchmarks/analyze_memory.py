"""Does memory grow with the length of a recording? Run with ``python -m benchmarks.analyze_memory``.

`earmark analyze` in one process on recordings of 1, 6 and 24 hours (those of ``wildlife`` one behind the other, at
16 kHz), with the memory of the process read from the system several times a second. `--plot FILE` draws it. A recording
of 24 hours takes 2.8 GB of disk as long as the benchmark runs. The goal is under 500 MB at any length.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

RATE_HZ = 16_000
GOAL_MB = 500.0
EVERY_S = 0.2
COMMAND = "from earmark.cli.main import main; main()"
# Seconds since the start and megabytes.
Course = list[tuple[float, float]]


def joined_sound(minutes: float) -> NDArray[np.int16]:
    """Return recordings of `wildlife` one behind the other, 16 bit at 16 kHz."""
    import numpy as np

    from earmark.audio import read_audio

    folder = Path(os.environ.get("EARMARK_DATA_DIR", "")) / "wildlife" / "audio"
    parts, left = [], round(minutes * 60 * RATE_HZ)
    sources = sorted(folder.glob("*.ogg"))
    if not sources:
        sys.exit(f"found no recordings in {folder}: set EARMARK_DATA_DIR to the folder that holds wildlife")
    for source in sources * 10:
        samples = read_audio(source, rate_hz=RATE_HZ, mono=True).mono()[:left]
        parts.append((np.clip(samples, -1, 1) * 32767).astype(np.int16))
        left -= len(samples)
    return np.concatenate(parts)


def write_hours(path: Path, hour: NDArray[np.int16], hours: float) -> None:
    """Write an hour of sound again and again."""
    import soundfile

    left = round(hours * 3600 * RATE_HZ)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as file:
        while left > 0:
            file.write(hour[:left])
            left -= min(left, len(hour))


def resident_mb(pid: int) -> float:
    """Return the memory of a process in MB, 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(found[0].split()[1]) * 1024 / 1e6 if found else 0.0


def measure(path: Path, model: str, folder: Path) -> Course:
    """Return the course of memory of an analysis; SystemExit if it fails."""
    command = [sys.executable, "-c", COMMAND, "analyze", str(path), "--model", model, "--workers", "1"]
    command += ["--out", str(folder / "out"), "--results", str(folder / "journal.jsonl"), "--no-resume"]
    course: Course = []
    started_s = time.monotonic()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})  # noqa: S603
        while process.poll() is None:
            course.append((time.monotonic() - started_s, resident_mb(process.pid)))
            time.sleep(EVERY_S)
    if process.returncode:
        sys.exit(f"earmark analyze failed:\n{(folder / 'log').read_text()[-2000:]}")
    return course


def plot(path: Path, courses: dict[float, Course], model: str) -> None:
    """Draw memory over the share of each recording that is done."""
    from earmark.evaluation.style import WIDTH_IN, colour_of, draw

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for place, (hours, course) in enumerate(courses.items()):
            done = [100 * at_s / course[-1][0] for at_s, _ in course]
            axes.plot(done, [mb for _, mb in course], label=f"{hours:g} h", color=colour_of(place), linewidth=1.2)
        axes.set(ylim=(0, GOAL_MB), xlabel="done, %", ylabel="memory, MB")
        axes.set_title(f"earmark analyze --model {model}")
        axes.legend(title="recording")

    path.write_bytes(draw((WIDTH_IN, 3.4), paint, "Memory while recordings of several lengths are analysed").png)


def main() -> None:
    """Measure; the exit code is 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, nargs="+", default=[1.0, 6.0, 24.0], help="lengths of the recordings")
    parser.add_argument("--model", default="birdnet", help="what hears them")
    parser.add_argument("--plot", type=Path, help="where to draw it")
    given = parser.parse_args()
    hour = joined_sound(60.0)
    courses: dict[float, Course] = {}
    print(f"{'recording':>10}{'peak MB':>9}{'clock s':>9}")
    for hours in given.hours:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "recording.wav"
            write_hours(path, hour, hours)
            courses[hours] = measure(path, given.model, Path(folder))
        peak_mb = max(mb for _, mb in courses[hours])
        print(f"{hours:8g} h{peak_mb:9.0f}{courses[hours][-1][0]:9.0f}", flush=True)
    if given.plot:
        plot(given.plot, courses, given.model)
    if any(mb > GOAL_MB for course in courses.values() for _, mb in course):
        sys.exit(1)


if __name__ == "__main__":
    main()
