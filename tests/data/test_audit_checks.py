from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from earmark.data.acoustic import ClipFacts
from earmark.data.acoustic_print import AcousticPrint
from earmark.data.audit_checks import check_balance, check_files, check_formats, check_sound, check_times
from earmark.data.audit_copies import CopySet
from earmark.data.audit_findings import Evidence, Finding
from earmark.data.audit_shortcuts import check_shortcuts, find_shortcut
from earmark.data.audit_splits import check_copies, check_splits
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.data.split import Fold

NO_PRINT = AcousticPrint(np.zeros(0, np.uint32), np.zeros((0, 3), np.uint8), np.zeros(0, np.int32))
PLAIN = ClipFacts(
    rate_hz=16000,
    n_channels=1,
    n_samples=16000,
    container="wav",
    content_hash="0",
    file_hash="0",
    peak=0.5,
    level_db=-20.0,
    dc_offset=0.0,
    clipped_share=0.0,
    quiet_share=0.0,
    bandwidth_hz=8000.0,
    bandlimited=False,
    print=NO_PRINT,
)


def evidence(
    labels_and_groups: list[tuple[str, str]],
    *,
    facts: list[ClipFacts | None] | None = None,
    folds: list[Fold] | None = None,
    copies: list[CopySet] | None = None,
) -> Evidence:
    clips = [
        Clip(f"{row}.wav", Path(f"/data/{row}.wav"), tuple(label.split("+")) if label else (), group)
        for row, (label, group) in enumerate(labels_and_groups)
    ]
    return Evidence(
        Dataset.of("d", clips),
        tuple(facts if facts is not None else [PLAIN] * len(clips)),
        copies=tuple(copies or ()),
        folds=tuple(folds or ()),
    )


def balanced(n_clips: int = 40, n_groups: int = 8) -> list[tuple[str, str]]:
    return [("a" if row % 2 else "b", f"g{row // 2 % n_groups}") for row in range(n_clips)]


def fold(train: list[int], test: list[int], validation: list[int] | None = None) -> Fold:
    return Fold("f", np.array(train, np.intp), np.array(test, np.intp), np.array(validation or [], np.intp))


def kinds(findings: list[Finding]) -> list[str]:
    return [finding.kind for finding in findings]


def test_good_evidence_gives_no_finding() -> None:
    good = evidence(balanced(), folds=[fold([0, 1], [2, 3])])
    for check in (check_files, check_times, check_sound, check_balance, check_formats, check_copies, check_splits):
        assert list(check(good)) == []
    assert list(check_shortcuts(good)) == []


@pytest.mark.parametrize(
    ("kind", "severity", "facts"),
    [
        ("silent", "warning", dataclasses.replace(PLAIN, level_db=-70.0)),
        ("silent", "warning", dataclasses.replace(PLAIN, level_db=-120.0, peak=0.0)),
        ("clipped", "warning", dataclasses.replace(PLAIN, clipped_share=0.01)),
        ("short", "info", dataclasses.replace(PLAIN, n_samples=100)),
        ("band-limited", "info", dataclasses.replace(PLAIN, bandlimited=True, bandwidth_hz=4000.0)),
        ("dc-offset", "info", dataclasses.replace(PLAIN, dc_offset=0.1)),
    ],
)
def test_single_bad_clip_is_named(kind: str, severity: str, facts: ClipFacts) -> None:
    (finding,) = check_sound(evidence(balanced(), facts=[*[PLAIN] * 39, facts]))
    assert (finding.kind, finding.severity, finding.clips) == (kind, severity, ("39.wav",))
    assert "1 of 40 clips" in finding.message
    assert finding.details[0].startswith("39.wav: ")


def test_rare_clipping_is_only_a_note() -> None:
    clipped = dataclasses.replace(PLAIN, clipped_share=0.01)
    (finding,) = check_sound(evidence(balanced(200), facts=[*[PLAIN] * 199, clipped]))
    assert finding.severity == "info"


def test_clip_that_reaches_beyond_its_file_is_named() -> None:
    good = evidence(balanced())
    clips = [dataclasses.replace(clip, duration_s=1.0) for clip in good.dataset.clips]
    clips[3] = dataclasses.replace(clips[3], duration_s=2.0)
    (finding,) = check_times(dataclasses.replace(good, dataset=good.dataset.with_clips(clips)))
    assert (finding.kind, finding.clips, finding.details) == ("cut-short", ("3.wav",), ("3.wav: 1.000 s of 2.000 s",))


def test_mixed_rates_channels_and_formats_are_counted() -> None:
    other = dataclasses.replace(PLAIN, rate_hz=44100, n_channels=2, container="mp3")
    findings = list(check_formats(evidence(balanced(), facts=[*[PLAIN] * 39, other])))
    assert kinds(findings) == ["mixed-audio"] * 3
    assert "2 sample rates: 39 x 16 kHz, 1 x 44.1 kHz." in findings[0].message
    assert "39 x mono, 1 x stereo" in findings[1].message
    assert findings[0].clips == ("39.wav",)


def test_unequal_labels_are_warned_of() -> None:
    clips = [("a", f"g{row % 7}") for row in range(120)] + [("b", f"g{row % 7}") for row in range(12)]
    (finding,) = check_balance(evidence(clips))
    assert (finding.kind, finding.severity) == ("imbalance", "warning")
    assert "a has 120 clips, b 12: 10 times as many" in finding.message


def test_label_with_few_clips_and_groups_is_named() -> None:
    clips = [*balanced(), ("rare", "g0"), ("rare", "g1")]
    findings = {finding.kind: finding for finding in check_balance(evidence(clips))}
    assert set(findings) == {"few-clips", "few-groups", "imbalance"}
    assert "1 label with fewer than 10 clips: rare (2)" in findings["few-clips"].message
    assert findings["few-clips"].clips == ("40.wav", "41.wav")
    assert findings["few-groups"].remedy.startswith("Use 2 folds")


def test_many_small_labels_are_listed_as_details() -> None:
    clips = [(f"label{row}", f"g{row % 3}") for row in range(9)] + [("label0", "g1")]
    findings = {finding.kind: finding for finding in check_balance(evidence(clips))}
    assert len(findings["few-clips"].details) == 9
    assert "and 3 more" in findings["few-clips"].message
    assert "never both" in findings["few-groups"].remedy


def test_label_that_is_a_group_makes_honest_splits_impossible() -> None:
    findings = list(check_balance(evidence([("a", "ann")] * 20 + [("b", "bob")] * 20)))
    assert kinds(findings) == ["label-is-group"]
    assert findings[0].severity == "warning"


def test_clips_that_are_all_groups_of_their_own_are_a_note() -> None:
    clips = [("a" if row % 2 else "b", f"g{row}") for row in range(20)]
    (finding,) = check_balance(evidence(clips))
    assert (finding.kind, finding.severity) == ("no-groups", "info")


def test_groups_are_found_on_any_two_sides_of_a_fold() -> None:
    clips = [("a", "ann"), ("a", "ann"), ("a", "bob"), ("a", "cem")]
    for leaking in (fold([0], [1]), fold([0], [2], [1]), fold([2], [0], [1])):
        (finding,) = check_splits(evidence(clips, folds=[leaking]))
        assert finding.kind == "group-leak"
        assert "1 group (ann)" in finding.message
    assert list(check_splits(evidence(clips, folds=[fold([0, 1], [2], [3])]))) == []


def test_copies_in_other_groups_leak_and_copies_in_one_group_do_not() -> None:
    clips = [("a", "ann"), ("a", "ann"), ("a", "bob"), ("a", "cem")]
    folds = [fold([0, 1], [2, 3]), dataclasses.replace(fold([2, 3], [0, 1]), name="g")]
    (finding,) = check_splits(evidence(clips, folds=folds, copies=[CopySet((0, 2), exact=True)]))
    assert (finding.kind, finding.severity, finding.clips) == ("copy-leak", "error", ("0.wav", "2.wav"))
    assert "1 copy set on both sides of 2 of 2 folds: 2 of 4 test clips" in finding.message
    assert finding.details == ("0.wav = 2.wav (f, g)",)
    assert list(check_splits(evidence(clips, folds=folds, copies=[CopySet((0, 1), exact=True)]))) == []


def test_one_file_in_two_groups_leaks() -> None:
    good = evidence([("a", "ann"), ("a", "bob")], folds=[fold([0], [1])])
    clips = [dataclasses.replace(clip, path=Path("/data/night.wav")) for clip in good.dataset.clips]
    (finding,) = check_splits(dataclasses.replace(good, dataset=good.dataset.with_clips(clips)))
    assert finding.kind == "file-leak"
    assert "night.wav" in finding.message


def test_fold_that_lacks_a_label_is_warned_of() -> None:
    clips = [("a", "ann"), ("b", "bob"), ("a", "cem")]
    (finding,) = check_splits(evidence(clips, folds=[fold([0, 1], [2])]))
    assert finding.kind == "fold-without-label"
    assert "f has no b in test" in finding.message
    (finding,) = check_splits(evidence(clips, folds=[fold([0, 1], [2])] * 5))
    assert finding.message.endswith("; ....")
    assert len(finding.details) == 5


def test_copies_are_told_apart_by_what_differs() -> None:
    clips = [("a", "ann"), ("b", "ann"), ("a", "bob"), ("a", "bob"), ("", "ann"), ("a", "ann")]
    copies = [CopySet((0, 1), exact=True), CopySet((2, 5), exact=False), CopySet((2, 3), exact=True)]
    findings = list(check_copies(evidence(clips, copies=copies)))
    assert kinds(findings) == ["label-conflict", "copies-across-groups", "copies"]
    assert [finding.severity for finding in findings] == ["warning", "warning", "info"]
    assert findings[0].details == ("0.wav [a] = 1.wav [b]",)
    assert findings[1].details == ("2.wav [bob] ~ 5.wav [ann]",)
    assert "2 clips in 1 set of the same sound within one label and group (1 exact, 0 near)" in findings[2].message
    (finding,) = check_copies(evidence(clips, copies=[CopySet((0, 4), exact=True)]))
    assert finding.details == ("0.wav [a] = 4.wav [no label]",)


def test_large_sets_of_copies_are_shortened() -> None:
    (finding,) = check_copies(evidence([("a", "g")] * 9, copies=[CopySet(tuple(range(9)), exact=True)]))
    assert finding.details == ("0.wav = 1.wav = 2.wav = 3.wav and 5 more",)


def by_label(clips: list[tuple[str, str]], *rates_hz: int) -> list[ClipFacts | None]:
    """Return facts of equal duration that take the first rate under label "a" and the second under "b"."""
    rates = [rates_hz[label != "a"] for label, _ in clips]
    return [dataclasses.replace(PLAIN, rate_hz=rate_hz, n_samples=rate_hz) for rate_hz in rates]


def test_sample_rate_that_gives_the_label_away_is_told_in_words() -> None:
    clips = balanced(80)
    (finding,) = check_shortcuts(evidence(clips, facts=by_label(clips, 16000, 44100)))
    assert (finding.kind, finding.severity) == ("shortcut", "warning")
    assert "The sample rate alone predicts the label for 100 % of clips in unseen groups" in finding.message
    assert "p = 0.005" in finding.message


def test_format_that_gives_most_labels_away_is_found() -> None:
    clips = balanced(100)
    facts: list[ClipFacts | None] = [
        dataclasses.replace(PLAIN, container="mp3" if (label == "a") != (row % 12 == 0) else "wav")
        for row, (label, _) in enumerate(clips)
    ]
    (finding,) = check_shortcuts(evidence(clips, facts=facts))
    assert "file format" in finding.message


def test_level_of_explicit_negatives_is_a_shortcut() -> None:
    clips = [("coyote" if row % 2 else "", f"g{row // 2 % 8}") for row in range(80)]
    facts: list[ClipFacts | None] = [
        dataclasses.replace(PLAIN, level_db=-20.0 - row % 5 if label else -60.0 - row % 7)
        for row, (label, _) in enumerate(clips)
    ]
    assert kinds(list(check_shortcuts(evidence(clips, facts=facts)))) == ["shortcut"]


def test_measure_that_tells_only_the_group_is_no_shortcut() -> None:
    """Two speakers say other words and one has another microphone: unseen speakers cannot be guessed from the rate."""
    clips = [("a" if row % 3 else "b", f"g{row % 10}") for row in range(200)]
    facts: list[ClipFacts | None] = [
        dataclasses.replace(PLAIN, rate_hz=8000 + 1000 * int(group[1:])) for _, group in clips
    ]
    assert list(check_shortcuts(evidence(clips, facts=facts))) == []


def test_random_measure_is_no_shortcut(rng: np.random.Generator) -> None:
    clips = balanced(400, 40)
    targets = np.array([label == "a" for label, _ in clips], dtype=np.int64)
    groups = np.array([int(group[1:]) for _, group in clips])
    p_values = []
    for trial in range(20):
        shortcut = find_shortcut(f"noise {trial}", list(rng.normal(size=400)), targets, groups)
        assert shortcut is not None
        assert abs(shortcut.skill) < 0.25
        p_values.append(shortcut.p_value)
    assert 0.15 < np.mean(p_values) < 0.85
    assert min(p_values) >= 0.005


def test_labels_that_belong_to_groups_are_shuffled_from_group_to_group() -> None:
    groups = np.repeat(np.arange(20), 5)
    targets = groups % 2
    shortcut = find_shortcut("rate", [float(target) for target in targets], targets, groups)
    assert shortcut is not None
    assert shortcut.accuracy == 1.0
    assert shortcut.p_value == 0.005


def test_constant_measures_and_single_groups_are_taken() -> None:
    targets = np.arange(40) % 2
    one_group = np.zeros(40, dtype=np.int64)
    assert find_shortcut("rate", [1.0] * 40, targets, one_group) is None
    shortcut = find_shortcut("rate", [float(target) for target in targets], targets, one_group)
    assert shortcut is not None
    assert shortcut.balanced_accuracy == 1.0


def test_few_clips_are_not_searched_for_shortcuts() -> None:
    clips = balanced(10)
    assert list(check_shortcuts(evidence(clips, facts=by_label(clips, 8000, 16000)))) == []
    assert list(check_shortcuts(evidence([("a", "g")] * 40))) == []
    assert list(check_shortcuts(evidence([("a", "g")], facts=[None]))) == []
