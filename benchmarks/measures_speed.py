"""What does measuring a clip cost? Run with ``python -m benchmarks.measures_speed``.

One stereo clip of 10 s at 44.1 kHz, one thread, processor time, median of the runs: spectra and each family of measures
alone, and everything together from the decoded samples. The goal of the whole analysis, decoding and model included,
is 50 ms; the measures may take 25 of them on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from earmark.audio import Waveform
from earmark.distortion.measures import measure
from earmark.distortion.measures.block import cut_blocks
from earmark.distortion.measures.measure import FROM_SAMPLES, FROM_SPECTRA
from earmark.distortion.measures.spectra import take_spectra

if TYPE_CHECKING:
    from collections.abc import Callable

RATE_HZ, DURATION_S = 44100, 10
GOAL_MS = 25.0


def clip() -> Waveform:
    """Return decaying tones under a little noise, wide, in 16 bits."""
    rng = np.random.default_rng(1)
    times_s = np.arange(RATE_HZ * DURATION_S) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * 110 * part * times_s) / part for part in range(1, 40))
    samples = 0.2 * tones * np.exp(-4 * (times_s % 0.5)) + 0.01 * rng.standard_normal((2, times_s.size))
    return Waveform((np.round(np.clip(samples, -1, 1) * 32767) / 32768).astype(np.float32), RATE_HZ)


def median_ms(task: Callable[[], object], n_runs: int) -> float:
    """Return the median processor time of some runs, after two that do not count."""
    times_s = []
    for _ in range(n_runs + 2):
        started_s = time.process_time()
        task()
        times_s.append(time.process_time() - started_s)
    return 1000 * statistics.median(times_s[2:])


def run(n_runs: int) -> dict[str, float]:
    """Return milliseconds by family; "together" is everything from the samples on."""
    sound = clip()
    block = next(iter(cut_blocks([sound])))
    spectra = take_spectra(block)
    found = {"spectra": median_ms(lambda: take_spectra(block), n_runs)}
    for name, module in FROM_SAMPLES.items():
        found[name] = median_ms(lambda module=module: module.gather(block), n_runs)  # type: ignore[misc]
    for name, other in FROM_SPECTRA.items():
        found[name] = median_ms(lambda other=other: other.gather(block, spectra), n_runs)  # type: ignore[misc]
    return found | {"together": median_ms(lambda: measure(sound), n_runs)}


def main(arguments: list[str] | None = None) -> int:
    """Print the times; return 1 if all together miss the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40, help="runs of each (default 40)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args(arguments)
    with threadpool_limits(limits=1):
        results = run(chosen.runs)
    if chosen.json:
        print(json.dumps(results))
    else:
        print(f"10 s of stereo at 44.1 kHz, one thread, processor time, median of {chosen.runs} runs")
        for name, value in results.items():
            print(f"{name:<12} {value:7.2f} ms")
    return 0 if results["together"] <= GOAL_MS else 1


if __name__ == "__main__":
    raise SystemExit(main())
