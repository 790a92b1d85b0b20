"""Bundles in 8-bit integers: smaller, often faster, and measured beside the original before they are kept.

Static quantisation sets the range of every activation once, from features of a part of the groups; the loss is
measured on the other groups. Dynamic quantisation finds ranges at run time and suits matrix products only.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import BundleError, DataError
from earmark.core.progress import SILENT
from earmark.core.randomness import named_generator
from earmark.encoders.session import OnnxGraph
from earmark.evaluation.compare import compare_metric
from earmark.evaluation.metrics import Metric
from earmark.features.extract import extract_features
from earmark.models.aggregate import aggregate_windows
from earmark.models.answers import answers_of, seen_groups
from earmark.models.bundle import GRAPH_FILE, KNOWN_FILE, save_bundle
from earmark.models.bundle_spec import ParityPart
from earmark.models.quantize_graph import choose_method, quantize_graph

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.core.progress import Progress
    from earmark.data.dataset import Dataset
    from earmark.features.extract import FeatureTable
    from earmark.features.store import FeatureStore
    from earmark.models.bundle import Bundle
    from earmark.models.quantize_graph import Method

CALIBRATION_WINDOWS = 100
CALIBRATION_SHARE = 1 / 3  # of the groups
SCORING_ROWS = 64
N_RUNS = 31


@dataclass(frozen=True)
class Quantisation:
    """What 8 bits cost and save; it stands in the bundle as `metrics["quantisation"]`.

    Attributes:
        method: "static" or "dynamic".
        dataset: Name of the data that it was measured on.
        n_clips: Clips measured on.
        n_groups: Their groups.
        n_calibration: Windows that set the ranges; 0 for "dynamic".
        seen_groups: Groups among all of these that the bundle was trained on, which flatters both.
        metric: Accuracy in task "one", average precision in task "many".
        before: Its value with the original graph; None where it is undefined.
        after: Its value in 8 bits.
        low: Lower limit of the difference (after minus before), None without interval.
        high: Upper limit.
        p_value: Of the paired test, None without one.
        how: The test, or why there is none.
        largest_change: Largest difference of a calibrated probability of a clip.
        bytes_before: Size of the original graph.
        bytes_after: Size of the new one.
        ms_before: Median time of a window through the original graph, one thread.
        ms_after: Through the new one, in turns with the original.
    """

    method: Method
    dataset: str
    n_clips: int
    n_groups: int
    n_calibration: int
    seen_groups: tuple[str, ...]
    metric: str
    before: float | None
    after: float | None
    low: float | None
    high: float | None
    p_value: float | None
    how: str
    largest_change: float
    bytes_before: int
    bytes_after: int
    ms_before: float
    ms_after: float

    @property
    def loss(self) -> float:
        """How much lower the metric is in 8 bits; 0 where it is undefined."""
        return 0.0 if self.before is None or self.after is None else self.before - self.after

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able dict."""
        return asdict(self) | {"seen_groups": list(self.seen_groups)}


def quantize_bundle(
    bundle: Bundle,
    dataset: Dataset,
    *,
    method: Method | None = None,
    store: FeatureStore | None = None,
    progress: Progress = SILENT,
) -> tuple[bytes, Quantisation]:
    """Return a bundle's graph in 8 bits, and what that costs and saves on clips with known labels.

    Args:
        bundle: The bundle.
        dataset: Clips that it was not trained on.
        method: None chooses "static" for graphs with convolutions, else "dynamic".
        store: Where features are kept.
        progress: Told of each stage.

    Raises:
        AudioError: Clips cannot be read.
        BundleError: Its graph has neither convolutions nor matrix products, or cannot be quantised.
        DataError: The dataset has labels that the bundle does not know.
    """
    content = (bundle.folder / GRAPH_FILE).read_bytes()
    method = choose_method(content, method)
    targets = answers_of(dataset.clips, bundle.spec.labels)
    table = extract_features(dataset, bundle.frontend, store=store, progress=progress)
    held_out, calibrating = _parts(dataset, table, method)
    progress.start("quantise", 2)
    before = bundle.graph()
    small = quantize_graph(content, method, _rows(table, calibrating, before))
    progress.advance()
    after = OnnxGraph(small, what="quantised graph")
    answers = tuple(_probabilities(bundle, graph, table, held_out) for graph in (before, after))
    progress.advance()
    n_calibration = len(calibrating) if method == "static" else 0
    ms = _median_ms(before, after, _rows(table, table.rows_of(held_out[:1])[:1], before))
    measured = Quantisation(
        method=method,
        dataset=dataset.name,
        n_clips=len(held_out),
        n_groups=len(set(dataset.groups[held_out].tolist())),
        n_calibration=n_calibration,
        seen_groups=seen_groups(bundle.spec.provenance, dataset),
        **_compared(bundle, targets[held_out], (answers[0], answers[1]), dataset.groups[held_out]),
        bytes_before=len(content),
        bytes_after=len(small),
        ms_before=ms[0],
        ms_after=ms[1],
    )
    return small, measured


def save_quantized(
    bundle: Bundle, folder: Path, graph: bytes, measured: Quantisation, *, largest_loss: float = 0.02
) -> Bundle:
    """Write the quantised bundle beside the original; everything but the graph stays as it is.

    `parity` in it is the largest change of a clip's probability, and says nothing about the trained model.

    Raises:
        BundleError: The metric falls by more than `largest_loss`.
        StoreError: The folder cannot be written.
    """
    if not measured.loss <= largest_loss:
        raise BundleError(
            f"{bundle.folder}: in 8 bits {measured.metric} falls from {measured.before:.3f} to {measured.after:.3f} on "
            f"{measured.dataset}, by more than {largest_loss:g}; nothing was saved. Keep the original, try the other "
            "method, or allow a larger loss"
        )
    spec = bundle.spec
    changed = spec.model_copy(
        update={
            "name": folder.name,
            "summary": f"{spec.summary} (8-bit)".strip(),
            "metrics": spec.metrics | {"quantisation": measured.to_dict()},
            "provenance": spec.provenance
            | {"quantised_from": {"name": spec.name, "sha256": spec.files[GRAPH_FILE].sha256}},
            "parity": ParityPart(max_difference=measured.largest_change, tolerance=1.0, n_rows=measured.n_clips),
        }
    )
    extra = {KNOWN_FILE: (bundle.folder / KNOWN_FILE).read_bytes()} if spec.rejection else None
    return save_bundle(folder, changed, graph, extra=extra)


def _parts(dataset: Dataset, table: FeatureTable, method: Method) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the clips to measure on and the windows that set ranges: other groups, where there are several."""
    everything = np.arange(len(dataset.clips))
    rng = named_generator(0, "quantise", dataset.fingerprint)
    names = rng.permutation(np.unique(dataset.groups))
    chosen = names[: max(1, round(CALIBRATION_SHARE * len(names)))]
    mine = np.isin(dataset.groups, chosen)
    rows = rng.permutation(table.rows_of(everything[mine]))[:CALIBRATION_WINDOWS]
    measured = everything if method == "dynamic" or mine.all() else everything[~mine]
    return measured, np.sort(rows)


def _rows(table: FeatureTable, rows: NDArray[np.int64], graph: OnnxGraph) -> NDArray[np.float32]:
    """Return features of windows in the shape that a graph takes."""
    features = np.asarray(table.features[rows])
    return features.reshape(len(features), -1) if len(graph.input_shape) == 2 else features


def _probabilities(
    bundle: Bundle, graph: OnnxGraph, table: FeatureTable, clips: NDArray[np.intp]
) -> NDArray[np.float32]:
    rows = table.rows_of(clips)
    batches = [rows[start : start + SCORING_ROWS] for start in range(0, len(rows), SCORING_ROWS)]
    scores = np.concatenate([graph(_rows(table, batch, graph)) for batch in batches])
    per_clip = aggregate_windows(scores, table.clip_rows[rows], table.levels_db[rows], bundle.spec.aggregate)
    return bundle.spec.calibrator()(per_clip)


def _compared(
    bundle: Bundle,
    targets: NDArray[np.float32],
    answers: tuple[NDArray[np.float32], NDArray[np.float32]],
    groups: NDArray[np.str_],
) -> dict[str, Any]:
    before, after = answers
    if not np.isfinite(after).all():
        raise BundleError(f"{bundle.folder}: in 8 bits its probabilities are no numbers; try the other method")
    metric = Metric("accuracy" if bundle.spec.task == "one" else "average_precision", bundle.spec.task)
    found: dict[str, Any] = {
        "metric": metric.name,
        "before": metric(targets, before),
        "after": metric(targets, after),
        "largest_change": float(np.abs(after - before).max()),
    }
    try:
        compared = compare_metric(metric, targets, (after, before), groups, named_generator(0, "quantise"))
    except DataError as error:  # a single group, or a class that only one group has
        return found | {"low": None, "high": None, "p_value": None, "how": f"none ({error})"}
    limits = {"low": compared.low, "high": compared.high, "p_value": compared.p_value}
    return found | limits | {"how": compared.method}


def _median_ms(before: OnnxGraph, after: OnnxGraph, row: NDArray[np.float32]) -> tuple[float, float]:
    """Return the median time of one window through each graph, in turns, so that both meet the same disturbances."""
    times_s: tuple[list[float], list[float]] = ([], [])
    for _ in range(N_RUNS):
        for graph, taken in zip((before, after), times_s, strict=True):
            began_s = time.perf_counter()
            graph(row)
            taken.append(time.perf_counter() - began_s)
    return statistics.median(times_s[0]) * 1000, statistics.median(times_s[1]) * 1000
