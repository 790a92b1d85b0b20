"""Which way of running BirdNET's graph is the fastest? Run with ``python -m benchmarks.birdnet_variants``.

Windows of `wildlife`, one thread, processor time per window; the variants take turns, and the median of the rounds
counts, since other processes disturb. Differences of logits and kept detections (scores of 0.1 and more) are against
LiteRT. ``--int8`` also quantises the body of the network (static, per channel, calibrated on other windows).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

N_WINDOWS = 48
THRESHOLD = 0.1


@dataclass(frozen=True)
class Variant:
    """A way of running the graph: batch, attributes and entries of the session's options, optimisers left out."""

    name: str
    batch: int = 4
    attributes: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    disabled: tuple[str, ...] = ()
    graph: str = ""


VARIANTS = (
    *(Variant(f"batch {batch}", batch=batch) for batch in (1, 2, 4, 8, 16)),
    Variant("optimised to level basic", attributes={"graph_optimization_level": 1}),
    Variant("optimised to level extended", attributes={"graph_optimization_level": 2}),
    Variant("SiLU left as sigmoid and product", disabled=("QuickGeluFusion",)),
    Variant("no memory arena", attributes={"enable_cpu_mem_arena": False}),
    Variant("no memory pattern", attributes={"enable_mem_pattern": False}),
    Variant("denormal numbers as zero", entries={"session.set_denormal_as_zero": "1"}),
)


def real_windows(first: int, step: int, n_windows: int) -> NDArray[np.float32]:
    """Return windows of every `step`-th recording of `wildlife`, float32 (n_windows, n_samples)."""
    from earmark.audio import read_audio
    from earmark.audio.window import cut_windows

    folder = Path(os.environ.get("EARMARK_DATA_DIR", "")) / "wildlife" / "audio"
    paths = sorted(folder.glob("*.ogg"))[first::step]
    if not paths:
        sys.exit(f"found no recordings in {folder}: set EARMARK_DATA_DIR to the folder that holds wildlife")
    cut = [cut_windows(read_audio(path, rate_hz=48000, mono=True).mono(), 144000, 144000)[:4] for path in paths]
    return np.concatenate(cut)[:n_windows]


def int8_graph(content: bytes, folder: Path) -> str:
    """Return the path of the graph with its body in INT8; the front end stays as it is."""
    import onnx
    from onnxruntime import quantization

    source, target = folder / "birdnet.onnx", folder / "int8.onnx"
    source.write_bytes(content)
    nodes = [node.name for node in onnx.load_from_string(content).graph.node if node.op_type == "Conv"][2:]
    calibration = iter(real_windows(1, 6, 24))

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        """Hands window after window to the calibration."""

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            """Return the next window, or None after the last."""
            window = next(calibration, None)
            return None if window is None else {"windows": window[np.newaxis]}

    quantization.quantize_static(
        str(source), str(target), Reader(), per_channel=True, nodes_to_quantize=nodes, op_types_to_quantize=["Conv"]
    )
    return str(target)


def runner(variant: Variant, content: bytes) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what runs a variant: windows to logits."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    for name, value in variant.attributes.items():
        is_level = name == "graph_optimization_level"
        setattr(options, name, onnxruntime.GraphOptimizationLevel(value) if is_level else value)
    for name, value in variant.entries.items():
        options.add_session_config_entry(name, value)
    session = onnxruntime.InferenceSession(
        variant.graph or content,
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=list(variant.disabled),
    )

    def run(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        starts = range(0, len(windows), variant.batch)
        parts = [session.run(["logits"], {"windows": windows[start : start + variant.batch]})[0] for start in starts]
        return np.concatenate(parts)

    return run


def main() -> None:
    """Time every variant and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--int8", action="store_true", help="also quantise the body to INT8")
    given = parser.parse_args()
    from earmark.encoders.birdnet import birdnet, birdnet_graph

    windows, content = real_windows(0, 8, N_WINDOWS), birdnet_graph()
    reference = birdnet(runtime="litert").logits
    expected = reference(windows)
    level = np.log(THRESHOLD / (1 - THRESHOLD))
    with tempfile.TemporaryDirectory() as folder:
        int8 = (Variant("INT8 body", graph=int8_graph(content, Path(folder))),) if given.int8 else ()
        runs = {variant.name: runner(variant, content) for variant in (*VARIANTS, *int8)} | {"LiteRT": reference}
        times_s: dict[str, list[float]] = {name: [] for name in runs}
        found = {name: run(windows) for name, run in runs.items()}
        for _ in range(given.rounds):
            for name, run in runs.items():
                started_s = time.process_time()
                run(windows)
                times_s[name].append(time.process_time() - started_s)
    print(f"{'variant':36}{'ms/window':>10}{'best':>7}{'logits within':>15}{'detections':>12}")
    for name, values in found.items():
        median_ms, best_ms = (1000 * of(times_s[name]) / len(windows) for of in (statistics.median, min))
        kept = int(((values >= level) & (expected >= level)).sum())
        detections = f"{kept} of {int((expected >= level).sum())}"
        difference = np.abs(values - expected).max()
        print(f"{name:36}{median_ms:10.1f}{best_ms:7.1f}{difference:15.1e}{detections:>12}")


if __name__ == "__main__":
    main()
