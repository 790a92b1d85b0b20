"""Weights & Biases: offline unless an API key is set or WANDB_MODE says otherwise.

An offline run lies in `FOLDER/wandb/offline-run-*`; `wandb sync` uploads it later. The project is WANDB_PROJECT, else
"earmark".
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.core.optional import import_extra
from earmark.core.settings import settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STEP = "step"


def wandb_mode(environment: Mapping[str, str], *, offline: bool) -> str:
    """Return the mode to run in: EARMARK_OFFLINE wins over WANDB_MODE, which wins over an API key.

    Example:
        >>> wandb_mode({}, offline=False), wandb_mode({"WANDB_API_KEY": "secret"}, offline=False)
        ('offline', 'online')
    """
    wanted = environment.get("WANDB_MODE") or ("online" if environment.get("WANDB_API_KEY") else "offline")
    return "offline" if offline and wanted != "disabled" else wanted


def open_wandb(run_name: str, config: Mapping[str, Any], folder: Path) -> WandbTracker:
    """Begin a run.

    Raises:
        MissingExtraError: wandb is not installed.
        Exception: Whatever wandb raises where it has no account, network or folder.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # read when it is imported
    wandb = import_extra("wandb", "track", "Tracking with Weights & Biases")
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", "earmark"),
        name=run_name,
        config=_plain(config),
        dir=folder.absolute(),
        mode=wandb_mode(os.environ, offline=settings().offline),
        reinit="create_new",  # two trainings of one process are two runs
        # The console belongs to the progress display; the code is not ours to send.
        settings=wandb.Settings(console="off", silent=True, save_code=False, disable_git=True),
    )
    # wandb drops what is logged at a step before the last one, and steps start again in each fold.
    run.define_metric("*", step_metric=STEP)
    return WandbTracker(run)


class WandbTracker:
    """A run of Weights & Biases."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Write figures beside their step."""
        self._run.log({STEP: step} | {name: float(value) for name, value in metrics.items()})

    def log_files(self, paths: Sequence[Path]) -> None:
        """Copy files and folders into the run's own folder, so that it stays whole wherever it is moved."""
        own = Path(self._run.dir)
        for path in paths:
            if path.is_dir():
                shutil.copytree(path, own / path.name, dirs_exist_ok=True)
            else:
                shutil.copy2(path, own / path.name)
            for source in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if source.is_file():
                    copy = own / source.relative_to(path.parent)
                    self._run.save(str(copy), base_path=str(own), policy="now")

    def finish(self, ok: bool) -> None:
        """End the run; waits for uploads."""
        self._run.finish(exit_code=0 if ok else 1)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
