from __future__ import annotations

import csv
import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import StoreError
from earmark.experiments import ExperimentRunner, ResultsStore, find, write_report
from earmark.experiments.curves import Findings
from earmark.experiments.journal import read_journal
from earmark.experiments.report import chance_of, draw_curves

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.experiments import ExperimentConfig
    from earmark.experiments.report import Report

    MakePlan = Callable[..., ExperimentConfig]

GUESSING = {"recipe": "level", "name": "guessing", "classifier": {"C": 1e-9}, "frontend": {"n_parts": 1}}


@pytest.fixture
def folder(make_plan: MakePlan, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the results of 32 trials; they are computed for the first test and copied for the others."""
    first = tmp_path_factory.getbasetemp() / "report-results"
    if not first.exists():
        plan = make_plan(["level", GUESSING], training_sizes=[6, "all"], seeds=2, name="tones")
        assert ExperimentRunner(plan).run().is_complete
        shutil.copytree(plan.folder, first)
    return shutil.copytree(first, tmp_path / "copy")


def found_in(report: Report) -> Findings:
    assert isinstance(report.findings, Findings)
    return report.findings


def spoil_some(folder: Path, model: str, n: int) -> None:
    """Delete results of the largest size of a model."""
    trials = [trial for trial in read_journal(folder).trials if trial.model == model and trial.size == "all"]
    for trial in trials[:n]:
        (folder / "trials" / f"{trial.key}.json").unlink()


def test_the_report_writes_a_page_pictures_and_every_number(folder: Path) -> None:
    report = write_report(folder)
    names = {path.name for path in report.files}
    tables = {"results.csv", "summary.csv", "results.json", "results.parquet"}
    assert names == {"report.html", "learning_curves.png", "learning_curves.svg", *tables}
    assert all(path.stat().st_size > 500 for path in report.files)
    assert (folder / "learning_curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_is_self_contained_and_says_what_was_found(folder: Path) -> None:
    write_report(folder)
    page = (folder / "report.html").read_text()
    assert not re.search(r"(src|href)=.https?:", page)
    assert "level is best of 2 models at 36 training clips: accuracy " in page
    assert "Each of the 4 folds tests one group that its models never heard; no group is in the training" in page
    assert "Against guessing: +" in page
    assert "With 4 independent groups no p-value can be below 0.125, however large" in page
    assert "What level confuses" in page
    assert "CC0" in page
    assert "Partial results" not in page
    assert "What went wrong" not in page
    assert "earmark experiment report" in page


def test_long_tables_are_cut_and_say_where_the_rest_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(folder)
    assert "at 36 training clips, the hardest first" in (folder / "report.html").read_text()
    monkeypatch.setattr("earmark.experiments.page.MOST_GROUPS", 1)
    write_report(folder)
    page = (folder / "report.html").read_text()
    assert "at 36 training clips, the hardest 1 of 4" in page
    assert "Paired tests at 36 training clips" in page
    assert "The same tests at smaller sizes are in results.json, under pairs." in page
    assert {pair["n_train"] for pair in json.loads((folder / "results.json").read_text())["pairs"]} == {6, 36}


def test_csv_and_json_hold_every_trial(folder: Path) -> None:
    report = write_report(folder)
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    values = json.loads((folder / "results.json").read_text())
    assert len(rows) == len(values["trials"]) == 2 * 2 * 4 * 2
    assert {row["model"] for row in rows} == {"level", "guessing"}
    assert float(rows[0]["accuracy"]) == values["trials"][0]["metrics"]["accuracy"]
    assert values["verdict"] == report.to_dict()["verdict"] == report.sentences()[0]
    assert values["complete"] is True
    assert values["dataset"]["licence"] == "CC0"


def test_means_are_over_folds_with_seeds_averaged_first(folder: Path) -> None:
    write_report(folder)
    values = json.loads((folder / "results.json").read_text())
    folds: dict[str, list[float]] = {}
    for trial in values["trials"]:
        if (trial["model"], trial["size"]) == ("level", 6):
            folds.setdefault(trial["fold"], []).append(trial["metrics"]["accuracy"])
    expected = sum(sum(seeds) / len(seeds) for seeds in folds.values()) / len(folds)
    curve = next(curve for curve in values["curves"] if curve["model"] == "level")
    assert curve["means"][0] == pytest.approx(expected)
    assert curve["sizes"] == [6, 36]
    assert curve["lows"][0] < curve["means"][0] < curve["highs"][0]


def test_group_rates_are_the_shares_of_right_clips(folder: Path) -> None:
    values = write_report(folder).to_dict()
    by_fold: dict[str, list[float]] = {}
    for trial in json.loads((folder / "results.json").read_text())["trials"]:
        if (trial["model"], trial["size"]) == ("level", "all"):
            by_fold.setdefault(trial["fold"], []).append(trial["metrics"]["accuracy"])
    for row in values["groups"]:
        assert row["accuracy"]["level"] == pytest.approx(sum(by_fold[row["group"]]) / 2)
    hardness = [sum(row["accuracy"].values()) for row in values["groups"]]
    assert hardness == sorted(hardness)


def test_the_better_model_of_a_pair_stands_first(folder: Path) -> None:
    pairs = found_in(write_report(folder)).pairs
    assert [(pair.n_train, pair.model_a, pair.model_b) for pair in pairs] == [
        (36, "level", "guessing"),
        (6, "level", "guessing"),
    ]
    assert all(pair.comparison.difference > 0 for pair in pairs)
    assert all(pair.p_holm >= pair.comparison.p_value for pair in pairs)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "f1_macro"])
def test_other_metrics_are_compared_fold_by_fold(folder: Path, metric: str) -> None:
    findings = find(read_journal(folder), ResultsStore(folder), metric=metric)
    assert findings.best is not None
    assert findings.best[0].model == "level"
    pair = findings.pairs[-1]
    assert pair.model_a == "level"
    assert pair.comparison.n_groups == 4
    assert (pair.comparison.difference > 0) == (metric != "log_loss")
    assert draw_curves(findings) is not None
    assert chance_of(findings) == (0.5 if metric == "roc_auc" else None)


def test_partial_results_are_said_to_be_partial(folder: Path) -> None:
    spoil_some(folder, "level", 3)
    report = write_report(folder)
    page = (folder / "report.html").read_text()
    assert "Partial results" in page
    assert "29 of 32 trials are done, 0 failed" in page
    columns, rows = report.table()
    assert columns == ["training clips", "level", "guessing"]
    assert rows[1][1].endswith("(1 of 4 folds)")
    assert "at 6 training clips" in report.sentences()[0]


def test_the_verdict_waits_until_a_size_is_complete(make_plan: MakePlan) -> None:
    plan = make_plan(training_sizes=["all"])
    ExperimentRunner(plan).run()
    spoil_some(plan.folder, "level", 1)
    report = write_report(plan.folder)
    assert report.sentences()[0] == "No training size is complete yet: 3 of 4 trials are done."
    assert "What level confuses" not in (plan.folder / "report.html").read_text()


def test_a_report_of_nothing_says_so(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan(training_sizes=["all"])
    ExperimentRunner(plan).run()
    shutil.rmtree(plan.folder / "trials")
    report = write_report(plan.folder, tmp_path / "out")
    assert {path.name for path in report.files} == {"report.html", "results.csv", "summary.csv", "results.json"}
    assert report.table()[1] == [["36", "-"]]
    assert "0 of 4 trials are done" in (tmp_path / "out" / "report.html").read_text()


def test_failures_and_warnings_are_listed(make_plan: MakePlan, odd_models: str) -> None:
    plan = make_plan(["failing", "grumbling"], plugins=[odd_models])
    ExperimentRunner(plan).run()
    report = write_report(plan.folder)
    page = (plan.folder / "report.html").read_text()
    assert "What went wrong" in page
    assert "4 failed trials" in page
    assert "RuntimeError: the model fell over" in page
    assert "4 trials: RuntimeWarning: did not converge at all" in page
    assert report.table()[1][0][:2] == ["6", "-"]


def test_shared_groups_stand_first_in_the_report(make_plan: MakePlan) -> None:
    plan = make_plan(folds="given", allow_shared_groups="the published split")
    ExperimentRunner(plan).run()
    report = write_report(plan.folder)
    page = (plan.folder / "report.html").read_text()
    assert "Groups on both sides of the split" in page
    assert "the published split" in page
    assert "4 groups stand on both sides of it" in report.sentences()[-1]
    assert report.table()[1][0][1].count("[") == 0  # one fold has no spread


def test_sizes_left_out_are_said_in_the_report(make_plan: MakePlan) -> None:
    plan = make_plan(training_sizes=[6, 1000])
    ExperimentRunner(plan).run()
    write_report(plan.folder)
    assert "training sizes 1000 were left out" in (plan.folder / "report.html").read_text()


def test_a_size_that_adds_no_clips_is_drawn_once(make_plan: MakePlan) -> None:
    plan = make_plan(training_sizes=[36, "all"])
    assert ExperimentRunner(plan).run().n_total == 4
    assert [row[0] for row in write_report(plan.folder).table()[1]] == ["36"]


def test_clips_with_several_labels_are_reported_by_class(make_plan: MakePlan, tones: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "many.csv"
    lines = ["path,label,group"]
    for path in sorted(tones.glob("*.wav")):
        group, label, _ = path.stem.split("-")
        labels = {"loud": "loud;audible", "middle": "audible", "quiet": ""}[label]
        lines.append(f"{path},{labels},{group}")
    manifest.write_text("\n".join(lines) + "\n")
    plan = make_plan(training_sizes=[12], read={"label_separator": ";", "keep_negatives": True, "task": "many"})
    plan = plan.model_copy(update={"dataset": str(manifest), "metric": "roc_auc"})
    assert ExperimentRunner(plan).run().is_complete
    report = write_report(plan.folder)
    page = (plan.folder / "report.html").read_text()
    assert "Classes, over all folds" in page
    assert "ROC-AUC" in report.sentences()[0]
    assert chance_of(found_in(report)) == 0.5


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"format": "earmark-experiment"', '"format": "x"', "is not of format|expected"),
        ('"trials"', '"trails"', "is damaged"),
        ('"seed"', '"sed"', "is damaged"),
        ("{", "[", "not valid JSON"),
    ],
)
def test_a_damaged_journal_is_refused(folder: Path, before: str, after: str, message: str) -> None:
    path = folder / "plan.json"
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(StoreError, match=message):
        write_report(folder)


def test_a_folder_without_an_experiment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"holds no plan\.json; expected a results folder"):
        write_report(tmp_path)


def test_a_damaged_dataset_is_refused(folder: Path) -> None:
    path = next(folder.glob("dataset-*.json"))
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"labels": []}))
    with pytest.raises(StoreError, match="is damaged"):
        write_report(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(folder: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(StoreError, match="choose a folder you may write to"):
        write_report(folder, closed)


def test_names_are_escaped_on_the_page(make_plan: MakePlan) -> None:
    model: dict[str, Any] = {"recipe": "level", "name": "<script>alert(1)</script>"}
    plan = make_plan([model], name="<b>bold</b>")
    ExperimentRunner(plan).run()
    write_report(plan.folder)
    page = (plan.folder / "report.html").read_text()
    assert "<script>alert" not in page
    assert "<b>bold" not in page


@pytest.mark.real
def test_loudness_alone_says_little_about_digits_of_unseen_speakers(make_plan: MakePlan, fsdd_dir: Path) -> None:
    plan = make_plan(training_sizes=["all"]).model_copy(update={"dataset": str(fsdd_dir)})
    assert ExperimentRunner(plan).run().is_complete
    report = write_report(plan.folder)
    best = found_in(report).best
    assert best is not None
    assert 0.1 < best[0].means[0] < 0.35
    assert [row[0] for row in found_in(report).group_rates(2500)].count("theo") == 1
    assert "CC BY-SA" in (plan.folder / "report.html").read_text()


def test_a_metric_that_no_test_set_defines_is_not_called_unfinished(
    make_plan: MakePlan, tones: Path, tmp_path: Path
) -> None:
    rows = [line.split(",") for line in (tones / "clips.csv").read_text().splitlines()[1:]]
    lines = ["path,label,group", *(f"{tones / path},{label},{group}-{label}" for path, label, group, *_ in rows)]
    (tmp_path / "clips.csv").write_text("\n".join(lines) + "\n")
    plan = make_plan(metric="roc_auc").model_copy(update={"dataset": str(tmp_path / "clips.csv")})
    ExperimentRunner(plan).run()
    text = write_report(plan.folder).sentences()[0]
    assert text.startswith("ROC-AUC is undefined on every test set: no fold tests clips with a label and clips without")


def test_zero_shot_is_drawn_where_all_labels_are_told_apart_at_once(make_plan: MakePlan, odd_models: str) -> None:
    plan = make_plan(["toy", "level"], training_sizes=[0, 6], plugins=[odd_models], zero_shot={"quiet": "Silentium_"})
    assert ExperimentRunner(plan).run().is_complete
    report = write_report(plan.folder)
    assert [row[0] for row in report.table()[1]] == ["0", "6"]
    assert report.table()[1][0][2] == "-"
    assert found_in(report).curves[0].sizes == (0, 6)
