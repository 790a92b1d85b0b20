"""Time to classify one digit clip with the shipped bundle, and to answer `earmark --help`, one thread.

A clip is opened, decoded, turned into features, and run through network and head.

    python -m benchmarks.predict_latency

Needs fsdd in EARMARK_DATA_DIR.
"""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np

from earmark.data import load_dataset
from earmark.inference import Predictor, classify_file

N_CLIPS = 300
GOAL_MS = 30.0


def main() -> None:
    """Print mean, median and 95th percentile."""
    began = time.perf_counter()
    predictor = Predictor.load("digits")
    loaded_s = time.perf_counter() - began
    clips = load_dataset("fsdd").clips[:: 3000 // N_CLIPS]
    latencies_ms = [classify_file(predictor, clip.path).latency_ms for clip in clips]
    median_ms, p95_ms = np.percentile(latencies_ms, [50, 95])
    print(f"load the bundle: {loaded_s:.2f} s")
    print(
        f"one clip, {len(clips)} clips: mean {np.mean(latencies_ms):.1f}, median {median_ms:.1f}, p95 {p95_ms:.1f} ms"
    )
    print(f"goal: {GOAL_MS:.0f} ms")
    print(f"earmark --help: {help_s():.2f} s, goal: 0.3 s")


def help_s() -> float:
    """Return the least of five times to answer `earmark --help`, start of Python included."""
    times_s = []
    for _ in range(5):
        began = time.perf_counter()
        command = [sys.executable, "-c", "from earmark.cli.main import main; main()", "--help"]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        times_s.append(time.perf_counter() - began)
    return min(times_s)


if __name__ == "__main__":
    main()
