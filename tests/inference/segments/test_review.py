"""What a person does with clips, and what is understood of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import DataError
from earmark.data import load_dataset
from earmark.data.manifest_writer import write_manifest
from earmark.inference.events import Event, FileEvents
from earmark.inference.segments import Choice, CutOptions, choose, cut_segments, read_sheet, review_segments
from tests.inference.segments.conftest import RATE_HZ, clip_of, write_steps

if TYPE_CHECKING:
    from pathlib import Path

    from tests.inference.segments.conftest import Cutter


def edit(folder: Path, detected: str, /, **cells: str) -> None:
    """Change cells of the last row of a label in the table, as a spreadsheet would."""
    from dataclasses import replace

    from earmark.inference.segments import write_sheet

    segments = read_sheet(folder)
    last = max(number for number, segment in enumerate(segments) if segment.detected == detected)
    segments[last] = replace(segments[last], **cells)  # type: ignore[arg-type]
    write_sheet(folder, segments)


def move(folder: Path, label: str, goal: str) -> None:
    path = clip_of(folder, label)
    (folder / goal).mkdir(exist_ok=True)
    shutil.move(path, folder / goal / path.name)


def said(folder: Path, **options: str) -> dict[tuple[str, ...], int]:
    """Return the number of clips for each set of labels."""
    clips = review_segments(folder, **options).dataset.clips  # type: ignore[arg-type]
    return {labels: sum(clip.labels == labels for clip in clips) for labels in {clip.labels for clip in clips}}


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Return a folder of five clips of three recordings, none at the same time as another."""
    events = {"a": ("dog", "dog"), "b": ("dog", "cat"), "c": ("cat",)}
    files = [
        FileEvents(
            str(write_steps(tmp_path / f"{name}.wav")),
            *(10.0, RATE_HZ, 1),
            tuple(Event(2.0 * n, 2.0 * n + 1, label, 0.9 - n / 10) for n, label in enumerate(labels)),
        )
        for name, labels in events.items()
    ]
    cut_segments(choose(files, Choice()), tmp_path / "clips", CutOptions(padding_s=0.5))
    return tmp_path / "clips"


def test_what_is_left_in_place_is_right(clips: Path) -> None:
    review = review_segments(clips)
    assert said(clips) == {("dog",): 3, ("cat",): 2}
    assert dict(review.counts) == {"right": 5}
    assert review.dataset.task == "one"
    assert (review.faults, review.strangers) == ([], [])


def test_a_group_is_a_recording_and_times_are_the_detections(clips: Path, tmp_path: Path) -> None:
    dataset = review_segments(clips).dataset
    assert set(dataset.groups) == {str(tmp_path / f"{name}.wav") for name in "abc"}
    spans = {(clip.path.parent.name, clip.start_s, clip.duration_s) for clip in dataset.clips}
    assert spans == {("dog", 0.0, 1.0), ("dog", 0.5, 1.0), ("cat", 0.0, 1.0), ("cat", 0.5, 1.0)}


@pytest.mark.parametrize(
    ("goal", "expected", "count"),
    [
        ("dog", {("dog",): 4, ("cat",): 1}, "corrected"),
        ("wolf", {("dog",): 3, ("cat",): 1, ("wolf",): 1}, "corrected"),
        ("_noise", {("dog",): 3, ("cat",): 1, (): 1}, "noise"),
        ("_Noise", {("dog",): 3, ("cat",): 1, (): 1}, "noise"),
        ("_unsure", {("dog",): 3, ("cat",): 1}, "unsure"),
    ],
)
def test_a_clip_is_what_its_folder_says(
    goal: str, expected: dict[tuple[str, ...], int], count: str, clips: Path
) -> None:
    move(clips, "cat", goal)
    assert said(clips) == expected
    assert dict(review_segments(clips).counts) == {"right": 4, count: 1}


@pytest.mark.parametrize(
    ("cells", "expected", "count"),
    [
        ({"correct": "yes"}, {("dog",): 3, ("cat",): 2}, "right"),
        ({"correct": "No"}, {("dog",): 3, ("cat",): 1, (): 1}, "noise"),
        ({"correct": "?"}, {("dog",): 3, ("cat",): 1}, "unsure"),
        ({"label": "dog"}, {("dog",): 4, ("cat",): 1}, "corrected"),
        ({"label": "dog", "correct": "no"}, {("dog",): 4, ("cat",): 1}, "corrected"),
        ({"label": "wolf; dog"}, {("dog",): 3, ("cat",): 1, ("dog", "wolf"): 1}, "corrected"),
        ({"label": "_noise"}, {("dog",): 3, ("cat",): 1, (): 1}, "noise"),
        ({"label": "_unsure"}, {("dog",): 3, ("cat",): 1}, "unsure"),
    ],
)
def test_a_clip_is_what_the_table_says(
    cells: dict[str, str], expected: dict[tuple[str, ...], int], count: str, clips: Path
) -> None:
    edit(clips, "cat", **cells)
    assert said(clips) == expected
    assert review_segments(clips).counts[count] == 1 + 4 * (count == "right")


@pytest.mark.parametrize(
    ("cells", "goal", "message"),
    [
        ({"correct": "perhaps"}, None, 'correct is "perhaps", expected yes, no, unsure or nothing'),
        ({"label": ""}, None, "its label is empty"),
        ({"label": "dog", "correct": "yes"}, None, 'correct is "yes", but the label was changed to "dog"'),
        ({"label": "_bad"}, None, '"_bad" is no label'),
        ({"label": "dog;_noise"}, None, "is said to be _noise, dog at once"),
        ({"correct": "yes"}, "dog", r"segments\.csv says cat, and it lies in dog/"),
        ({"label": "wolf"}, "dog", r"segments\.csv says wolf, and it lies in dog/"),
        ({}, ".", "lies in no folder"),
        ({}, "_bad", '"_bad" is no label'),
    ],
)
def test_what_contradicts_itself_is_told_and_left_out(
    cells: dict[str, str], goal: str | None, message: str, clips: Path
) -> None:
    edit(clips, "cat", **cells)
    if goal is not None:
        move(clips, "cat", goal)
    review = review_segments(clips)
    assert len(review.faults) == 1
    assert review.faults[0].startswith("cat/")
    assert message.replace("\\", "") in review.faults[0]
    assert said(clips) == {("dog",): 3, ("cat",): 1}


@pytest.mark.parametrize(("goal", "correct", "expected"), [("dog", "no", ("dog",)), ("cat2", "no", ("cat2",))])
def test_no_and_another_folder_agree(goal: str, correct: str, expected: tuple[str, ...], clips: Path) -> None:
    edit(clips, "cat", correct=correct)
    move(clips, "cat", goal)
    review = review_segments(clips)
    assert review.faults == []
    assert dict(review.counts) == {"right": 4, "corrected": 1}
    assert expected in {clip.labels for clip in review.dataset.clips}


def test_only_what_was_marked(clips: Path) -> None:
    edit(clips, "dog", correct="yes")
    move(clips, "cat", "_noise")
    assert said(clips, unmarked="skip") == {("dog",): 1, (): 1}
    assert dict(review_segments(clips, unmarked="skip").counts) == {"unmarked": 3, "right": 1, "noise": 1}


def test_noise_may_be_a_class_of_its_own(clips: Path) -> None:
    move(clips, "cat", "_noise")
    assert said(clips, noise_label="nothing") == {("dog",): 3, ("cat",): 1, ("nothing",): 1}
    assert review_segments(clips, noise_label="nothing").dataset.task == "one"
    assert review_segments(clips).dataset.task == "many"


def test_a_clip_that_was_removed_is_counted(clips: Path) -> None:
    clip_of(clips, "cat").unlink()
    assert dict(review_segments(clips).counts) == {"right": 4, "gone": 1}


def test_a_clip_in_two_folders_has_both_labels(clips: Path) -> None:
    path = clip_of(clips, "cat")
    shutil.copy(path, clips / "dog" / path.name)
    assert said(clips) == {("dog",): 3, ("cat",): 1, ("cat", "dog"): 1}
    shutil.copy(path, clips / "_noise" / path.name)
    assert "at once" in review_segments(clips).faults[0]


def test_folders_inside_a_label_belong_to_it(clips: Path) -> None:
    (clips / "dog" / "checked").mkdir()
    move(clips, "dog", "dog/checked")
    assert dict(review_segments(clips).counts) == {"right": 5}


def test_sound_from_elsewhere_is_not_used(clips: Path) -> None:
    stranger = write_steps(clips / "dog" / "mine.wav", 1)
    (clips / "notes.txt").write_text("windy")
    review = review_segments(clips)
    assert review.strangers == [stranger]
    assert len(review.dataset.clips) == 5


def test_two_labels_of_one_stretch_are_one_clip(cutter: Cutter) -> None:
    folder = cutter()
    assert said(folder) == {("dog",): 1, ("AC/DC",): 1, ("cat", "dog"): 1}
    move(folder, "cat", "_noise")  # no cat, but the dog stands
    assert said(folder) == {("dog",): 2, ("AC/DC",): 1}


def test_a_doubt_about_a_stretch_is_a_doubt_about_all_of_it(cutter: Cutter) -> None:
    folder = cutter()
    move(folder, "cat", "_unsure")
    assert said(folder) == {("dog",): 1, ("AC/DC",): 1}


def test_a_label_that_begins_like_a_special_folder(tmp_path: Path) -> None:
    file = FileEvents(
        str(write_steps(tmp_path / "a.wav")),
        *(10.0, RATE_HZ, 1),
        (Event(0.0, 1.0, "_background_noise_", 0.9), Event(3.0, 4.0, "dog", 0.9)),
    )
    folder = tmp_path / "clips"
    cut_segments(choose([file], Choice()), folder, CutOptions())
    move(folder, "dog", "background_noise_")
    assert said(folder) == {("_background_noise_",): 2}


def test_the_manifest_is_read_as_the_same_dataset(clips: Path, tmp_path: Path) -> None:
    move(clips, "cat", "_noise")
    dataset = review_segments(clips).dataset
    write_manifest(dataset, tmp_path / "reviewed.csv")
    again = load_dataset(tmp_path / "reviewed.csv")
    assert again.fingerprint == dataset.fingerprint
    assert all(clip.path.is_file() for clip in again.clips)


def test_nothing_left_is_an_error(clips: Path) -> None:
    shutil.rmtree(clips / "cat")
    shutil.rmtree(clips / "dog")
    with pytest.raises(DataError, match=r"no clip is left of 5 \(5 gone\)"):
        review_segments(clips)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("clip,", "file,", "has no column clip"),
        ("dog/", "", None),
        (",0.0,1.0,0.0,1.5", ",01. Jan,1.0,0.0,1.5", 'column "start_s" holds "01. Jan"'),
        (",dog,", ",,", "clip or detected is empty"),
    ],
)
def test_a_damaged_table_is_refused(old: str, new: str, message: str | None, clips: Path) -> None:
    path = clips / "segments.csv"
    path.write_text(path.read_text().replace(old, new))
    if message is None:  # where a clip was cut to can be told from its name
        assert said(clips)
        return
    with pytest.raises(DataError, match=message):
        review_segments(clips)


def test_a_table_saved_by_a_european_spreadsheet(clips: Path) -> None:
    path = clips / "segments.csv"
    path.write_text(path.read_text().replace(",", ";").replace("\n", "\r\n"), encoding="utf-8-sig")
    assert said(clips) == {("dog",): 3, ("cat",): 2}


def test_any_other_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no segments\.csv, expected a folder that earmark segments made"):
        review_segments(tmp_path)
