"""Every number as files that other programs read: one row per trial, one row per point, CSV and Parquet."""

from __future__ import annotations

import csv
import importlib.util
import io
from typing import TYPE_CHECKING, Any

from earmark.core.optional import import_extra
from earmark.evaluation.metrics import METRICS
from earmark.experiments.by_target import MEAN
from earmark.experiments.costs import cost_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.experiments.by_target import TargetFindings
    from earmark.experiments.curves import Entry, Findings

TRIAL_COLUMNS = ("model", "target", "size", "n_train", "fold", "seed", "n_test", *METRICS)
MORE_COLUMNS = ("fit_s", "score_s", "peak_memory_bytes", "warnings", "key")
POINT_COLUMNS = (
    "model",
    "target",
    "size",
    "n_train",
    "metric",
    "value",
    "low",
    "high",
    "method",
    "n_folds",
    "complete",
)
COST_COLUMNS = (
    "n_trials",
    "fit_s_median",
    "fit_s_p95",
    "score_ms_median",
    "score_ms_p95",
    "peak_memory_mb_median",
    "peak_memory_mb_p95",
)
MEAN_NAME = "(mean)"


def trial_rows(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return one row per trial that is done, metrics under `metrics`."""
    rows = []
    for entry in entries:
        if entry.done is None:
            continue
        trial, facts = entry.trial, entry.done.facts
        row = {name: getattr(trial, name) for name in ("model", "target", "size", "n_train", "fold", "seed")}
        more = {
            name: facts[name] for name in ("n_test", "metrics", "fit_s", "score_s", "peak_memory_bytes", "warnings")
        }
        rows.append({**row, **more, "key": trial.key})
    return rows


def flat(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return trial rows as tables hold them: one column per metric, warnings as one text."""
    return [
        {name: value for name, value in row.items() if name != "metrics"}
        | {name: row["metrics"].get(name) for name in METRICS}
        | {"warnings": " | ".join(row["warnings"])}
        for row in rows
    ]


def point_rows(findings: TargetFindings) -> list[dict[str, Any]]:
    """Return one row per model, target and size with its interval and cost; the mean over targets is "(mean)"."""
    rows = []
    for model in findings.models:
        for place in (MEAN, *findings.targets):
            for point in findings.points(place, model):
                targets = findings.targets if place == MEAN else (place,)
                cost = cost_of(
                    entry
                    for entry in findings.entries
                    if entry.trial.model == model and entry.trial.size == point.size and entry.trial.target in targets
                )
                row = point.to_dict() | {"target": place or MEAN_NAME, "metric": findings.metric}
                rows.append(row | {"complete": row.pop("is_complete")} | (cost.to_dict() if cost else {}))
    return rows


def curve_rows(findings: Findings) -> list[dict[str, Any]]:
    """Return the rows of an experiment that tells all labels apart at once, one per model and size."""
    rows = []
    for curve in findings.curves:
        for at, n_train in enumerate(curve.sizes):
            size = next(asked for asked, real in findings.sizes.items() if real == n_train)
            n_done, n_folds = findings.folds_done(curve.model, n_train)
            row: dict[str, Any] = {
                "model": curve.model,
                "target": "",
                "size": size,
                "n_train": n_train,
                "metric": findings.metric,
            }
            row |= {"value": curve.means[at], "low": curve.lows[at], "high": curve.highs[at]}
            row |= {"method": "none" if curve.lows[at] is None else "Student t over folds"}
            row |= {"n_folds": curve.n_folds[at] if curve.n_folds else n_folds, "complete": n_done == n_folds}
            cost = cost_of(
                entry for entry in findings.entries if entry.trial.model == curve.model and entry.trial.size == size
            )
            rows.append(row | (cost.to_dict() if cost else {}))
    return rows


def csv_text(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Return a header and one line per row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def parquet_bytes(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> bytes | None:
    """Return the rows as a Parquet file, None where pyarrow is not installed; sizes are text because of "all"."""
    if importlib.util.find_spec("pyarrow") is None or not rows:
        return None
    pyarrow = import_extra("pyarrow", "parquet", "Writing Parquet")
    parquet = import_extra("pyarrow.parquet", "parquet", "Writing Parquet")
    table = pyarrow.table({name: [_plain(name, row.get(name)) for row in rows] for name in columns})
    content = io.BytesIO()
    parquet.write_table(table, content, compression="zstd")
    return content.getvalue()


def _plain(name: str, value: Any) -> Any:
    return str(value) if name in ("size", "fold") else value
