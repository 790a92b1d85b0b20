"""MLflow: a local SQLite store unless MLFLOW_TRACKING_URI names another.

The store is `FOLDER/mlflow/mlflow.db` with files under `FOLDER/mlflow/artifacts`. (MLflow keeps its store of plain
files in maintenance mode only and refuses to open one unasked.) The experiment is MLFLOW_EXPERIMENT_NAME, else
"earmark". `mlflow-skinny` with SQLAlchemy and Alembic is all that it takes.
"""

from __future__ import annotations

import logging
import os
import re
import time
from typing import TYPE_CHECKING, Any

from earmark.core.optional import import_extra

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

LONGEST_PARAMETER = 6000
PARAMETERS_AT_ONCE = 100
_NOT_IN_NAMES = re.compile(r"[^\w\-. /:]", flags=re.ASCII)


def open_mlflow(run_name: str, config: Mapping[str, Any], folder: Path) -> MlflowTracker:
    """Begin a run.

    Raises:
        MissingExtraError: MLflow is not installed.
        Exception: Whatever MLflow raises where its store does not answer.
    """
    # Read when it is imported, and at each request: seven attempts at a dead server would hold a training up for
    # minutes.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    mlflow = import_extra("mlflow", "track", "Tracking with MLflow")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)  # it tells of every table that it creates
    own = folder.absolute() / "mlflow"
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        for module in ("sqlalchemy", "alembic"):
            import_extra(module, "track", "MLflow's local store")
        own.mkdir(parents=True, exist_ok=True)
    client = mlflow.MlflowClient(tracking_uri=uri or f"sqlite:///{own / 'mlflow.db'}")
    experiment = _experiment(client, None if uri else (own / "artifacts").as_uri())
    run_id = client.create_run(experiment, run_name=run_name).info.run_id
    tracker = MlflowTracker(client, run_id)
    tracker.log_parameters(config)
    return tracker


def _experiment(client: Any, artifacts: str | None) -> str:
    """Return the number of the experiment, made if need be, with its files beside a local store."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "earmark")
    found = client.get_experiment_by_name(name)
    number: str = found.experiment_id if found else client.create_experiment(name, artifact_location=artifacts)
    return number


class MlflowTracker:
    """A run of MLflow."""

    def __init__(self, client: Any, run_id: str) -> None:
        self._client = client
        self.run_id = run_id

    def log_parameters(self, config: Mapping[str, Any]) -> None:
        """Write options as text under dotted names."""
        from mlflow.entities import Param

        found = [Param(_name(key), str(value)[:LONGEST_PARAMETER]) for key, value in _flat(config)]
        for first in range(0, len(found), PARAMETERS_AT_ONCE):
            self._client.log_batch(self.run_id, params=found[first : first + PARAMETERS_AT_ONCE])

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Write figures of one step."""
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        found = [Metric(_name(name), float(value), now_ms, step) for name, value in metrics.items()]
        self._client.log_batch(self.run_id, metrics=found)

    def log_files(self, paths: Sequence[Path]) -> None:
        """Copy files and folders to the run's artifacts."""
        for path in paths:
            if path.is_dir():
                self._client.log_artifacts(self.run_id, str(path), artifact_path=path.name)
            else:
                self._client.log_artifact(self.run_id, str(path))

    def finish(self, ok: bool) -> None:
        """End the run."""
        self._client.set_terminated(self.run_id, "FINISHED" if ok else "FAILED")


def _name(name: str) -> str:
    """Return a name that MLflow takes: other characters than it knows become underscores."""
    return _NOT_IN_NAMES.sub("_", name)


def _flat(config: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value
