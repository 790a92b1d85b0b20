"""The report of an experiment on targets: sentences, page, pictures, tables."""

from __future__ import annotations

import csv
import json
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from earmark.experiments import ExperimentRunner, write_report
from earmark.experiments.by_target import TargetFindings
from earmark.experiments.target_words import sentences, verdict

from .conftest import SMALL, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.experiments import ExperimentConfig
    from earmark.experiments.report import Report

    from .conftest import Simulated

    MakePlan = Callable[..., ExperimentConfig]

PICTURES = {
    f"{name}.{kind}" for name in ("learning_curves", "by_target", "heat_map", "costs") for kind in ("png", "svg")
}
TABLES = {"results.csv", "summary.csv", "results.json", "results.parquet"}


def page_of(report: Report) -> str:
    return (report.folder / "report.html").read_text()


def test_everything_is_written_and_the_page_fetches_nothing(simulated: Simulated) -> None:
    report = write_report(simulated())
    assert {path.name for path in report.files} == {"report.html"} | PICTURES | TABLES
    page = page_of(report)
    prose = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"(src|href)=.https?:", prose)
    headings = [
        "Which model, with how many clips?",
        "Target by target",
        "Every model at every size",
        "How many clips for",
    ]
    headings += ["Is the difference real?", "What it costs", "Explore", "Data", "How to repeat this"]
    places = [page.index(f">{heading}") for heading in headings]
    assert places == sorted(places)
    assert "birdnet is best of 3 models at 16 training clips: ROC-AUC, mean of 2 targets, 0." in prose
    assert page.count("Plotly.newPlot") >= 1
    assert "Partial results" not in page


@pytest.mark.usefixtures("no_pictures")
def test_without_plotly_the_page_says_what_to_install(simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    page = page_of(write_report(simulated()))
    assert "Interactive figures are left out." in page
    assert "earmark[plots]" in page
    assert len(page) < 2_000_000


@pytest.mark.usefixtures("no_pictures")
def test_the_sentences_name_the_best_model_of_every_size_and_its_equals(simulated: Simulated) -> None:
    report = write_report(simulated())
    told = report.sentences()
    assert told[0].startswith("birdnet is best of 3 models at 16 training clips: ROC-AUC, mean of 2 targets, 0.")
    assert "95 % interval over 3 folds" in told[0]
    assert any(text.startswith("Without any training clip birdnet alone can answer: 0.") for text in told)
    assert any(text.startswith("At 4 training clips ") and "is best: 0." in text for text in told)
    assert any("is the hardest target (best: " in text for text in told)
    assert any(text.startswith("How many clips for a ROC-AUC of 0.95 on average? ") for text in told)
    assert told[-1].endswith("no group is in the training and the test clips of one fold.")
    columns, rows = report.table()
    assert columns == ["model", "zero-shot", "4", "8", "16"]
    assert [row[0] for row in rows] == ["birdnet", "svm", "random_forest"]
    assert rows[1][1] == "-"


@pytest.mark.usefixtures("no_pictures")
def test_models_that_are_as_good_are_called_so(simulated: Simulated) -> None:
    same = World(models=dict.fromkeys(("one", "second", "three", "fourth"), 0.1), targets=("coyote",), sizes=(16, 32))
    report = write_report(simulated(same))
    assert "; it cannot be told apart from " in report.sentences()[0]
    assert re.search(r"apart from \w+(, \w+)* and \w+\.", report.sentences()[0])
    assert "ROC-AUC, 0." in report.sentences()[0]
    assert ">Target by target<" not in page_of(report)
    many = replace(same, models={f"model {number}": 0.1 for number in range(9)}, sizes=(32,), n_others=1)
    assert "cannot be told apart from 8 others" in write_report(simulated(many)).sentences()[0]


@pytest.mark.usefixtures("no_pictures")
def test_a_clear_winner_is_ahead_of_all_others(simulated: Simulated) -> None:
    world = World(models={"good": 6.0, "bad": 0.1}, targets=("coyote",), sizes=(32,), n_groups=15)
    report = write_report(simulated(world))
    assert ", ahead of bad on these clips." in report.sentences()[0]
    alone = write_report(simulated(replace(world, models={"good": 6.0}))).sentences()[0]
    assert alone.startswith("good is alone at 32 training clips: ROC-AUC, ")
    assert "ahead" not in alone


@pytest.mark.usefixtures("no_pictures")
def test_csv_has_a_row_per_trial_and_the_summary_one_per_point(simulated: Simulated) -> None:
    folder = simulated(replace(SMALL, n_seeds=2))
    write_report(folder)
    with (folder / "results.csv").open() as file:
        trials = list(csv.DictReader(file))
    with (folder / "summary.csv").open() as file:
        points = list(csv.DictReader(file))
    values = json.loads((folder / "results.json").read_text())
    assert len(trials) == len(values["trials"]) == (3 * 3 + 1) * 2 * 3 * 2
    assert list(trials[0])[:7] == ["model", "target", "size", "n_train", "fold", "seed", "n_test"]
    assert {row["target"] for row in trials} == {"coyote", "bullfrog"}
    assert {row["target"] for row in points} == {"(mean)", "coyote", "bullfrog"}
    assert len(points) == len(values["points"]) == (3 * 3 + 1) * 3
    assert float(points[0]["low"]) < float(points[0]["value"]) < float(points[0]["high"])
    assert {pair["target"] for pair in values["pairs"]} == {"(mean)", "coyote", "bullfrog"}
    assert {one["target"] for one in values["forecasts"]} == {"(mean)", "coyote", "bullfrog"}
    assert values["verdict"] == write_report(folder).to_dict()["verdict"]


@pytest.mark.usefixtures("no_pictures")
def test_parquet_holds_what_csv_holds(simulated: Simulated) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = simulated()
    write_report(folder)
    table = parquet.read_table(folder / "results.parquet").to_pylist()
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(table[0]) == list(rows[0])
    assert [row["roc_auc"] for row in table] == [float(row["roc_auc"]) for row in rows]
    assert {row["size"] for row in table} == {"0", "4", "8", "16"}


@pytest.mark.usefixtures("no_pictures")
def test_partial_results_are_said_to_be_partial(simulated: Simulated) -> None:
    report = write_report(simulated(skip=lambda trial: trial.target == "coyote" and trial.size == 16))
    page = page_of(report)
    assert "Partial results" in page
    assert "at 8 training clips" in report.sentences()[0]
    assert report.table()[1][0][-1] == "- (1 of 2 targets)"


def test_a_report_of_nothing_says_so(simulated: Simulated, tmp_path: Path) -> None:
    report = write_report(simulated(skip=lambda _: True), tmp_path / "out")
    assert {path.name for path in report.files} == {"report.html", "results.csv", "summary.csv", "results.json"}
    assert report.sentences()[0] == "No training size is complete on all targets yet: 0 of 60 trials are done."
    assert report.table()[1][0][1:3] == ["- (0 of 2 targets)", "- (0 of 2 targets)"]


def test_targets_without_a_size_in_common_have_no_mean(simulated: Simulated) -> None:
    world = replace(SMALL, sizes=(4, 8, 16), absent=(("coyote", 8), ("coyote", 16), ("bullfrog", 4)), zero_shot=())
    report = write_report(simulated(world))
    assert report.sentences()[0].startswith("No training size has every target, so there is no mean")
    page = page_of(report)
    assert "Target by target" in page
    assert "Every model at every size" not in page
    assert "Explore" in page
    coyote, bullfrog = report.sentences()[1:3]
    assert re.match(r"coyote: \w+ is best of 3 models at 4 training clips, 0\.\d+ \[", coyote)
    assert re.match(r"bullfrog: \w+ is best of 3 models at 16 training clips, 0\.\d+ \[", bullfrog)
    assert "Best model of each target" in page
    assert "What it costs" in page
    assert "on average over targets" not in page


@pytest.mark.usefixtures("no_pictures")
def test_nobody_is_best_of_models_that_are_not_done(simulated: Simulated) -> None:
    unfinished = {"birdnet": {0, 16}, "svm": {16}}
    report = write_report(
        simulated(
            replace(SMALL, zero_shot=("birdnet", "svm")),
            skip=lambda trial: trial.target == "coyote" and trial.size in unfinished.get(trial.model, ()),
        )
    )
    told = report.sentences()
    assert "at 8 training clips" in told[0]
    assert told[1].startswith("Without any training clip svm is the only one of 2 models that answers on all targets: ")
    only = "At 16 training clips random_forest is the only one of 3 models that has results on all targets: "
    assert any(text.startswith(only) for text in told)
    two = write_report(simulated(skip=lambda trial: (trial.model, trial.target, trial.size) == ("svm", "coyote", 16)))
    assert any(
        text.startswith("At 16 training clips birdnet is best of the 2 models, of 3, that have results on all targets")
        for text in two.sentences()
    )


@pytest.mark.usefixtures("no_pictures")
def test_forecasts_of_targets_do_not_wait_for_the_mean(simulated: Simulated) -> None:
    absent = tuple(("coyote", size) for size in (4, 8, 16))
    report = write_report(simulated(replace(SMALL, sizes=(0, 4, 8, 16), absent=absent, zero_shot=("birdnet",))))
    page = page_of(report)
    assert "On each target, for ROC-AUC 0.95" in page
    assert "on average over targets" not in page


@pytest.mark.usefixtures("no_pictures")
def test_targets_that_all_are_solved_have_no_hardest(simulated: Simulated) -> None:
    world = World({"good": 60.0}, ("coyote", "owl"), sizes=(16,))
    report = write_report(simulated(world))
    assert "1.000 [" in report.sentences()[0]
    assert not any("hardest" in text for text in report.sentences())


@pytest.mark.usefixtures("no_pictures")
def test_the_page_says_how_to_repeat_a_run_of_flags(simulated: Simulated) -> None:
    folder = simulated()
    assert f"earmark experiment run {folder / 'plan.json'}\n" in page_of(write_report(folder))


@pytest.mark.usefixtures("no_pictures")
def test_a_metric_that_no_fold_defines_is_not_called_unfinished(simulated: Simulated) -> None:
    folder = simulated()
    for path in (folder / "trials").glob("*.json"):
        values = json.loads(path.read_text())
        path.write_text(json.dumps(values | {"metrics": dict.fromkeys(values["metrics"])}))
    assert write_report(folder).sentences()[0].startswith("ROC-AUC is undefined on every test set: no fold tests clips")


@pytest.mark.usefixtures("no_pictures")
def test_all_clips_are_a_size_with_a_name(simulated: Simulated) -> None:
    report = write_report(simulated(replace(SMALL, sizes=(4, 8, "all"), zero_shot=())))
    assert report.sentences()[0].startswith("birdnet is best of 3 models at all training clips (about 40): ")
    assert "Median (95th percentile) over trials on one core, all training clips" in page_of(report)


@pytest.mark.usefixtures("no_pictures")
def test_zero_shot_alone_is_an_experiment(simulated: Simulated) -> None:
    world = replace(SMALL, sizes=(0,), zero_shot=("birdnet", "svm"), models={"birdnet": 3.0, "svm": 2.0})
    report = write_report(simulated(world))
    assert report.sentences()[0].startswith("birdnet is best of 2 models without training (zero-shot): ROC-AUC, ")
    assert "How many clips for" not in page_of(report)


@pytest.mark.usefixtures("no_pictures")
def test_losses_and_many_models_are_told_too(simulated: Simulated) -> None:
    models = {f"model {number}": 1.0 + number / 3 for number in range(7)}
    report = write_report(simulated(World(models, ("coyote", "owl"), sizes=(4, 8, 16), metric="accuracy")))
    assert "accuracy" in report.sentences()[0].lower()
    assert any("1 more in the table" in text for text in report.sentences())
    loss = write_report(simulated(replace(SMALL, metric="log_loss")))
    assert "Log loss, mean of 2 targets" in loss.sentences()[0]


@pytest.mark.usefixtures("no_pictures")
def test_names_are_escaped_and_notes_folded(simulated: Simulated) -> None:
    folder = simulated(replace(SMALL, models={"<script>alert(1)</script>": 2.0}, zero_shot=()))
    plan = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps(plan | {"notes": [f"note {number}" for number in range(6)]}))
    page = page_of(write_report(folder))
    assert "<script>alert" not in page
    assert "6 things were done otherwise than asked." in page
    (folder / "plan.json").write_text(json.dumps(plan | {"notes": ["only this"]}))
    assert "<p>only this</p>" in page_of(write_report(folder))


@pytest.mark.usefixtures("no_pictures")
def test_a_story_is_told_again_where_a_report_does_not_hold_it(simulated: Simulated) -> None:
    report = write_report(simulated())
    without = replace(report, story=None)
    assert isinstance(without.findings, TargetFindings)
    assert without.sentences() == report.sentences()
    assert without.to_dict() == report.to_dict()
    assert report.story is not None
    assert verdict(report.story.findings, {}) in sentences(report.story.findings, {}, [])


def test_trials_that_really_ran_are_reported(make_plan: MakePlan) -> None:
    plan = make_plan(["level", "logistic_regression"], targets=["loud", "quiet"], training_sizes=[4, 8], name="tones")
    assert ExperimentRunner(plan).run().is_complete
    report = write_report(plan.folder)
    assert re.match(r"\w+ is best of 2 models at 8 training clips: ROC-AUC, mean of 2 targets, ", report.sentences()[0])
    assert "With 4 independent groups no p-value can be below 0.125" in " ".join(report.sentences())
