from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.progress import SILENT
from earmark.data.audit import audit
from earmark.data.audit_findings import Evidence, Finding
from earmark.data.audit_gaps import find_gaps
from earmark.data.audit_quality import ClipQuality, Quality, assess_quality, check_quality, damage_by_label
from earmark.data.audit_report import to_html, to_json, to_text
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from tests.data.test_audit import make_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from earmark.core.progress import Progress

WORDS = {"noise": "noisy", "phase": "out of phase"}
Judge = "Callable[[Clip], ClipQuality | str]"


class Ears:
    """Assesses clips by a rule of the test's own."""

    words = WORDS

    def __init__(self, judge: Callable[[Clip], ClipQuality | str]) -> None:
        self.judge = judge
        self.n_heard = 0

    def __call__(self, clips: Sequence[Clip], progress: Progress) -> Iterator[ClipQuality | str]:
        self.n_heard += len(clips)
        return map(self.judge, clips)


def noisy(severity: float = 0.4) -> ClipQuality:
    return ClipQuality({"noise": severity}, sentences=("It hisses.",))


def dataset(n_groups: int = 10, n_takes: int = 4) -> Dataset:
    """Return clips without files: two labels in every group, the last group in the fold "test"."""
    clips = [
        Clip(f"{label}-{group}-{take}", Path("x.wav"), (label,), f"g{group}", fold="test" if group == 0 else "train")
        for label in ("cat", "dog")
        for group in range(n_groups)
        for take in range(n_takes)
    ]
    return Dataset.of("pets", clips)


def findings(judge: Callable[[Clip], ClipQuality | str], data: Dataset | None = None) -> list[Finding]:
    data = data or dataset()
    rows = range(len(data.clips))
    evidence = Evidence(data, (None,) * len(rows), quality=assess_quality(data.clips, rows, Ears(judge), SILENT))
    return list(check_quality(evidence))


def kinds(found: list[Finding]) -> list[str]:
    return [finding.kind for finding in found]


def test_nobody_asked_nothing_found() -> None:
    evidence = Evidence(dataset(), ())
    assert list(check_quality(evidence)) == []
    assert damage_by_label(evidence) == {}


def test_clean_clips_give_no_findings() -> None:
    assert findings(lambda _: ClipQuality()) == []


def test_damaged_clips_are_counted_and_the_worst_listed_first() -> None:
    def judge(clip: Clip) -> ClipQuality:
        return noisy(0.9 if clip.id == "dog-2-3" else 0.3) if clip.id.endswith("3") else ClipQuality()

    (finding,) = findings(judge)
    assert (finding.kind, finding.severity, len(finding.clips)) == ("damaged", "warning", 20)
    assert finding.message == "20 clips of 80 (25 %) are noisy: mean severity 33 %, worst 90 %."
    assert finding.details[:2] == ("dog-2-3: 90 %. It hisses.", "cat-0-3: 30 %. It hisses.")
    (one,) = findings(lambda clip: noisy() if clip.id == "cat-1-1" else ClipQuality())
    assert one.message.startswith("1 clip of 80 (1 %) is noisy")


def test_a_sentence_stands_only_beside_the_fault_that_it_is_about() -> None:
    both = ClipQuality({"phase": 0.9, "noise": 0.2}, sentences=("Left and right cancel.",))
    found = findings(lambda clip: both if clip.id == "cat-1-1" else ClipQuality())
    assert [finding.details for finding in found] == [
        ("cat-1-1: 20 %",),
        ("cat-1-1: 90 %. Left and right cancel.",),
    ]


def test_damage_that_follows_the_label_is_a_shortcut() -> None:
    damaged, shortcut, *rest = findings(
        lambda clip: noisy() if clip.labels == ("cat",) and not clip.id.endswith("3") else ClipQuality()
    )
    assert damaged.kind == "damaged"
    assert shortcut.kind == "damage-shortcut"
    assert shortcut.message == (
        'Damage follows the label: 75 % of "cat" (30 of 40) are noisy, 0 % of all others (0 of 40; p = 0.005); '
        "a model can learn the damage instead of the sound."
    )
    assert shortcut.details[1].startswith('0 % of "dog" (0 of 40) are noisy, 75 % of all others')
    assert rest == []


def test_damage_that_follows_the_fold_is_told() -> None:
    def judge(clip: Clip) -> ClipQuality:
        return noisy() if clip.fold == "test" else ClipQuality()

    # One group that stands for a fold says little; ten that are damaged alike do.
    clips = [
        Clip(clip.id, clip.path, clip.labels, clip.group, fold="test" if int(clip.group[1:]) < 10 else "train")
        for clip in dataset(n_groups=20, n_takes=2).clips
    ]
    found = findings(judge, Dataset.of("pets", clips))
    assert 'Damage follows the fold: 100 % of "test" (40 of 40) are noisy' in found[1].message
    assert "says little about the others" in found[1].message
    assert "every fold has clips of each quality" in found[1].remedy


def test_groups_that_are_damaged_whole_are_named() -> None:
    found = findings(lambda clip: noisy() if clip.group in ("g1", "g2") else ClipQuality())
    assert kinds(found) == ["damaged", "damage-in-groups"]
    assert "100 % of the clips that are noisy come from 2 groups in which every clip is so: g1, g2." in found[1].message
    assert found[1].details == ("g1: 8 clips", "g2: 8 clips")


def test_damage_spread_over_labels_and_groups_is_no_shortcut() -> None:
    rng = np.random.default_rng(0)
    found = findings(lambda _: noisy() if rng.random() < 0.5 else ClipQuality())
    assert kinds(found) == ["damaged"]


def test_clips_over_the_limit_fail_the_worst_first() -> None:
    def judge(clip: Clip) -> ClipQuality:
        severity = {"cat-1-1": 0.5, "dog-1-1": 0.8}.get(clip.id, 0.0)
        return ClipQuality({"noise": severity}, over=(f"noise {severity} is over 0.3",)) if severity else ClipQuality()

    (over,) = [finding for finding in findings(judge) if finding.severity == "error"]
    assert over.kind == "over-limit"
    assert over.message == "2 clips of 80 are damaged beyond the limit."
    assert over.details == ("dog-1-1: noise 0.8 is over 0.3", "cat-1-1: noise 0.5 is over 0.3")


def test_clips_that_cannot_be_assessed_fail() -> None:
    (failed,) = findings(lambda clip: "x.wav: is torn" if clip.id == "cat-1-1" else ClipQuality())
    assert (failed.kind, failed.severity, failed.clips) == ("not-assessed", "error", ("cat-1-1",))
    assert failed.details == ("x.wav: is torn",)


def test_what_cannot_be_told_is_counted_by_reason_and_left_out_of_shares() -> None:
    def judge(clip: Clip) -> ClipQuality:
        mono = clip.labels == ("cat",)
        untold = {"phase": f"needs two channels, found {clip.id}"} if mono else {}
        return ClipQuality({} if mono else {"phase": 0.5}, untold)

    found = findings(judge)
    assert kinds(found) == ["damaged", "not-told"]
    assert "40 clips of 40 (100 %)" in found[0].message
    assert found[1].details == ("phase in 40 of 80: needs two channels",)


@pytest.mark.parametrize("n_clips", [4, 200])
def test_few_clips_or_one_name_show_no_gap(n_clips: int) -> None:
    groups = np.array([f"g{row % 10}" for row in range(n_clips)])
    names = ["a", "b"] * (n_clips // 2)
    damaged = [name == "a" for name in names]
    assert find_gaps("noise", ["a"] * n_clips, damaged, groups) == []
    assert bool(find_gaps("noise", names, damaged, groups)) == (n_clips == 200)
    # In a single group every clip stands for itself.
    assert bool(find_gaps("noise", names, damaged, np.array(["g"] * n_clips))) == (n_clips == 200)


def test_a_label_of_one_group_shows_no_gap_beyond_chance() -> None:
    # Two labels of one group each: shuffling groups cannot tell label from group.
    groups = np.array(["g1"] * 20 + ["g2"] * 20)
    assert find_gaps("noise", ["a"] * 20 + ["b"] * 20, [True] * 20 + [False] * 20, groups) == []


def test_rare_labels_are_not_judged() -> None:
    names = ["rare"] * 3 + ["a", "b"] * 50
    gaps = find_gaps("noise", names, [True] * 3 + [False] * 100, np.array([f"g{row}" for row in range(103)]))
    assert gaps == []


def test_the_audit_takes_the_answers_into_text_json_and_page(tmp_path: Path) -> None:
    data = make_dataset(tmp_path, n_groups=5, n_takes=4)
    (tmp_path / "low-0-0.wav").write_bytes(b"RIFF")
    ears = Ears(lambda clip: noisy() if clip.labels == ("high",) else ClipQuality({}, {"phase": "mono"}))
    report = audit(data, quality=ears)
    assert ears.n_heard == 39  # what cannot be read is told once
    assert {"unreadable", "damaged", "damage-shortcut", "not-told"} <= {finding.kind for finding in report.findings}
    assert 'Damage follows the label: 100 % of "high" (20 of 20) are noisy' in to_text(report)
    value = to_json(report)
    assert json.loads(json.dumps(value)) == value
    assert value["damage"] == {"high": {"noise": 1.0, "phase": 0.0}, "low": {"noise": 0.0, "phase": None}}
    assert value["clips"]["high-0-0.wav"]["faults"] == {"noise": 0.4}
    assert value["clips"]["low-0-1.wav"]["untold"] == {"phase": "mono"}
    page = to_html(report)
    assert "Share of the clips of each label that are damaged" in page
    assert "Damage that gives the label away" in page


def test_an_audit_without_quality_says_nothing_of_it(tmp_path: Path) -> None:
    report = audit(make_dataset(tmp_path))
    assert "damage" not in to_json(report)
    assert "faults" not in next(iter(to_json(report)["clips"].values()))
    assert "by type of fault" not in to_html(report)


def test_shares_of_types_that_can_be_told_of_no_clip_are_none() -> None:
    data = dataset(n_groups=1, n_takes=1)
    quality = Quality(WORDS, {0: ClipQuality({"noise": 0.3}, {"phase": "mono"})}, {1: "torn"})
    assert damage_by_label(Evidence(data, (), quality=quality)) == {
        "cat": {"noise": 1.0, "phase": None},
        "dog": {"noise": None, "phase": None},
    }
    assert ClipQuality().worst == 0
