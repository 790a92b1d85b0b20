"""The real libraries, offline: what a run was told, how it went and what it made can be read back.

Runs of wandb are read from their own log (LevelDB's format, blocks of 32 KiB with records of protobuf), as
`wandb sync` reads them; runs of MLflow through its client.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import struct
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import ConfigError, MissingExtraError, StoreError
from earmark.core.optional import import_extra
from earmark.core.settings import settings
from earmark.training import trackers, trackers_mlflow
from earmark.training.trackers import open_trackers
from earmark.training.trackers_wandb import wandb_mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# SQLAlchemy deprecates what MLflow calls, and MLflow leaves its database to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CONFIG = {"recipe": "vgg", "classifier": {"epochs": 3, "grid": (1, 2)}, "folder": Path("here"), "seed": None}
BLOCK = 32768


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep every run local, whatever the machine is set up for."""
    for name in list(os.environ):
        if name.startswith(("WANDB_", "MLFLOW_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    settings.cache_clear()


@pytest.fixture
def made(tmp_path: Path) -> list[Path]:
    """Return a file and a folder, as a curve and a bundle are."""
    curve, bundle = tmp_path / "curve.png", tmp_path / "bundle"
    curve.write_bytes(b"png")
    (bundle / "figures").mkdir(parents=True)
    (bundle / "bundle.json").write_text("{}")
    (bundle / "figures" / "roc.png").write_bytes(b"png")
    return [curve, bundle]


def wandb_records(folder: Path) -> list[Any]:
    """Return the records of the one offline run below a folder, when its end is among them.

    The service of wandb writes the last ones after `finish` has returned; only its own end is waited for by wandb.
    """
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    give_up_s = time.monotonic() + 60
    while True:
        records = list(parsed_records(path.read_bytes()))
        if any(record.WhichOneof("record_type") == "exit" for record in records):
            return records
        assert time.monotonic() < give_up_s, f"{path} holds {len(records)} records, but not the run's end"
        time.sleep(0.05)


def parsed_records(content: bytes) -> Iterator[Any]:
    wandb_internal_pb2: Any = importlib.import_module("wandb.proto.wandb_internal_pb2")
    place, parts = 7, b""
    while place + 7 <= len(content):
        if BLOCK - place % BLOCK < 7:
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        parts += content[place + 7 : place + 7 + length]
        place += 7 + length
        if place > len(content):  # being written just now
            return
        if kind in {1, 4}:  # whole, or the last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def wandb_history(folder: Path) -> list[dict[str, float]]:
    rows = [record.history for record in wandb_records(folder) if record.WhichOneof("record_type") == "history"]
    return [{item.key or item.nested_key[0]: json.loads(item.value_json) for item in row.item} for row in rows]


def mlflow_runs(folder: Path, uri: str | None = None) -> tuple[Any, list[Any]]:
    """Return MLflow's client and the runs of its local store."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri or f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("earmark")
    assert experiment is not None
    return client, list(client.search_runs([experiment.experiment_id]))


def test_no_names_give_a_tracker_that_writes_nothing(tmp_path: Path, made: list[Path]) -> None:
    tracker = open_trackers([], run_name="none", config=CONFIG, folder=tmp_path / "runs")
    tracker.log_metrics({"loss": 1.0}, step=1)
    tracker.log_files(made)
    tracker.finish(ok=True)
    assert not (tmp_path / "runs").exists()


def test_both_keep_metrics_options_and_files_of_one_run(tmp_path: Path, made: list[Path]) -> None:
    folder = tmp_path / "my runs"  # spaces are common in the folders of people
    tracker = open_trackers(["wandb", "mlflow", "wandb"], run_name="first", config=CONFIG, folder=folder)
    for fold in range(2):  # steps begin again in each fold
        for step in (1, 2):
            tracker.log_metrics({"loss": 1 / step + fold, "f1 (crow)": 0.5}, step=step)
    tracker.log_files(made)
    tracker.finish(ok=True)
    tracker.finish(ok=False)  # the first word stands

    rows = wandb_history(folder)
    assert [(row["step"], row["loss"]) for row in rows] == [(1, 1.0), (2, 0.5), (1, 2.0), (2, 1.5)]
    kinds = {record.WhichOneof("record_type"): record for record in wandb_records(folder)}
    assert kinds["exit"].exit.exit_code == 0
    options = kinds["run"].run
    told = {item.key: json.loads(item.value_json) for item in options.config.update}
    assert told["classifier"] == {"epochs": 3, "grid": [1, 2]}
    assert (told["folder"], told["seed"], options.display_name, options.project) == ("here", None, "first", "earmark")
    (files,) = folder.glob("wandb/offline-run-*/files")
    assert (files / "curve.png").read_bytes() == b"png"
    assert not (files / "bundle" / "bundle.json").is_symlink()
    sent = [each.path for record in wandb_records(folder) for each in record.files.files]
    assert {"curve.png", "bundle/bundle.json", "bundle/figures/roc.png"} <= set(sent)

    client, (run,) = mlflow_runs(folder)
    assert run.info.status == "FINISHED"
    assert run.data.params["classifier.epochs"] == "3"
    assert run.data.params["recipe"] == "vgg"
    history = client.get_metric_history(run.info.run_id, "loss")
    assert sorted((each.step, each.value) for each in history) == [(1, 1.0), (1, 2.0), (2, 0.5), (2, 1.5)]
    assert run.data.metrics["f1 _crow_"] == 0.5
    assert {each.path for each in client.list_artifacts(run.info.run_id)} == {"curve.png", "bundle"}
    assert Path(run.info.artifact_uri.removeprefix("file://").replace("%20", " ")).is_relative_to(folder / "mlflow")


def test_a_failed_run_is_kept_as_failed(tmp_path: Path) -> None:
    tracker = open_trackers(["wandb", "mlflow"], run_name="failed", config={}, folder=tmp_path)
    tracker.finish(ok=False)
    exits = [record.exit.exit_code for record in wandb_records(tmp_path) if record.WhichOneof("record_type") == "exit"]
    assert exits == [1]
    assert mlflow_runs(tmp_path)[1][0].info.status == "FAILED"


def test_a_second_run_joins_the_first_in_the_store(tmp_path: Path) -> None:
    for name in ("one", "two"):
        open_trackers(["mlflow"], run_name=name, config={"a": 1}, folder=tmp_path).finish(ok=True)
    assert {run.info.run_name for run in mlflow_runs(tmp_path)[1]} == {"one", "two"}


def test_mlflow_takes_more_options_than_it_does_at_once(tmp_path: Path) -> None:
    options: dict[str, Any] = {f"option_{number}": "x" * 7000 for number in range(130)} | {"empty": {}}
    open_trackers(["mlflow"], run_name="many", config=options, folder=tmp_path).finish(ok=True)
    parameters = mlflow_runs(tmp_path)[1][0].data.params
    assert len(parameters) == 131
    assert len(parameters["option_7"]) == 6000
    assert parameters["empty"] == "{}"


def test_mlflow_goes_where_its_own_variable_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(tmp_path)
    open_trackers(["mlflow"], run_name="there", config={}, folder=tmp_path / "runs").finish(ok=True)
    assert mlflow_runs(tmp_path, uri)[1][0].info.run_name == "there"
    assert not (tmp_path / "runs" / "mlflow").exists()


@pytest.mark.parametrize(
    ("environment", "offline", "mode"),
    [
        ({}, False, "offline"),
        ({"WANDB_API_KEY": "k"}, False, "online"),
        ({"WANDB_API_KEY": "k", "WANDB_MODE": "offline"}, False, "offline"),
        ({"WANDB_MODE": "online"}, False, "online"),
        ({"WANDB_MODE": "disabled"}, True, "disabled"),
        ({"WANDB_API_KEY": "k"}, True, "offline"),
        ({"WANDB_MODE": "online"}, True, "offline"),
    ],
)
def test_wandb_is_online_only_when_asked(environment: Mapping[str, str], mode: str, *, offline: bool) -> None:
    assert wandb_mode(environment, offline=offline) == mode


def test_unknown_trackers_are_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'"mlfow" is not known; did you mean "mlflow"\? \(known: mlflow, wandb\)'):
        open_trackers(["wandb", "mlfow"], run_name="x", config={}, folder=tmp_path)
    assert not list(tmp_path.glob("wandb*"))


class Recorder:
    """A tracker that notes what it is told, and breaks when told to."""

    def __init__(self, *, breaks: bool = False) -> None:
        self.told: list[str] = []
        self.breaks = breaks

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        self.told.append(f"metrics {step}")
        if self.breaks:
            warnings.warn("about to fail", DeprecationWarning, stacklevel=1)
            raise ConnectionError("the server\nis gone")

    def log_files(self, paths: Sequence[Path]) -> None:
        self.told.append("files")

    def finish(self, ok: bool) -> None:
        self.told.append(f"finish {ok}")
        if self.breaks:
            raise ConnectionError


def open_recorders(recorders: dict[str, Recorder], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Any:
    monkeypatch.setattr(trackers, "TRACKERS", dict.fromkeys(recorders, "unused"))
    monkeypatch.setattr(trackers, "_open", lambda name, *_: recorders[name])
    return open_trackers(list(recorders), run_name="x", config={}, folder=folder)


def test_a_tracker_that_fails_in_the_middle_is_warned_of_once_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorders = {"broken": Recorder(breaks=True), "sound": Recorder()}
    tracker = open_recorders(recorders, monkeypatch, tmp_path)
    with caplog.at_level(logging.WARNING):
        for step in (1, 2, 3):
            tracker.log_metrics({"loss": 0.1}, step)
        tracker.log_files([])
        tracker.finish(ok=True)
    assert recorders["broken"].told == ["metrics 1", "finish True"]
    assert recorders["sound"].told == ["metrics 1", "metrics 2", "metrics 3", "files", "finish True"]
    expected = "tracker broken failed (ConnectionError: the server is gone); the run goes on without it"
    assert [record.getMessage() for record in caplog.records] == [expected]


def test_a_file_that_is_not_there_does_not_end_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tracker = open_trackers(["mlflow"], run_name="x", config={}, folder=tmp_path)
    tracker.log_files([tmp_path / "absent.png"])
    tracker.finish(ok=True)
    assert "tracker mlflow failed" in caplog.text
    assert mlflow_runs(tmp_path)[1][0].info.status == "FINISHED"


def test_a_tracker_that_cannot_begin_stops_the_run_and_ends_the_ones_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "gopher://nowhere")
    with pytest.raises(StoreError, match=r"tracker mlflow: cannot begin a run \(.*gopher.*\); see docs/tracking\.md"):
        open_trackers(["wandb", "mlflow"], run_name="x", config={}, folder=tmp_path)
    exits = [record.exit.exit_code for record in wandb_records(tmp_path) if record.WhichOneof("record_type") == "exit"]
    assert exits == [1]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(StoreError, match=r"tracker wandb: cannot begin a run \(FileExistsError"):
        open_trackers(["wandb"], run_name="x", config={}, folder=tmp_path / "runs")


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_library_that_is_not_installed_is_named_with_the_line_that_installs_it(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"package {name}; install it with: pip install 'earmark\[track\]'"):
        open_trackers([name], run_name="x", config={}, folder=tmp_path)


def test_mlflow_without_a_database_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def lacking(module: str, extra: str, purpose: str) -> Any:
        if module == "alembic":
            raise MissingExtraError(module, extra, purpose)
        return import_extra(module, extra, purpose)

    monkeypatch.setattr(trackers_mlflow, "import_extra", lacking)
    with pytest.raises(MissingExtraError, match=r"MLflow's local store needs the package alembic.*earmark\[track\]"):
        open_trackers(["mlflow"], run_name="x", config={}, folder=tmp_path)


def test_importing_the_trackers_loads_neither_library() -> None:
    code = "import earmark.training.trackers, sys; print({'wandb', 'mlflow'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
