from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.core.errors import ConfigError, StoreError
from earmark.inference.events import Event, FileEvents
from earmark.inference.segments import Choice, CutOptions, choose, cut_segments, find_recording, read_sheet
from earmark.inference.segments.cut import clip_span
from tests.inference.segments.conftest import RATE_HZ, clip_of, seconds_of, write_steps

if TYPE_CHECKING:
    from pathlib import Path

    from tests.inference.segments.conftest import Cutter


def test_clips_lie_in_a_folder_per_label(cutter: Cutter) -> None:
    folder = cutter()
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "segments.csv",
        "AC_DC/0.600_one_4.000-5.000_AC_DC.wav",
        "cat/0.750_night two_4.000-6.000_cat.wav",
        "dog/0.500_night two_4.000-6.000_dog.wav",
        "dog/0.900_one_0.000-2.000_dog.wav",
    }
    assert all((folder / name).is_dir() for name in ("_noise", "_unsure"))


def test_a_clip_is_the_sound_of_its_detection(cutter: Cutter, files: list[FileEvents]) -> None:
    folder = cutter()
    clip = clip_of(folder, "cat")
    samples, _ = soundfile.read(clip, always_2d=True)
    whole, _ = soundfile.read(files[1].path, always_2d=True)
    np.testing.assert_allclose(samples, whole[4 * RATE_HZ : 6 * RATE_HZ], atol=2**-15)
    assert soundfile.info(clip).subtype == "PCM_16"


def test_the_table_says_where_each_clip_comes_from(cutter: Cutter, files: list[FileEvents]) -> None:
    found = read_sheet(cutter(padding_s=1.0))
    assert [(each.label, each.detected, each.correct, each.probability) for each in found] == [
        ("AC/DC", "AC/DC", "", 0.6),
        ("cat", "cat", "", 0.75),
        ("dog", "dog", "", 0.9),
        ("dog", "dog", "", 0.5),
    ]
    assert (found[2].recording, found[2].times_s, found[2].clip_times_s) == (files[0].path, (0.0, 2.0), (0.0, 3.0))
    assert (found[3].recording, found[3].times_s, found[3].clip_times_s) == (files[1].path, (4.0, 6.0), (3.0, 7.0))


@pytest.mark.parametrize(
    ("event", "options", "expected"),
    [
        ((4.0, 6.0), {}, (4.0, 6.0)),
        ((4.0, 6.0), {"padding_s": 1.5}, (2.5, 7.5)),
        ((0.5, 9.5), {"padding_s": 1.0}, (0.0, 10.0)),
        ((9.0, 12.0), {}, (9.0, 10.0)),
        ((4.0, 6.0), {"length_s": 4.0}, (3.0, 7.0)),
        ((4.0, 6.0), {"length_s": 1.0}, (4.5, 5.5)),
        ((0.0, 1.0), {"length_s": 3.0}, (0.0, 3.0)),
        ((9.0, 10.0), {"length_s": 3.0}, (7.0, 10.0)),
        ((4.0, 4.0), {"length_s": 2.0}, (3.0, 5.0)),
        ((4.0, 6.0), {"length_s": 60.0}, (0.0, 10.0)),
        ((1.0, 9.0), {"longest_s": 2.0}, (4.0, 6.0)),
        ((1.0, 9.0), {"longest_s": 9.0, "padding_s": 1.0}, (0.5, 9.5)),
    ],
)
def test_where_a_clip_is_cut(
    event: tuple[float, float], options: dict[str, float], expected: tuple[float, float]
) -> None:
    found = clip_span(Event(*event, "dog", 0.5), 10.0, CutOptions(**options))  # type: ignore[arg-type]
    assert found == expected


def test_length_and_padding_are_heard(cutter: Cutter) -> None:
    assert seconds_of(clip_of(cutter("padded", padding_s=1.5), "cat")) == [2, 7]
    assert seconds_of(clip_of(cutter("long", length_s=6.0), "cat")) == [2, 7]


def test_what_cannot_be_cut_is_told_and_the_rest_is_cut(files: list[FileEvents], tmp_path: Path) -> None:
    (tmp_path / "junk.wav").write_text("no sound")
    odd = [
        FileEvents("moved.wav", 9.0, 8000, 1, (Event(0.0, 1.0, "dog", 0.4), Event(2.0, 3.0, "dog", 0.3))),
        FileEvents("memory://bucket/far.wav", 9.0, 8000, 1, (Event(0.0, 1.0, "dog", 0.2),)),
        FileEvents(str(tmp_path / "junk.wav"), 9.0, 8000, 1, (Event(0.0, 1.0, "dog", 0.1),)),
        FileEvents(files[0].path, 9.0, 8000, 1, (Event(11.0, 12.0, "dog", 0.7), Event(1.0, 1.0, "dog", 0.65))),
    ]
    cut = cut_segments(choose([*files, *odd], Choice()), tmp_path / "clips", CutOptions())
    assert len(cut.segments) == 4
    assert read_sheet(tmp_path / "clips") == list(cut.segments)
    told = {(lost.recording, lost.n_clips): lost.reason for lost in cut.lost}
    assert told.keys() == {
        ("moved.wav", 2),
        ("memory://bucket/far.wav", 1),
        (str(tmp_path / "junk.wav"), 1),
        (files[0].path, 1),
    }
    reasons = " ".join(lost.reason for lost in cut.lost)
    for part in (
        "moved.wav: is not there; name",
        "memory://bucket/far.wav: is not there",
        "no decoder takes this file",
    ):
        assert part in reasons
    assert "is 10.000 s long, but a detection begins at 11 s" in reasons
    assert "the detection at 1 s has no length" in reasons


def test_nothing_is_overwritten(cutter: Cutter, files: list[FileEvents], tmp_path: Path) -> None:
    folder = cutter()
    with pytest.raises(StoreError, match="is there already, and nothing is overwritten"):
        cut_segments(choose(files, Choice()), folder, CutOptions())
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match="is there already"):
        cut_segments(choose(files, Choice()), tmp_path / "file", CutOptions())
    (tmp_path / "empty").mkdir()
    assert len(cut_segments(choose(files, Choice()), tmp_path / "empty", CutOptions()).segments) == 4


def test_where_recordings_are_looked_for(tmp_path: Path) -> None:
    here = write_steps(tmp_path / "rec" / "site" / "a.wav", 1)
    assert find_recording(str(here), None, None) == here
    assert find_recording("site/a.wav", tmp_path / "rec", None) == here
    assert find_recording("/other/disk/site/a.wav", None, tmp_path / "rec") == here
    assert find_recording("site/a.wav", None, tmp_path) is None
    # what a person names comes before what the detections name
    copy = write_steps(tmp_path / "copy" / "a.wav", 1)
    assert find_recording(str(here), None, tmp_path / "copy") == copy


def test_sound_beyond_full_scale_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.full(RATE_HZ, 1.5), RATE_HZ, subtype="FLOAT")
    file = FileEvents(str(path), 1.0, RATE_HZ, 1, (Event(0.0, 0.5, "dog", 0.9),))
    cut = cut_segments(choose([file], Choice()), tmp_path / "clips", CutOptions())
    samples, _ = soundfile.read(tmp_path / "clips" / cut.segments[0].clip)
    assert samples.max() == 1.5


def test_detections_that_differ_little_have_clips_of_their_own(tmp_path: Path) -> None:
    path = write_steps(tmp_path / "a.wav")
    other = write_steps(tmp_path / "b" / "a.wav")
    events = (Event(1.0, 2.0, "dog", 0.9), Event(1.0001, 2.0, "dog", 0.9))
    files = [FileEvents(str(each), 10.0, RATE_HZ, 1, events) for each in (path, other)]
    cut = cut_segments(choose(files, Choice()), tmp_path / "clips", CutOptions())
    assert len({segment.clip for segment in cut.segments}) == 4
    assert len(list((tmp_path / "clips" / "dog").iterdir())) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding_s": -1.0}, "padding: found -1.0"),
        ({"length_s": 0.0}, "length: found 0.0"),
        ({"longest_s": 1e9}, "longest: found 1000000000.0"),
        ({"length_s": 3.0, "padding_s": 1.0}, "give one of the two"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CutOptions(**options)  # type: ignore[arg-type]


@pytest.mark.real
def test_clips_of_real_recordings(wildlife_dir: Path, tmp_path: Path) -> None:
    paths = sorted((wildlife_dir / "audio").glob("american-bullfrog-*.ogg"))
    files = [FileEvents(str(path), 9.0, 0, 0, (Event(1.0, 4.0, "bullfrog", 0.9),)) for path in paths]
    cut = cut_segments(choose(files, Choice()), tmp_path / "clips", CutOptions(padding_s=1.0))
    assert len(cut.segments) == len(paths) == 3
    for segment in cut.segments:
        info = soundfile.info(tmp_path / "clips" / segment.clip)
        assert info.frames == 5 * info.samplerate
