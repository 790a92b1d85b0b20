"""Run every benchmark of speed, one after the other: `python -m benchmarks` (or `make bench`)."""

from __future__ import annotations

import subprocess
import sys

SPEED = ("audio_speed", "feature_speed", "predict_latency", "experiment_overhead", "measures_speed", "check_latency")


def main() -> None:
    """Run each in a process of its own; the exit code is 1 if any failed."""
    failed = []
    for name in SPEED:
        print(f"\n== python -m benchmarks.{name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:  # noqa: S603
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
