"""What an audit looks at and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earmark.data.acoustic import ClipFacts
    from earmark.data.audit_copies import CopySet
    from earmark.data.audit_quality import ClipQuality, Quality
    from earmark.data.clip import Clip
    from earmark.data.dataset import Dataset
    from earmark.data.split import Fold

Severity = Literal["error", "warning", "info"]

# By gravity: what makes results wrong comes before what makes them hard to get.
KINDS: tuple[str, ...] = (
    "unreadable",
    "not-assessed",
    "over-limit",
    "group-leak",
    "copy-leak",
    "file-leak",
    "label-conflict",
    "label-is-group",
    "copies-across-groups",
    "shortcut",
    "damage-shortcut",
    "few-groups",
    "fold-without-label",
    "cut-short",
    "silent",
    "clipped",
    "damaged",
    "imbalance",
    "few-clips",
    "copies",
    "short",
    "band-limited",
    "dc-offset",
    "mixed-audio",
    "damage-in-groups",
    "not-told",
    "no-groups",
)
SHOWN_NAMES = 6
_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """One thing a person should know about a dataset.

    Attributes:
        kind: One of `KINDS`.
        severity: "error" makes the audit fail.
        clips: The ids of the clips it is about, in the order of the dataset; empty where it is about all of them.
        message: What was found.
        remedy: What to do about it.
        details: One line for each item, where the message does not name them all.
    """

    kind: str
    severity: Severity
    clips: tuple[str, ...]
    message: str
    remedy: str
    details: tuple[str, ...] = ()

    @property
    def gravity(self) -> tuple[int, int, int]:
        """Sorting key: the gravest finding has the smallest."""
        return _SEVERITIES.index(self.severity), KINDS.index(self.kind), -len(self.clips)


@dataclass(frozen=True)
class LabelSummary:
    """The clips of one label; durations and level are None where no clip of it could be read.

    `level_db` is the mean over clips of their RMS level.
    """

    label: str
    n_clips: int
    n_groups: int
    total_s: float
    shortest_s: float | None
    median_s: float | None
    longest_s: float | None
    level_db: float | None


@dataclass(frozen=True)
class Evidence:
    """Everything the checks may look at.

    Attributes:
        dataset: The clips.
        facts: What the sound of each clip says, None where it could not be read.
        failures: Position of a clip that could not be read -> the reason.
        copies: Sets of clips with the same sound.
        folds: Splits to check.
        n_folds: Number of folds that the groups should allow.
        quality: What is damaged, if that was asked for.
    """

    dataset: Dataset
    facts: tuple[ClipFacts | None, ...]
    failures: dict[int, str] = field(default_factory=dict)
    copies: tuple[CopySet, ...] = ()
    folds: tuple[Fold, ...] = ()
    n_folds: int = 5
    quality: Quality | None = None

    def clip(self, row: int) -> Clip:
        """Return the clip at a position."""
        return self.dataset.clips[row]

    def ids(self, rows: Sequence[int]) -> tuple[str, ...]:
        """Return the ids of the clips at these positions, in the order of the dataset."""
        return tuple(self.dataset.clips[row].id for row in sorted(set(rows)))

    def readable(self) -> list[tuple[int, ClipFacts]]:
        """Return position and facts of each clip that could be read."""
        return [(row, facts) for row, facts in enumerate(self.facts) if facts is not None]


@dataclass(frozen=True)
class AuditReport:
    """The result of an audit.

    Attributes:
        dataset: The name of the dataset.
        fingerprint: Of the dataset.
        n_clips: Number of clips.
        n_readable: Number of clips that could be read.
        n_groups: Number of groups.
        total_s: Duration of the readable clips.
        folds: The names of the splits that were checked.
        findings: By gravity, the gravest first.
        labels: One summary for each label, in the order of the dataset.
        facts: Clip id -> what its sound says, for the readable clips.
        quality: Clip id -> what is damaged, if that was asked for.
        damage: Label -> type of fault -> share of its clips that are damaged so, of those of which it can be told.
    """

    dataset: str
    fingerprint: str
    n_clips: int
    n_readable: int
    n_groups: int
    total_s: float
    folds: tuple[str, ...]
    findings: tuple[Finding, ...]
    labels: tuple[LabelSummary, ...]
    facts: dict[str, ClipFacts] = field(default_factory=dict, repr=False, compare=False)
    quality: dict[str, ClipQuality] = field(default_factory=dict, repr=False, compare=False)
    damage: dict[str, dict[str, float | None]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def failed(self) -> bool:
        """Whether files are unreadable or a split leaks: an experiment on this dataset would mislead."""
        return any(finding.severity == "error" for finding in self.findings)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 clip``, ``2,000 clips``."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"


def named(names: Sequence[str], *, at_most: int = SHOWN_NAMES) -> str:
    """Return the first names and how many more there are."""
    rest = len(names) - at_most
    return ", ".join(names[:at_most]) + (f" and {rest:,} more" if rest > 0 else "")
