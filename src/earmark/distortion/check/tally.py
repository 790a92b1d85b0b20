"""What a catalogue comes to: counts, sums and the worst files, in memory that does not grow with the catalogue."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from earmark.distortion.check.limits import Limits, found_types
from earmark.distortion.severity import KINDS

if TYPE_CHECKING:
    from earmark.distortion.check.catalogue import Checked

MOST_ROWS = 1000  # of the page's table, and of the lists of files that failed or are over the limit
N_SEVERITY_BINS = 10


@dataclass
class TypeTally:
    """The files in which one type of fault was found.

    Attributes:
        n_files: How many.
        n_unassessable: In how many it could not be told.
        total_severity: Sum of its severities.
        worst: Highest of them.
        worst_path: The first file that reaches it.
        bins: How many by tenths of severity.
    """

    n_files: int = 0
    n_unassessable: int = 0
    total_severity: float = 0.0
    worst: float = 0.0
    worst_path: str = ""
    bins: list[int] = field(default_factory=lambda: [0] * N_SEVERITY_BINS)

    def add(self, severity: float, path: str) -> None:
        """Count a file."""
        if not self.n_files or severity > self.worst:
            self.worst, self.worst_path = severity, path
        self.n_files += 1
        self.total_severity += severity
        self.bins[min(N_SEVERITY_BINS - 1, int(severity * N_SEVERITY_BINS))] += 1

    @property
    def mean(self) -> float:
        """Mean severity where it was found."""
        return self.total_severity / max(1, self.n_files)


class Tally:
    """Adds up outcomes.

    Args:
        limits: What counts as over the limit.
        n_rows: How many of the worst files are kept whole, 0 for none.
    """

    def __init__(self, limits: Limits | None = None, *, n_rows: int = 0) -> None:
        self.limits = limits or Limits()
        self.n_files = self.n_damaged = self.n_clean = self.n_untold = self.n_failed = self.n_over = self.n_kept = 0
        self.sound_s = self.new_sound_s = 0.0
        self.types: dict[str, TypeTally] = {kind: TypeTally() for kind in KINDS}
        self.failures: list[Checked] = []
        self.over: list[tuple[str, list[str]]] = []
        self._n_rows = n_rows
        self._heap: list[tuple[tuple[int, float], int, Checked]] = []

    def add(self, outcome: Checked) -> None:
        """Count an outcome."""
        self.n_files += 1
        self._keep(outcome)
        if outcome.report is None:
            self.n_failed += 1
            if len(self.failures) < MOST_ROWS:
                self.failures.append(outcome)
            return
        report = outcome.report
        self.n_kept += outcome.kept
        self.sound_s += report["duration_s"] or 0.0
        self.new_sound_s += 0.0 if outcome.kept else report["duration_s"] or 0.0
        self.n_damaged += report["has_distortion"] is True
        self.n_clean += report["has_distortion"] is False
        self.n_untold += report["has_distortion"] is None
        for kind, severity in found_types(report):
            self.types[kind].add(severity, str(outcome.path))
        for kind, value in report["assessable"].items():
            self.types[kind].n_unassessable += not value["ok"]
        if told := self.limits.over(report):
            self.n_over += 1
            if len(self.over) < MOST_ROWS:
                self.over.append((str(outcome.path), told))

    @property
    def rows(self) -> list[Checked]:
        """The worst files: damaged ones by severity, then what could not be told, then clean ones."""
        return [outcome for _, _, outcome in sorted(self._heap, key=lambda item: (item[0], item[1]), reverse=True)]

    def _keep(self, outcome: Checked) -> None:
        """Hold the outcome if it is among the worst; of equals the first come first."""
        if not self._n_rows or outcome.report is None:
            return
        damaged = {True: 2, None: 1, False: 0}[outcome.report["has_distortion"]]
        item = ((damaged, float(outcome.report["severity"])), -self.n_files, outcome)
        if len(self._heap) < self._n_rows:
            heapq.heappush(self._heap, item)
        else:
            heapq.heappushpop(self._heap, item)
