"""Checks of single clips and of the balance of labels and groups."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earmark.data.audit_findings import SHOWN_NAMES, Finding, counted, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from earmark.data.acoustic import ClipFacts
    from earmark.data.audit_findings import Evidence

CUT_SHORT_S = 0.05
SHORT_S = 0.05
DC_OFFSET = 0.02
RATIO_WARNING, RATIO_INFO = 10.0, 3.0
FEW_CLIPS = 10
SOME_SHARE = 0.02


@dataclass(frozen=True)
class _SoundCheck:
    kind: str
    applies: Callable[[ClipFacts], bool]
    message: str
    remedy: str
    detail: Callable[[ClipFacts], str]
    grave: bool = False
    grave_if_common: bool = False


_SOUND_CHECKS = (
    _SoundCheck(
        "silent",
        lambda facts: facts.is_silent,
        "Silent (level below -60 dB)",
        "Listen to them and drop them, or keep them only under a label that means silence.",
        lambda facts: "digital silence" if facts.peak == 0 else f"{facts.level_db:.0f} dB",
        grave=True,
    ),
    _SoundCheck(
        "clipped",
        lambda facts: facts.is_clipped,
        "Clipped (one sample in a thousand or more is cut off at the top)",
        "Record or export with less gain; if one label is clipped more often than others, a model may learn that.",
        lambda facts: f"{100 * facts.clipped_share:.1f} % of samples",
        grave_if_common=True,
    ),
    _SoundCheck(
        "short",
        lambda facts: facts.duration_s < SHORT_S,
        "Shorter than 50 ms",
        "Check that they were cut where they should be; a window of audio is mostly padding around them.",
        lambda facts: f"{1000 * facts.duration_s:.0f} ms",
    ),
    _SoundCheck(
        "band-limited",
        lambda facts: facts.bandlimited,
        "The spectrum ends in a sharp cut, well below what the rate could hold",
        "Made from a lower rate or a low bitrate: choose a frontend that does not look above the cut.",
        lambda facts: f"cut at {facts.bandwidth_hz / 1000:.1f} kHz, rate {facts.rate_hz / 1000:g} kHz",
    ),
    _SoundCheck(
        "dc-offset",
        lambda facts: facts.dc_offset >= DC_OFFSET,
        "Off centre (mean of 2 % of full scale or more)",
        "Harmless for most frontends; a high-pass filter at 20 Hz removes it.",
        lambda facts: f"mean {facts.dc_offset:.3f}",
    ),
)


def check_files(evidence: Evidence) -> Iterator[Finding]:
    """Yield what cannot be read, each file with the reason of the decoder."""
    if evidence.failures:
        n_clips = len(evidence.failures)
        yield Finding(
            "unreadable",
            "error",
            evidence.ids(tuple(evidence.failures)),
            f"Cannot be read: {n_clips:,} of {counted(len(evidence.facts), 'clip')}.",
            "Restore or re-export the files, or take their lines out of the manifest.",
            tuple(reason for _, reason in sorted(evidence.failures.items())),
        )


def check_times(evidence: Evidence) -> Iterator[Finding]:
    """Yield clips that reach beyond the end of their file."""
    short = []
    for row, facts in evidence.readable():
        wanted_s = evidence.clip(row).duration_s
        if wanted_s is not None and facts.duration_s < wanted_s - CUT_SHORT_S:
            short.append((row, f"{evidence.clip(row).id}: {facts.duration_s:.3f} s of {wanted_s:.3f} s"))
    if short:
        yield Finding(
            "cut-short",
            "warning",
            evidence.ids([row for row, _ in short]),
            f"Times reach beyond the end of the file: {len(short):,} of {counted(len(evidence.facts), 'clip')}.",
            "Correct their times, or check that the annotations belong to this version of the recording.",
            tuple(text for _, text in short),
        )


def check_sound(evidence: Evidence) -> Iterator[Finding]:
    """Yield clips that are silent, clipped, very short, band-limited or off centre."""
    for check in _SOUND_CHECKS:
        found = [(row, facts) for row, facts in evidence.readable() if check.applies(facts)]
        if found:
            common = len(found) >= SOME_SHARE * len(evidence.facts)
            yield Finding(
                check.kind,
                "warning" if check.grave or (check.grave_if_common and common) else "info",
                evidence.ids([row for row, _ in found]),
                f"{check.message}: {len(found):,} of {counted(len(evidence.facts), 'clip')}.",
                check.remedy,
                tuple(f"{evidence.clip(row).id}: {check.detail(facts)}" for row, facts in found),
            )


def check_formats(evidence: Evidence) -> Iterator[Finding]:
    """Yield mixtures of rates, channel counts and containers."""
    features: dict[str, Callable[[ClipFacts], str]] = {
        "sample rates": lambda facts: f"{facts.rate_hz / 1000:g} kHz",
        "channel counts": lambda facts: {1: "mono", 2: "stereo"}.get(facts.n_channels, f"{facts.n_channels} channels"),
        "file formats": lambda facts: facts.container or "no ending",
    }
    readable = evidence.readable()
    for name, value in features.items():
        counts = Counter(value(facts) for _, facts in readable)
        if len(counts) < 2:
            continue
        usual = counts.most_common(1)[0][0]
        yield Finding(
            "mixed-audio",
            "info",
            evidence.ids([row for row, facts in readable if value(facts) != usual]),
            f"{counted(len(counts), name[:-1])}: {named([f'{n:,} x {item}' for item, n in counts.most_common()])}.",
            "Frontends bring them to one form; check that no label is recorded in a form of its own.",
        )


def check_balance(evidence: Evidence) -> Iterator[Finding]:
    """Yield labels with too few clips and too few groups."""
    clips_of: dict[str, list[int]] = {label: [] for label in evidence.dataset.labels}
    for row, clip in enumerate(evidence.dataset.clips):
        for label in clip.labels:
            clips_of[label].append(row)
    counts = {label: len(rows) for label, rows in clips_of.items()}
    few = sorted((n, label) for label, n in counts.items() if n < FEW_CLIPS)
    if few:
        yield Finding(
            "few-clips",
            "warning",
            evidence.ids([row for _, label in few for row in clips_of[label]]),
            f"{counted(len(few), 'label')} with fewer than {FEW_CLIPS} clips: "
            f"{named([f'{label} ({n})' for n, label in few])}.",
            "Collect more, merge them with a related label, or leave them out: their scores will be guesswork.",
            tuple(f"{label}: {counted(n, 'clip')}" for n, label in few) if len(few) > SHOWN_NAMES else (),
        )
    yield from _imbalance({label: n for label, n in counts.items() if n})
    yield from _groups(evidence, clips_of)


def _imbalance(counts: dict[str, int]) -> Iterator[Finding]:
    if len(counts) < 2:
        return
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    ratio = counts[most] / counts[least]
    if ratio >= RATIO_INFO and counts[most] >= FEW_CLIPS:
        yield Finding(
            "imbalance",
            "warning" if ratio >= RATIO_WARNING else "info",
            (),
            f"{most} has {counts[most]:,} clips, {least} {counts[least]:,}: {ratio:.0f} times as many.",
            "Judge models by balanced accuracy or macro-F1, not by accuracy, and weight or sample labels equally.",
        )


def _groups(evidence: Evidence, clips_of: dict[str, list[int]]) -> Iterator[Finding]:
    dataset = evidence.dataset
    groups_of = {label: {dataset.clips[row].group for row in rows} for label, rows in clips_of.items() if rows}
    labels_of: dict[str, set[str]] = defaultdict(set)
    for label, groups in groups_of.items():
        for group in groups:
            labels_of[group].add(label)
    confounded = len(groups_of) > 1 and all(len(groups) == 1 for groups in groups_of.values())
    if confounded and len(labels_of) > 1:
        yield Finding(
            "label-is-group",
            "warning",
            (),
            "Every label comes from one single group: what tells the labels apart may be the group "
            "(its microphone, its room, its day), and no split can find out.",
            "Record each label in several groups, or correct the group column.",
        )
        return
    few = sorted((len(groups), label) for label, groups in groups_of.items() if len(groups) < evidence.n_folds)
    if few:
        yield Finding(
            "few-groups",
            "warning",
            evidence.ids([row for _, label in few for row in clips_of[label]]),
            f"{counted(len(few), 'label')} with fewer than {evidence.n_folds} groups: "
            f"{named([f'{label} ({n})' for n, label in few])}.",
            f"Use {few[0][0]} folds, collect more groups, or leave these labels out."
            if few[0][0] > 1
            else "A label with one group can be trained on or tested on, never both: collect more or leave it out.",
            tuple(f"{label}: {counted(n, 'group')}" for n, label in few) if len(few) > SHOWN_NAMES else (),
        )
    if len(set(dataset.groups.tolist())) == len(dataset.clips) > 1:
        yield Finding(
            "no-groups",
            "info",
            (),
            "Every clip is a group of its own.",
            "If several clips share a speaker, recording, site or pack, say so with a group column or --group-by: "
            "else models are tested on what they have heard.",
        )
