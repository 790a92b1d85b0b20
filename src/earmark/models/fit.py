"""The training loop of networks: AdamW, one cycle of the learning rate, early stopping, exact resume.

All chance of an epoch comes from the seed and the epoch's number. So a checkpoint needs no state of any generator, and
a run that was killed and resumed gives the weights, bit for bit, that it would have given without (on one machine,
with the same number of threads, on the CPU).
"""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import ConfigError, ModelError
from earmark.models.checkpoint import load_checkpoint, save_checkpoint
from earmark.models.mixing import change_batch, smooth_targets
from earmark.models.objective import ClassObjective

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch
    from numpy.typing import NDArray
    from torch import nn

    from earmark.data.dataset import Task
    from earmark.models.base import FitContext
    from earmark.models.fit_options import FitOptions
    from earmark.models.objective import Objective

SCORING_BATCH = 32


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows to learn from or to validate on: features (n_rows, *shape) and targets (n_rows, n_classes), float32."""

    features: NDArray[np.float32]
    targets: NDArray[np.float32]

    def take(self, rows: NDArray[np.intp]) -> Examples:
        """Return some rows."""
        return Examples(self.features[rows], self.targets[rows])


@dataclass(frozen=True, eq=False)
class FitJob:
    """What a network is fitted to.

    Attributes:
        task: Decides the loss: cross-entropy ("one") or a binary one per class ("many").
        options: How.
        training: Learned from.
        validation: Chooses the best epoch; None trains all epochs and keeps the last.
        seed: Of everything random.
        context: Progress, checkpoint and who is told of each epoch.
        fingerprint: Of data, options and seed: a checkpoint of another fit is not gone on from.
        change: What is done to each batch of training examples, as `change_batch` does it to spectrograms.
        objective: Makes the loss of the targets of the training rows; None is that of the task.
    """

    task: Task
    options: FitOptions
    training: Examples
    validation: Examples | None
    seed: int
    context: FitContext
    fingerprint: str = ""
    change: Callable[..., tuple[Any, Any]] = change_batch
    objective: Callable[[NDArray[np.float32]], Objective] | None = None

    def make_objective(self) -> Objective:
        """Return the loss for these training rows."""
        if self.objective is not None:
            return self.objective(self.training.targets)
        return ClassObjective(self.task, self.training.targets, balanced=self.options.class_weight is not None)


@dataclass
class _State:
    """What changes from epoch to epoch beside weights and optimizer."""

    epoch: int = 0
    waited: int = 0
    best_loss: float = math.inf
    best: dict[str, Any] | None = None
    history: list[dict[str, float]] = field(default_factory=list)


def fit_network(module: nn.Module, job: FitJob) -> tuple[dict[str, float], ...]:
    """Train a module in place and return the figures of each epoch; the best epoch's weights are in it at the end.

    Figures are `loss`, `learning_rate` and `seconds`, with a validation part also `validation_loss` and
    `validation_f1` (macro F1).

    Raises:
        ModelError: The loss is no longer a number.
        ConfigError: The device asked for is not there.
        StoreError: The checkpoint cannot be written.
    """
    with numeric_threads(job.options.threads), _own_randomness():
        loop = _Loop(module, job)
        loop.run()
    module.to("cpu")
    return tuple(loop.state.history)


class _Loop:
    def __init__(self, module: nn.Module, job: FitJob) -> None:
        import torch

        self.job, self.module = job, module
        self.device = find_device(job.options.device)
        module.to(self.device)
        for value in module.parameters():
            if value.ndim == 4:  # half again as fast on the CPU
                value.data = value.data.contiguous(memory_format=torch.channels_last)
        self.optimizer = _optimizer(module, job.options)
        half = self.device.type == "cuda" and job.options.mixed_precision
        brain = half and torch.cuda.is_bf16_supported()
        self.precision = (torch.bfloat16 if brain else torch.float16) if half else None
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=half and not brain)
        self.objective = job.make_objective()
        self.state = _State()

    def run(self) -> None:
        self._resume()
        options, state = self.job.options, self.state
        while state.epoch < options.epochs and not (options.patience and state.waited >= options.patience):
            began_s = time.perf_counter()
            figures = self._train_epoch()
            figures |= self._validate()
            figures["seconds"] = time.perf_counter() - began_s
            state.epoch += 1
            state.history.append(figures)
            self._keep()
            self._tell(figures)
        if state.best is not None:
            self.module.load_state_dict(state.best)

    def _train_epoch(self) -> dict[str, float]:
        import torch

        job, options, epoch = self.job, self.job.options, self.state.epoch
        rng = np.random.default_rng([job.seed, epoch])
        torch.manual_seed(int(rng.integers(2**63)))  # dropout
        n_steps = options.steps_per_epoch(len(job.training.targets))
        self.module.train()
        total, rate = 0.0, 0.0
        for step, rows in enumerate(_batches(len(job.training.targets), options, n_steps, rng)):
            rate = options.rate_at(epoch * n_steps + step, options.epochs * n_steps)
            for part in self.optimizer.param_groups:
                part["lr"] = rate
            batch = job.training.take(rows)
            smooth = smooth_targets(batch.targets, options.label_smoothing, job.task)
            total += self._step(*job.change(batch.features, smooth, options, rng))
            if not math.isfinite(total):
                raise ModelError(
                    f"network: the loss became {total} in epoch {epoch + 1}, step {step + 1}; lower learning_rate (now "
                    f"{options.learning_rate:g}) or look for extreme values in the features"
                )
        return {"loss": total / n_steps, "learning_rate": rate}

    def _step(self, features: NDArray[np.float32], targets: NDArray[np.float32]) -> float:
        import torch

        self.optimizer.zero_grad(set_to_none=True)
        with self._cast():
            logits = self.module(torch.from_numpy(features).to(self.device))
        loss = self.objective.loss(logits.float(), torch.from_numpy(targets).to(self.device))
        torch.autograd.backward(self.scaler.scale(loss))
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.job.options.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return float(loss.detach())

    def _validate(self) -> dict[str, float]:
        import torch

        part, state = self.job.validation, self.state
        if part is None:
            return {}
        with self._cast():
            logits = run_network(self.module, part.features, self.device)
        outputs, targets = (torch.from_numpy(values).to(self.device) for values in (logits, part.targets))
        loss = float(self.objective.loss(outputs, targets))
        if loss < state.best_loss:
            state.best_loss, state.waited = loss, 0
            state.best = {name: value.detach().cpu().clone() for name, value in self.module.state_dict().items()}
        else:
            state.waited += 1
        return {"validation_loss": loss, **self.objective.figures(logits, part.targets)}

    def _cast(self) -> contextlib.AbstractContextManager[Any]:
        import torch

        if self.precision is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=self.precision)

    def _keep(self) -> None:
        if self.job.context.checkpoint is None:
            return
        state = {
            **vars(self.state),
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        save_checkpoint(self.job.context.checkpoint, self.job.fingerprint, state)

    def _resume(self) -> None:
        context = self.job.context
        if context.checkpoint is None:
            return
        found, note = load_checkpoint(context.checkpoint, self.job.fingerprint)
        if note:
            context.progress.note(note)
        if found is None:
            return
        self.module.load_state_dict(found.pop("module"))
        self.optimizer.load_state_dict(found.pop("optimizer"))
        self.scaler.load_state_dict(found.pop("scaler"))
        self.state = _State(**found)

    def _tell(self, figures: dict[str, float]) -> None:
        context, n_epochs, epoch = self.job.context, self.job.options.epochs, self.state.epoch
        left_s = (n_epochs - epoch) * sum(each["seconds"] for each in self.state.history) / epoch
        f1 = f", validation F1 {figures['validation_f1']:.3f}" if "validation_f1" in figures else ""
        context.progress.note(f"epoch {epoch}/{n_epochs}, loss {figures['loss']:.3f}{f1}, at most {left_s:.0f} s left")
        if context.on_epoch is not None:
            context.on_epoch(epoch, dict(figures))


def run_network(module: nn.Module, features: NDArray[np.float32], device: torch.device) -> NDArray[np.float32]:
    """Return the logits of rows, float32 (n_rows, n_classes), in evaluation mode and in batches."""
    import torch

    module.eval()
    with torch.inference_mode():
        batches = (features[start : start + SCORING_BATCH] for start in range(0, len(features), SCORING_BATCH))
        owned = (torch.from_numpy(np.require(rows, np.float32, ["C", "W"])) for rows in batches)  # not a map of a file
        logits = [module(rows.to(device)).float().cpu() for rows in owned]
    return np.asarray(torch.cat(logits).numpy(), dtype=np.float32)


def find_device(wanted: str) -> torch.device:
    """Return the device of this name; "auto" is the GPU if there is one.

    Raises:
        ConfigError: There is no GPU.
    """
    import torch

    present = torch.cuda.is_available()
    if wanted == "cuda" and not present:
        raise ConfigError('network: device "cuda" is not there or torch was installed without it; choose "auto"')
    return torch.device("cuda" if present and wanted != "cpu" else "cpu")


def _optimizer(module: nn.Module, options: FitOptions) -> torch.optim.Optimizer:
    """Return AdamW on what can be trained; biases and the factors of batch norm are not decayed."""
    import torch

    trained = [value for value in module.parameters() if value.requires_grad]
    decayed = [value for value in trained if value.ndim > 1]
    others = [value for value in trained if value.ndim <= 1]
    parts = [{"params": decayed, "weight_decay": options.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(parts, lr=options.learning_rate)


def _batches(n_rows: int, options: FitOptions, n_steps: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    n_batches, n_done = options.batches(n_rows), 0
    while n_done < n_steps:
        for rows in np.array_split(rng.permutation(n_rows), n_batches)[: n_steps - n_done]:
            yield rows
            n_done += 1


@contextlib.contextmanager
def numeric_threads(n_threads: int) -> Iterator[None]:
    """Use this many threads inside: one number of threads, one result, however many the machine has."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _own_randomness() -> Iterator[None]:
    """Leave the caller's torch generators as they were."""
    import torch

    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices=devices):
        yield
