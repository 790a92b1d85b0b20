"""The validator as the intake gate of a dataset: what `earmark data audit --quality` hands down to the audit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from earmark.data.audit_quality import ClipQuality
from earmark.data.find import look_at
from earmark.distortion.check.catalogue import Run, check
from earmark.distortion.check.limits import Limits, found_types
from earmark.distortion.check.rows import sentences_of
from earmark.distortion.severity import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from earmark.core.progress import Progress
    from earmark.data.clip import Clip
    from earmark.distortion.check.journal import Journal

_WORDS = {
    "clipping": "clipped",
    "compression": "marked by lossy compression",
    "noise": "noisy",
    "frequency": "band-limited or otherwise filtered",
    "phase": "out of phase or one-sided",
}
WORDS: dict[str, str] = {kind: _WORDS[kind] for kind in KINDS}


@dataclass(frozen=True)
class Assessor:
    """Listens to the clips of a dataset, each only for its own part of the file.

    Attributes:
        model: Shipped model or bundle folder.
        limits: What counts as damaged too badly.
        workers: Processes; the answers do not depend on their number.
        journal: Where answers are kept, None: nowhere.
    """

    model: str | Path = "distortion"
    limits: Limits = field(default_factory=Limits)
    workers: int = 1
    journal: Journal | None = None

    @property
    def words(self) -> dict[str, str]:
        """Each type of fault with what is said of a clip that has it."""
        return WORDS

    def __call__(self, clips: Sequence[Clip], progress: Progress) -> Iterator[ClipQuality | str]:
        """Yield for each clip, in order, what is wrong with it, or why that cannot be told.

        Raises:
            BundleError: There is no such model.
            ModelError: Worker processes cannot be started.
            StoreError: The journal cannot be written.
        """
        files = (look_at(clip.path, clip.start_s, clip.duration_s) for clip in clips)
        for outcome in check(files, len(clips), Run(self.model, self.workers, progress, self.journal)):
            report = outcome.report
            if report is None:
                yield outcome.error
                continue
            untold = {kind: value["reason"] or "" for kind, value in report["assessable"].items() if not value["ok"]}
            yield ClipQuality(
                dict(found_types(report)), untold, tuple(sentences_of(report)), tuple(self.limits.over(report))
            )
