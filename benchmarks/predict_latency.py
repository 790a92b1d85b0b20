"""Time to classify one digit clip with the shipped bundle, one thread: open the file, decode, features, network, head.

    python -m benchmarks.predict_latency

Needs fsdd in EARMARK_DATA_DIR.
"""

from __future__ import annotations

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


if __name__ == "__main__":
    main()
