"""`earmark segments` and `earmark review` as a person uses them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.core.errors import ConfigError, DataError, StoreError
from earmark.inference.events import Event, FileEvents
from earmark.inference.formats import FORMATS, open_writers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

RATE_HZ = 8000


@pytest.fixture
def detections(tmp_path: Path) -> Path:
    """Return a folder of detections in every format: loud and quiet stretches of four recordings."""
    rng = np.random.default_rng(3)
    (tmp_path / "rec").mkdir()
    with open_writers(tmp_path / "found", list(FORMATS), inputs=[tmp_path / "rec"]) as writer:
        for number in range(4):
            path = tmp_path / "rec" / f"night{number}.wav"
            levels = np.repeat([0.2, 0.005] * 4, RATE_HZ // 2)
            soundfile.write(path, np.clip(levels * rng.normal(size=len(levels)), -1, 1), RATE_HZ)
            events = tuple(
                Event(n / 2, n / 2 + 0.5, ("loud", "quiet")[n % 2], 0.99 - n / 10 - number / 100) for n in range(8)
            )
            writer.add(FileEvents(str(path), 4.0, RATE_HZ, 1, events))
    return tmp_path / "found"


def test_from_detections_to_a_model(detections: Path, tmp_path: Path, run: Run) -> None:
    clips, manifest = tmp_path / "clips", tmp_path / "reviewed.csv"
    result = run("segments", detections, "--out", clips, "--max-per-label", 6)
    assert "12 clips (top)" in result.output
    assert f"earmark review {clips}" in result.output
    for path in sorted((clips / "quiet").iterdir())[:2]:
        path.rename(clips / "_unsure" / path.name)
    result = run("review", clips, "--out", manifest)
    assert "10 right, 2 unsure" in result.output
    assert "10 clips of" in result.output
    result = run("train", manifest, "--model", "level", "--folds", "grouped:2", "--out", tmp_path / "bundles")
    assert "bundle:" in result.output


@pytest.mark.parametrize("name", FORMATS)
def test_detections_of_any_format(name: str, detections: Path, tmp_path: Path, run: Run) -> None:
    options = ("--format", name, "--audio-dir", tmp_path, "--labels", "loud", "--min-confidence", 0.5, "--json")
    told = json.loads(run("segments", detections, "--out", tmp_path / "clips", *options).output)
    assert (told["n_clips"], told["labels"], told["lost"]) == (12, {"loud": 12}, [])


def test_options_reach_the_clips(detections: Path, tmp_path: Path, run: Run) -> None:
    choices = ("--select", "bands", "--bands", 2, "--seed", 1, "--max-per-label", 2, "--max-confidence", 0.9)
    lengths = ("--length", 1.5, "--longest", 2)
    run("segments", detections / "detections.csv", "-o", tmp_path / "a", *choices, *lengths)
    clips = sorted((tmp_path / "a").rglob("*.wav"))
    assert len(clips) == 4
    assert {soundfile.info(clip).duration for clip in clips} == {1.5}
    run("segments", detections, "-o", tmp_path / "b", "--select", "uncertain", "--around", 0.3, "--max-per-label", 1)
    assert sorted(path.name[:5] for path in (tmp_path / "b").rglob("*.wav")) == ["0.290", "0.360"]
    run("segments", detections, "-o", tmp_path / "c", "--padding", 0.25, "--max-per-label", 1, "--select", "random")
    assert all(soundfile.info(path).duration >= 0.75 for path in (tmp_path / "c").rglob("*.wav"))


def test_what_is_lost_is_told_with_status_1(detections: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "rec" / "night1.wav").unlink()
    (tmp_path / "rec" / "night2.wav").write_text("no sound")
    result = run("segments", detections, "--out", tmp_path / "clips", code=1)
    assert "earmark: 16 clips of 2 recordings could not be cut:" in result.stderr
    assert "night1.wav: is not there" in result.stderr
    assert "(8 clips)" in result.stderr
    assert "16 clips (top)" in result.stdout
    told = json.loads(run("segments", detections, "--out", tmp_path / "again", "--json", code=1).stdout)
    assert [(lost["n_clips"], lost["recording"][-10:]) for lost in told["lost"]] == [
        (8, "night1.wav"),
        (8, "night2.wav"),
    ]


def test_contradictions_end_with_status_1(detections: Path, tmp_path: Path, run: Run) -> None:
    clips = tmp_path / "clips"
    run("segments", detections, "--out", clips)
    path = next((clips / "loud").iterdir())
    path.rename(clips / path.name)
    (clips / "loud" / "mine.wav").write_bytes(b"")
    result = run("review", clips, "--out", tmp_path / "reviewed.csv", code=1)
    assert "lies in no folder" in result.stderr
    assert "mine.wav: was not cut here" in result.stderr
    told = json.loads(run("review", clips, "--out", tmp_path / "again.json", "--json", code=1).stdout)
    assert told["n_clips"] == 31
    assert told["reviewed"] == {"right": 31, "contradictory": 1}
    assert (told["n_groups"], told["task"], len(told["faults"]), len(told["strangers"])) == (4, "one", 1, 1)


def test_noise_and_unmarked(detections: Path, tmp_path: Path, run: Run) -> None:
    clips = tmp_path / "clips"
    run("segments", detections, "--out", clips)
    for path in sorted((clips / "loud").iterdir())[:3]:
        path.rename(clips / "_noise" / path.name)
    options = ("--unmarked", "skip", "--noise-label", "nothing", "--json")
    told = json.loads(run("review", clips, "--out", tmp_path / "a.csv", *options).output)
    assert told["labels"] == {"nothing": 3}
    assert told["reviewed"] == {"noise": 3, "unmarked": 29}
    result = run("review", clips, "--out", tmp_path / "b.csv")
    assert "(none of the labels)" in result.output


def test_nothing_is_replaced_unasked(detections: Path, tmp_path: Path, run: Run) -> None:
    clips, manifest = tmp_path / "clips", tmp_path / "reviewed.csv"
    run("segments", detections, "--out", clips)
    with pytest.raises(StoreError, match="nothing is overwritten"):
        run("segments", detections, "--out", clips)
    run("review", clips, "--out", manifest)
    with pytest.raises(
        StoreError, match=r"reviewed\.csv: is there already; name another file, or replace it with --over"
    ):
        run("review", clips, "--out", manifest)
    run("review", clips, "--out", manifest, "--overwrite")
    with pytest.raises(StoreError, match="is the table of the clips"):
        run("review", clips, "--out", clips / "segments.csv", "--overwrite")


def test_wrong_words_are_named(detections: Path, tmp_path: Path, run: Run) -> None:
    with pytest.raises(ConfigError, match='label "lout" was not detected; did you mean "loud"'):
        run("segments", detections, "--out", tmp_path / "clips", "--labels", "lout")
    with pytest.raises(ConfigError, match='format "exel" is not known'):
        run("segments", detections, "--out", tmp_path / "clips", "--format", "exel")
    with pytest.raises(DataError, match="holds no detections"):
        run("segments", tmp_path / "rec", "--out", tmp_path / "clips")
    with pytest.raises(ConfigError, match="found an empty text"):
        run("review", tmp_path, "--out", tmp_path / "reviewed.csv", "--noise-label", " ")
    with open_writers(tmp_path / "none", ["csv"]):
        pass
    with pytest.raises(DataError, match="nothing was detected in 0 recordings"):
        run("segments", tmp_path / "none", "--out", tmp_path / "clips")
