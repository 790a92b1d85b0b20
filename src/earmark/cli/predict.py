"""`earmark predict`: classify files with a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.console import note, show, show_json
from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from earmark.inference import FileResult


def predict(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Audio files.")],
    model: Annotated[str, typer.Option("--model", "-m", help="Shipped model or bundle folder.")] = "digits",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line and file.")] = False,
    start_s: Annotated[float, typer.Option("--start", min=0, help="Where the clip begins in the file, in s.")] = 0.0,
    duration_s: Annotated[float | None, typer.Option("--duration", help="Length of the clip, in s.")] = None,
    warmup: Annotated[int, typer.Option("--warmup", min=0, help="Uncounted runs before timing.")] = 0,
    runs: Annotated[int, typer.Option("--runs", min=1, help="Timed runs for each file.")] = 1,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of the network.")] = 1,
) -> None:
    """Classify audio files with a trained bundle."""
    from earmark.inference import Predictor, classify_file

    if duration_s is not None and not duration_s > 0:
        raise ConfigError(f"--duration {duration_s:g}: expected more than 0 s")
    predictor = Predictor.load(model, n_threads=threads)
    latencies_ms: list[float] = []
    n_failed = 0
    for file in files:
        for _ in range(warmup):
            classify_file(predictor, file, start_s=start_s, duration_s=duration_s)
        results = [classify_file(predictor, file, start_s=start_s, duration_s=duration_s) for _ in range(runs)]
        latencies_ms += [result.latency_ms for result in results]
        _print_result(results[-1], as_json=as_json)
        n_failed += results[-1].prediction is None
    if runs > 1 or warmup:
        note(_latency_line(latencies_ms, len(files), warmup, runs))
    if n_failed:
        note(f"earmark: {n_failed} of {len(files)} files failed")
        raise typer.Exit(1)


def _print_result(result: FileResult, *, as_json: bool) -> None:
    if as_json:
        show_json(result.to_dict())
    elif result.prediction is None:
        note(f"earmark: {result.error}")
    else:
        answer = result.prediction
        others = [f"{name} {answer.probabilities[name]:.1%}" for name in answer.accepted_labels if name != answer.label]
        verdict = f"  (also {', '.join(others)})" if others else "" if answer.accepted else "  (below its threshold)"
        show(f"{result.path}: {answer.label}  {answer.probability:.1%}  {result.latency_ms:.1f} ms{verdict}")


def _latency_line(latencies_ms: list[float], n_files: int, warmup: int, runs: int) -> str:
    import numpy as np

    mean_ms, p95_ms = np.mean(latencies_ms), np.percentile(latencies_ms, 95)
    return f"latency: mean {mean_ms:.1f} ms, p95 {p95_ms:.1f} ms ({n_files} files, {runs} runs after {warmup} warm-up)"
