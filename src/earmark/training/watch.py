"""Who is told how training goes, and where a killed run finds what it had done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from earmark.core.identity import fingerprint
from earmark.core.progress import SILENT
from earmark.models.base import FitContext

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from earmark.core.progress import Progress
    from earmark.training.options import TrainingOptions

FINAL = "final"


@dataclass(frozen=True)
class Watch:
    """What goes along with every fit of a run.

    Attributes:
        progress: Told of each stage, fold and epoch.
        checkpoints: Folder where networks keep their state, one file for each fit; None keeps nothing.
        on_epoch: Called with the name of the fit ("final" or a fold's), the epoch from 1 and its figures.
    """

    progress: Progress = SILENT
    checkpoints: Path | None = None
    on_epoch: Callable[[str, int, dict[str, float]], None] | None = None

    def context(self, name: str, options: TrainingOptions, clips: NDArray[np.intp]) -> FitContext:
        """Return the context of the fit of this name, on these clips with these options."""
        tell = self.on_epoch
        path = None
        if self.checkpoints is not None:
            told = options.model_dump(mode="json", exclude={"workers"})
            path = self.checkpoints / f"{fingerprint([name, told, clips.tolist()])}.pt"
        return FitContext(
            progress=self.progress,
            checkpoint=path,
            on_epoch=None if tell is None else lambda epoch, figures: tell(name, epoch, figures),
        )


UNWATCHED = Watch()


@runtime_checkable
class KeepsHistory(Protocol):
    """A classifier that remembers how its last fit went."""

    history: tuple[dict[str, float], ...]
    remarks: tuple[str, ...]
