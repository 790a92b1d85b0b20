"""Building a corpus: whole, in halves, by several processes, and into folders that do not take it."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from earmark.audio import Waveform, write_audio
from earmark.core.errors import AudioError, DataError, EarmarkError, StoreError
from earmark.data.loading import load_dataset
from earmark.distortion.corpus import build
from earmark.distortion.corpus.build import build_corpus
from earmark.distortion.corpus.make import make_clip
from earmark.distortion.corpus.manifest import read_rows
from earmark.distortion.corpus.plan import CorpusOptions, plan_corpus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earmark.distortion.corpus.plan import ClipPlan
    from earmark.distortion.corpus.tracks import Track

OPTIONS = CorpusOptions({"validation": 12, "wild": 8}, clip_s=1.0, seed=3)


class Notes:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.total = self.done = 0
        self.notes: list[str] = []

    def start(self, label: str, total: int) -> None:
        assert label == "corpus"
        self.total = total

    def advance(self, n_steps: int = 1) -> None:
        self.done += n_steps

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="module")
def tracks(
    tmp_path_factory: pytest.TempPathFactory, make: Callable[..., Waveform], new_track: Callable[..., Track]
) -> list[Track]:
    folder, music = tmp_path_factory.mktemp("tracks"), make(2, 44_100, 2.0)
    made = []
    for number in range(10):
        sound = Waveform(np.roll(music.samples, 7000 * number, axis=1), 44_100)
        write_audio(folder / f"{number}.flac", sound)
        role = "wild" if number > 7 else "pool"
        made.append(new_track(f"t{number}", path=folder / f"{number}.flac", duration_s=2.0, role=role))
    return made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tracks: list[Track]) -> Path:
    """A corpus that was built in one go; not to be written to."""
    folder = tmp_path_factory.mktemp("corpora") / "whole"
    build_corpus(folder, tracks, OPTIONS)
    return folder


@pytest.fixture
def copy(tmp_path: Path, whole: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "copy")


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def keep(folder: Path, n_rows: int, *, torn: str = "") -> list[str]:
    """Take away all but some clips, as if a build had been killed."""
    lines = (folder / "rows.jsonl").read_text().splitlines(keepends=True)
    kept, gone = lines[:n_rows], lines[n_rows:]
    for line in gone:
        row = json.loads(line)
        (folder / "audio" / row["split"] / f"{row['id']}.flac").unlink()
    (folder / "rows.jsonl").write_text("".join(reversed(kept)) + torn)
    (folder / "clips.csv").unlink()
    return gone


def test_every_clip_of_the_plan_is_on_disk_as_its_row_says(whole: Path, tracks: list[Track]) -> None:
    rows, plans = read_rows(whole), {plan.id: plan for plan in plan_corpus(tracks, OPTIONS)}
    assert [row.id for row in rows] == sorted(plans)
    for row in rows:
        info, plan = soundfile.info(whole / row.file), plans[row.id]
        assert (info.samplerate, info.channels) == (row.rate_hz, row.n_channels)
        assert info.duration == pytest.approx(row.duration_s, abs=1e-3)
        assert info.subtype == f"PCM_{plan.bits}"
        assert (row.part, row.variant, row.track) == (plan.part, plan.variant, plan.track.track)
        assert row.effects == tuple(fault.effect for fault in plan.faults)
        assert len(row.steps) == len(row.effects)
        assert (row.span is None) == (plan.span is None)
        if row.span is not None:
            assert 0 <= row.span[0] < row.span[1] <= row.duration_s + 1e-3
    stated = json.loads((whole / "corpus.json").read_text())
    assert stated["options"]["clips"] == OPTIONS.clips
    assert stated["n_tracks"] == len({plan.track.id for plan in plans.values()})


def test_the_sound_on_disk_is_the_sound_that_was_made(whole: Path, tracks: list[Track]) -> None:
    for plan in plan_corpus(tracks, OPTIONS)[::5]:
        samples, _ = soundfile.read(whole / f"audio/{plan.split}/{plan.id}.flac", dtype="float32", always_2d=True)
        np.testing.assert_array_equal(samples.T, make_clip(plan, OPTIONS.seed).waveform.samples)


def test_it_is_a_dataset_of_labels(whole: Path) -> None:
    dataset = load_dataset(whole)
    present = {
        row.id: {kind for kind, value in row.presence.items() if value == 1}
        for row in read_rows(whole)
        if all(value is not None or row.severity[kind] is None for kind, value in row.presence.items())
    }
    assert {clip.path.stem: set(clip.labels) for clip in dataset.clips} == present


def test_what_was_broken_off_half_way_ends_as_if_it_had_not_been(
    copy: Path, whole: Path, tracks: list[Track], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = keep(copy, 10, torn='{"duration_s":1.0,"eff')
    made: list[str] = []

    def watched(plan: ClipPlan, seed: int) -> Any:
        made.append(plan.id)
        return make_clip(plan, seed)

    monkeypatch.setattr(build, "make_clip", watched)
    progress = Notes()
    rows = build_corpus(copy, tracks, OPTIONS, progress=progress)
    assert sorted(made) == [json.loads(line)["id"] for line in gone]
    assert rows == read_rows(whole)
    assert content(copy) == content(whole)
    assert (progress.done, progress.total, progress.notes) == (20, 20, [])


def test_a_finished_corpus_is_left_as_it_is(copy: Path, whole: Path, tracks: list[Track]) -> None:
    assert build_corpus(copy, tracks, OPTIONS, workers=2) == read_rows(whole)
    assert content(copy) == content(whole)


def test_two_processes_make_the_same_corpus_as_one(copy: Path, whole: Path, tracks: list[Track]) -> None:
    keep(copy, 4)
    build_corpus(copy, tracks, OPTIONS, workers=2)
    assert content(copy) == content(whole)


def test_another_corpus_in_the_folder_is_left_alone(copy: Path, whole: Path, tracks: list[Track]) -> None:
    for options in (replace(OPTIONS, seed=4), replace(OPTIONS, clips={"wild": 7})):
        with pytest.raises(DataError, match="holds another corpus; choose another folder or remove it"):
            build_corpus(copy, tracks, options)
    with pytest.raises(DataError, match="holds another corpus"):
        build_corpus(copy, tracks[1:], OPTIONS)
    assert content(copy) == content(whole)


def test_folders_that_cannot_be_written_are_told(tmp_path: Path, tracks: list[Track]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file/corpus: cannot be written .*choose another folder"):
        build_corpus(tmp_path / "file" / "corpus", tracks, OPTIONS)


def test_a_few_clips_that_cannot_be_made_are_left_out_and_told(
    copy: Path, tracks: list[Track], monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = keep(copy, 19)

    def fail(plan: ClipPlan, seed: int) -> Any:
        raise AudioError(f"nothing for {plan.id} with {seed}")

    monkeypatch.setattr(build, "make_clip", fail)
    progress = Notes()
    rows = build_corpus(copy, tracks, OPTIONS, progress=progress)
    name = json.loads(line)["id"]
    assert len(rows) == 19
    assert progress.notes == [f"1 clips left out, such as {name}: nothing for {name} with 3"]
    assert progress.done == 20


def test_many_clips_that_cannot_be_made_are_no_chance(tmp_path: Path, put_track: Callable[..., Track]) -> None:
    silent = put_track("silent", Waveform(np.zeros((2, 88_200), dtype=np.float32), 44_100), role="wild")
    with pytest.raises(DataError, match=r"2 of 2 clips could not be made: wild-00000: .*all but silent"):
        build_corpus(tmp_path / "corpus", [silent], CorpusOptions({"wild": 2}, clip_s=1.0))


def test_a_killed_process_is_told_and_finished_clips_are_kept(
    copy: Path, tracks: list[Track], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def submit(self, *_: object) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(BrokenProcessPool())
            return future

        def shutdown(self, **_: object) -> None:
            pass

    keep(copy, 3)
    monkeypatch.setattr(build, "ProcessPoolExecutor", Killed)
    with pytest.raises(EarmarkError, match=r"a worker process was killed.*fewer workers \(finished clips are kept\)"):
        build_corpus(copy, tracks, OPTIONS, workers=4)
    assert len(read_rows(copy)) == 3


def test_processes_use_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    build._one_thread()
    assert os.environ["OMP_NUM_THREADS"] == "1"
