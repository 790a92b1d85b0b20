"""Tables of experiments that tell all labels apart at once; those on targets are in by_target."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from earmark.experiments import ExperimentRunner, write_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.experiments import ExperimentConfig

    MakePlan = Callable[..., ExperimentConfig]


@pytest.fixture
def folder(make_plan: MakePlan) -> Path:
    plan = make_plan(["level"], training_sizes=[6, "all"], seeds=2)
    assert ExperimentRunner(plan).run().is_complete
    return plan.folder


def test_the_summary_has_a_row_for_every_point_with_its_cost(folder: Path) -> None:
    write_report(folder)
    with (folder / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    curves = json.loads((folder / "results.json").read_text())["curves"]
    assert [(row["model"], row["size"], row["n_train"]) for row in rows] == [
        ("level", "6", "6"),
        ("level", "all", "36"),
    ]
    assert float(rows[0]["value"]) == curves[0]["means"][0]
    assert (rows[0]["n_folds"], rows[0]["complete"], rows[0]["n_trials"]) == ("4", "True", "8")
    assert (rows[0]["target"], rows[0]["method"]) == ("", "Student t over folds")
    assert 0 < float(rows[0]["fit_s_median"]) <= float(rows[0]["fit_s_p95"])


def test_without_pyarrow_there_is_no_parquet(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert not any(path.suffix == ".parquet" for path in write_report(folder).files)
