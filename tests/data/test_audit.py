from __future__ import annotations

import json
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.core.errors import ConfigError, DataError
from earmark.data.audit import audit
from earmark.data.audit_findings import KINDS, AuditReport, Finding, counted, named
from earmark.data.audit_report import _TITLES, duration, to_html, to_json, to_text
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.data.split import Fold, given_folds, leave_one_group_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.data.conftest import Diary

RATE_HZ = 8000


def make_dataset(folder: Path, *, n_groups: int = 5, n_takes: int = 2) -> Dataset:
    """Write noise of two pitches by several groups and return it as a dataset."""
    clips = []
    rng = np.random.default_rng(3)
    for label, width in (("high", 1), ("low", 9)):
        for group in range(n_groups):
            for take in range(n_takes):
                name = f"{label}-{group}-{take}.wav"
                noise = np.convolve(rng.normal(0, 0.1, rng.integers(2000, 3000)), np.ones(width) / width)
                soundfile.write(folder / name, noise.clip(-0.9, 0.9), RATE_HZ)
                clips.append(Clip(name, folder / name, (label,), f"person{group}"))
    return Dataset.of("noises", clips)


def kinds(report: AuditReport) -> list[str]:
    return [finding.kind for finding in report.findings]


def only(report: AuditReport, kind: str) -> Finding:
    (finding,) = [finding for finding in report.findings if finding.kind == kind]
    return finding


def test_clean_dataset_passes_with_a_row_for_each_label(tmp_path: Path, diary: Diary) -> None:
    dataset = make_dataset(tmp_path)
    report = audit(dataset, folds=leave_one_group_out(dataset), progress=diary)
    assert not report.failed
    assert report.findings == ()
    assert (report.n_clips, report.n_readable, report.n_groups) == (20, 20, 5)
    assert [(row.label, row.n_clips, row.n_groups) for row in report.labels] == [("high", 10, 5), ("low", 10, 5)]
    assert report.labels[0].shortest_s is not None
    assert 0.25 <= report.labels[0].shortest_s < 0.38
    assert diary.labels[0] == "Reading clips"
    assert diary.n_steps >= 20
    assert "PASSED: nothing to remark" in to_text(report)


def test_unreadable_files_fail_the_audit_and_are_named_with_the_reason(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    (tmp_path / "high-0-0.wav").unlink()
    (tmp_path / "low-1-0.wav").write_bytes(b"")
    (tmp_path / "low-2-0.wav").write_bytes(b"RIFFnot really a wave file at all")
    report = audit(dataset)
    assert report.failed
    finding = only(report, "unreadable")
    assert report.findings[0] is finding
    assert finding.clips == ("high-0-0.wav", "low-1-0.wav", "low-2-0.wav")
    assert "3 of 20 clips" in finding.message
    assert all(clip in reason for clip, reason in zip(finding.clips, finding.details, strict=True))
    assert (report.n_readable, len(report.facts)) == (17, 17)


def test_dataset_without_a_single_readable_clip_is_reported(tmp_path: Path) -> None:
    clips = [Clip(str(n), tmp_path / f"{n}.wav", ("a",), "g") for n in range(3)]
    report = audit(Dataset.of("gone", clips))
    assert report.failed
    assert report.labels[0].median_s is None
    assert "\N{EN DASH}" in to_text(report)
    assert "gone" in to_html(report)
    json.dumps(to_json(report), allow_nan=False)


def test_empty_dataset_is_reported() -> None:
    report = audit(Dataset.of("nothing", []))
    assert not report.failed
    assert "nothing: 0 clips" in to_text(report)
    assert "<h1>" in to_html(report)


def test_report_does_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    (tmp_path / "high-0-0.wav").unlink()
    assert to_json(audit(dataset, workers=1)) == to_json(audit(dataset, workers=2))


class DyingPool:
    """Stands for a `ProcessPoolExecutor` of which a worker is killed."""

    def __init__(self, max_workers: int) -> None:
        self.max_workers = max_workers

    def __enter__(self) -> DyingPool:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, *_: object, **__: object) -> Iterator[str]:
        yield "first.wav: cannot be read"
        raise BrokenProcessPool


def test_killed_worker_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earmark.data.audit.ProcessPoolExecutor", DyingPool)
    with pytest.raises(DataError, match="one of 2 worker processes was killed"):
        audit(make_dataset(tmp_path), workers=2)


def test_no_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found workers=0, expected 1 or more"):
        audit(Dataset.of("nothing", []), workers=0)


def test_group_on_both_sides_fails_and_leave_one_group_out_does_not(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    rows = np.arange(20)
    leaking = Fold("official", rows[rows % 2 == 0], rows[rows % 2 == 1])
    report = audit(dataset, folds=[leaking])
    finding = only(report, "group-leak")
    assert report.failed
    assert finding.severity == "error"
    assert "5 groups (person0, person1, person2, person3, person4) on both sides of the split" in finding.message
    assert "10 of 10 test clips have a relative in training" in finding.message
    assert "FAILED: 1 error" in to_text(report)
    assert not audit(dataset, folds=leave_one_group_out(dataset)).failed


def test_text_shows_the_first_details_and_counts_the_rest(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    for path in sorted(tmp_path.glob("low-*.wav")):
        path.unlink()
    text = to_text(audit(dataset))
    assert "low-1-0.wav" in text
    assert "low-3-0.wav" not in text
    assert "and 7 more" in text


def test_json_and_html_hold_every_finding(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    (tmp_path / "high-0-0.wav").write_bytes(b"")
    report = audit(dataset)
    as_json = json.loads(json.dumps(to_json(report), allow_nan=False))
    assert [item["kind"] for item in as_json["findings"]] == kinds(report)
    assert as_json["failed"] is True
    assert len(as_json["clips"]) == 19
    page = to_html(report)
    for finding in report.findings:
        assert _TITLES[finding.kind] in page
    assert "http" not in page.replace("http-equiv", "")


def test_audit_that_passes_with_warnings_says_that_nothing_crosses_the_split(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, n_groups=2)
    report = audit(dataset, folds=leave_one_group_out(dataset))
    assert not report.failed
    assert "PASSED with 2 warnings; nothing crosses the split" in to_text(report)
    assert 'class="notice warning"' in to_html(report)


def test_every_kind_has_a_title() -> None:
    assert set(_TITLES) == set(KINDS)


def test_findings_are_ordered_by_gravity(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, n_groups=3, n_takes=1)
    soundfile.write(tmp_path / "low-0-0.wav", np.zeros(2000), RATE_HZ)
    (tmp_path / "high-0-0.wav").unlink()
    found = kinds(audit(dataset))
    assert found[0] == "unreadable"
    assert found.index("few-groups") < found.index("silent") < found.index("few-clips")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.2 s"), (43, "43 s"), (151.2, "2 min 31 s"), (3600, "1 h 00 min"), (7260, "2 h 01 min")],
)
def test_durations_are_told_as_people_do(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_numbers_and_names_are_told_as_people_do() -> None:
    assert [counted(n, "clip") for n in (0, 1, 2000)] == ["0 clips", "1 clip", "2,000 clips"]
    assert counted(2, "copy") == "2 copies"
    assert named(list("abc"), at_most=2) == "a, b and 1 more"


@pytest.mark.real
def test_official_split_of_fsdd_leaks_speakers_and_leave_one_speaker_out_does_not(fsdd_dir: Path) -> None:
    from earmark.data.loading import load_dataset

    dataset = load_dataset(fsdd_dir).where(lambda clip: clip.id[-6:] in {"_0.wav", "_5.wav", "_7.wav"})
    official = audit(dataset, folds=given_folds(dataset, allow_shared_groups="to show the leak"))
    assert official.failed
    assert "6 groups (george" in only(official, "group-leak").message
    assert not audit(dataset, folds=leave_one_group_out(dataset)).failed
