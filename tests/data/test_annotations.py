from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.errors import DataError
from earmark.data.annotations import Annotation, Recording, segments_of, window_starts, windows_of
from earmark.data.options import LoadOptions

INFINITE = float("inf")


def recording(*annotations: tuple[str, float, float]) -> Recording:
    found = tuple(Annotation(label, start, end, where="t.txt:1") for label, start, end in annotations)
    return Recording("r.wav", Path("r.wav"), "g", found)


def test_an_annotation_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(DataError, match=r"t\.txt:1: annotation from 3\.0 s to 2\.0 s, expected 0 <= start <= end"):
        recording(("a", 3.0, 2.0))


@pytest.mark.parametrize(
    ("duration_s", "window_s", "hop_s", "starts"),
    [
        (9.0, 3.0, 3.0, [0.0, 3.0, 6.0]),
        (10.0, 3.0, 3.0, [0.0, 3.0, 6.0, 7.0]),
        (4.0, 3.0, 0.5, [0.0, 0.5, 1.0]),
        (2.0, 3.0, 3.0, [0.0]),
        (0.9, 0.3, 0.3, [0.0, 0.3, 0.6]),
    ],
)
def test_windows_cover_the_recording(duration_s: float, window_s: float, hop_s: float, starts: list[float]) -> None:
    assert window_starts(duration_s, window_s, hop_s) == pytest.approx(starts)


@given(st.floats(0.1, 1000), st.floats(0.5, 20), st.floats(0.2, 1))
def test_no_moment_is_outside_all_windows(duration_s: float, window_s: float, overlap: float) -> None:
    starts = window_starts(duration_s, window_s, window_s * overlap)
    assert starts[0] == 0
    assert all(b - a <= window_s + 1e-5 for a, b in itertools.pairwise(starts))
    assert starts[-1] + window_s >= duration_s - 1e-5
    assert starts[-1] <= max(0.0, duration_s - window_s) + 1e-5


def test_a_window_carries_what_overlaps_it_by_the_rule() -> None:
    options = LoadOptions(window_s=3.0, min_overlap_s=1.0, min_overlap_fraction=1.0)
    clips = windows_of(recording(("dog", 1.0, 4.0), ("cat", 2.5, 6.0)), 9.0, options)
    assert [(clip.start_s, clip.labels) for clip in clips] == [(0.0, ("dog",)), (3.0, ("cat", "dog"))]


def test_a_short_call_needs_only_a_part_of_itself() -> None:
    options = LoadOptions(window_s=3.0, min_overlap_s=1.0, min_overlap_fraction=0.5)
    clips = windows_of(recording(("chirp", 2.95, 3.15)), 6.0, options)
    assert [clip.start_s for clip in clips] == [3.0]


def test_windows_touched_by_less_than_the_rule_are_no_negatives() -> None:
    options = LoadOptions(window_s=3.0, min_overlap_s=1.0, min_overlap_fraction=1.0, keep_negatives=True)
    clips = windows_of(recording(("dog", 1.0, 3.5)), 9.0, options)
    assert [(clip.start_s, clip.labels) for clip in clips] == [(0.0, ("dog",)), (6.0, ())]


def test_a_point_lies_in_one_window() -> None:
    clips = windows_of(recording(("tick", 3.0, 3.0)), 9.0, LoadOptions(window_s=3.0))
    assert [clip.start_s for clip in clips] == [3.0]
    with pytest.raises(DataError, match=r'label "tick" is a point at 3\.0 s .* give window_s'):
        segments_of(recording(("tick", 3.0, 3.0)), LoadOptions())


def test_an_annotation_after_the_end_is_an_error() -> None:
    with pytest.raises(DataError, match=r"begins at 12\.0 s, but r\.wav is only 9\.000 s long"):
        windows_of(recording(("dog", 12.0, 13.0)), 9.0, LoadOptions(window_s=3.0))


def test_each_annotated_stretch_is_one_clip_with_all_that_is_heard_in_it() -> None:
    clips = segments_of(recording(("dog", 1.0, 2.0), ("cat", 1.0, 2.0), ("owl", 1.9, 8.0)), LoadOptions())
    assert [(c.id, c.labels) for c in clips] == [("r.wav@1.0+1.0", ("cat", "dog")), ("r.wav@1.9+6.1", ("owl",))]


def test_a_whole_file_is_a_clip_without_length() -> None:
    (clip,) = segments_of(recording(("dog", 0.0, INFINITE)), LoadOptions())
    assert (clip.id, clip.start_s, clip.duration_s) == ("r.wav", 0.0, None)


def test_a_recording_without_annotations_is_a_negative_when_asked() -> None:
    assert segments_of(recording(), LoadOptions()) == []
    assert segments_of(recording(), LoadOptions(keep_negatives=True))[0].labels == ()
    kept = windows_of(recording(), 9.0, LoadOptions(window_s=3.0, keep_negatives=True))
    assert [clip.labels for clip in kept] == [(), (), ()]
