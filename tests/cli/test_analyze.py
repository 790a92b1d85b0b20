from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from earmark.cli.analyze import clock
from earmark.core.errors import ConfigError, DataError, StoreError
from earmark.core.settings import settings
from earmark.inference.formats import read_events

if TYPE_CHECKING:
    from tests.cli.conftest import Run

RATE_HZ = 8000


@pytest.fixture(autouse=True)
def _one_process(_own_settings: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EARMARK_MAX_WORKERS", "1")
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    settings.cache_clear()


def write(path: Path, levels: str, seconds_each: float = 2.0) -> Path:
    """Write a recording of stretches: l(oud), q(uiet), s(ilent)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(levels))
    level = {"l": 0.2, "q": 0.005, "s": 0.0}
    parts = [level[each] * rng.standard_normal(round(seconds_each * RATE_HZ)) for each in levels]
    with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
        for part in parts:  # libsndfile crashes where it is given minutes of sound for Ogg at once
            file.write(np.clip(part, -1, 1))
    return path


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    write(tmp_path / "in" / "a.wav", "lqlsq")
    write(tmp_path / "in" / "b" / "c.flac", "ql")
    return tmp_path / "in"


def test_what_was_heard_is_shown_with_its_times(run: Run, recordings: Path, bundle: Path) -> None:
    told = run("analyze", recordings / "a.wav", "-m", bundle, "--hop", 0.5)
    lines = told.stdout.splitlines()
    assert [line.rpartition("  ")[0] for line in lines] == [
        f"{recordings}/a.wav: 0:00.00 - 0:02.00  loud",
        f"{recordings}/a.wav: 0:02.00 - 0:04.00  quiet",
        f"{recordings}/a.wav: 0:04.00 - 0:06.00  loud",
        f"{recordings}/a.wav: 0:08.00 - 0:10.00  quiet",
    ]
    assert "1 recording (10 s): 4 events of 2 labels; took" in told.stderr
    assert "x real time" in told.stderr
    again = run("analyze", recordings / "a.wav", "-m", bundle, "--hop", 0.5)
    assert again.stdout == told.stdout
    assert "all known from an earlier run" in again.stderr
    anew = run("analyze", recordings / "a.wav", "-m", bundle, "--hop", 0.5, "--no-resume")
    assert anew.stdout == told.stdout
    assert "x real time" in anew.stderr


def test_several_formats_are_written_at_once(run: Run, recordings: Path, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = run("analyze", recordings, "-m", bundle, "-o", out, "--format", "csv", "json", "raven,audacity,kaleidoscope")
    assert "written to" in told.stderr
    assert "loud" in told.stdout
    assert {path.name for path in out.iterdir()} == {
        *("audacity", "detections.csv", "detections.json", "detections.raven.txt", "detections.kaleidoscope.csv"),
        "unreadable.csv",
    }
    files = read_events(out / "detections.json")
    assert [Path(file.path).name for file in files] == ["a.wav", "c.flac"]
    assert [event.label for event in files[1].events] == ["quiet", "loud"]
    per_file = run("analyze", recordings, "-m", bundle, "-o", tmp_path / "each", "--per-file")
    assert per_file.exit_code == 0
    assert len(list((tmp_path / "each").rglob("*.csv"))) == 3


def test_json_says_everything_on_one_line_per_recording(run: Run, recordings: Path, bundle: Path) -> None:
    write(recordings / "still.wav", "ss")
    (recordings / "torn.wav").write_bytes(b"RIFF")
    told = run("analyze", recordings, "-m", bundle, "--json", "--merge", 1, "--hop", 0.5, code=1)
    by_name = {Path(each["path"]).name: each for each in map(json.loads, told.stdout.splitlines())}
    assert list(by_name) == ["a.wav", "still.wav", "torn.wav", "c.flac"]
    assert by_name["still.wav"] == {
        "path": f"{recordings}/still.wav",
        "duration_s": 4.0,
        "rate_hz": RATE_HZ,
        "n_channels": 1,
        "silent": True,
        "events": [],
    }
    assert "torn.wav" in by_name["torn.wav"]["error"]
    assert [(each["start_s"], each["end_s"]) for each in by_name["c.flac"]["events"][:2]] == [(0.0, 0.5), (0.5, 1.0)]
    assert "earmark: 1 of 4 recordings could not be read" in told.stderr
    assert "1 silent" in told.stderr


def test_what_cannot_be_read_is_named_counted_and_listed(
    run: Run, recordings: Path, bundle: Path, tmp_path: Path
) -> None:
    (recordings / "torn.wav").write_bytes(b"RIFF")
    told = run("analyze", recordings, recordings / "none.wav", "-m", bundle, "-o", tmp_path / "out", code=1)
    assert f"earmark: {recordings}/torn.wav" in told.stderr
    assert "2 of 4 recordings could not be read; they are listed in" in told.stderr
    rows = (tmp_path / "out" / "unreadable.csv").read_text().splitlines()
    assert rows[0] == "file,reason"
    assert rows[1].startswith(f"{recordings}/torn.wav,")
    assert rows[2].startswith(f"{recordings}/none.wav,")
    assert len(read_events(tmp_path / "out" / "detections.csv")) == 2


def test_only_the_labels_that_were_asked_for(run: Run, recordings: Path, bundle: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("loud\n")
    for wanted in ("LOUD", names):
        told = run("analyze", recordings, "-m", bundle, "--labels", wanted)
        assert told.stdout
        assert "quiet" not in told.stdout
    with pytest.raises(ConfigError, match="is no label of"):
        run("analyze", recordings, "-m", bundle, "--labels", "lowd")


def test_two_labels_of_a_window_and_a_threshold_for_all(run: Run, recordings: Path, bundle: Path) -> None:
    both = run("analyze", recordings, "-m", bundle, "--top-n", 2, "--min-confidence", 0, "--overlap", 0.1)
    assert both.stdout.count("loud") >= 2
    none = run("analyze", recordings, "-m", bundle, "--min-confidence", 1)
    assert not none.stdout
    assert ": 0 events; took" in none.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hop", "0.1", "--overlap", "0.1"], "--hop and --overlap say the same in two ways"),
        (["--format", "csv"], "--format: needs --out"),
        (["--per-file"], "--per-file: needs --out"),
        (["--lat", "5"], "a place needs both --lat and --lon"),
        (["--lat", "5", "--lon", "5"], "only birdnet knows what lives where"),
        (["--sensitivity", "1.2"], "has none, only birdnet has"),
    ],
)
def test_what_contradicts_itself_is_refused(
    run: Run, recordings: Path, bundle: Path, arguments: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run("analyze", recordings, "-m", bundle, *arguments)


def test_an_unknown_format_is_refused_before_the_work(run: Run, recordings: Path, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ravn"):
        run("analyze", recordings, "-m", bundle, "-o", tmp_path / "out", "-f", "ravn")


def test_a_folder_without_audio_and_a_glob_that_matches_nothing(run: Run, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no audio found there"):
        run("analyze", tmp_path, "-m", bundle)
    with pytest.raises(DataError, match="matches nothing"):
        run("analyze", f"{tmp_path}/*.wav", "-m", bundle)


def test_a_journal_that_cannot_be_written_matters_only_where_it_was_asked_for(
    run: Run, recordings: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "file"))
    settings.cache_clear()
    told = run("analyze", recordings / "a.wav", "-m", bundle)
    assert "what is heard is not kept for another run" in told.stderr
    assert "loud" in told.stdout
    with pytest.raises(StoreError):
        run("analyze", recordings / "a.wav", "-m", bundle, "--results", tmp_path / "file" / "x.jsonl")


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00.00"), (61.239, "1:01.24"), (36_059.999, "10:01:00.00")])
def test_times_are_shown_as_a_clock_does(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_was_killed_goes_on_to_the_same_bytes(
    bundle: Path, tmp_path: Path, run: Run, workers: int, rng: np.random.Generator
) -> None:
    """Kill the command as soon as it has kept a random number of blocks, again and again, and let it end."""
    for name, n_stretches in (("a.wav", 460), ("b.flac", 310), ("c.ogg", 160)):
        write(tmp_path / "in" / name, "".join(rng.choice(list("lqs"), n_stretches)), 4.0)
    formats = ("-f", "csv", "json", "raven", "audacity", "kaleidoscope")
    options = ("-m", bundle, "--hop", 0.02, "--workers", workers)
    journal = tmp_path / "kept.jsonl"
    run("analyze", tmp_path / "in", *options, "-o", tmp_path / "whole", "--results", tmp_path / "whole.jsonl", *formats)
    command = [sys.executable, "-c", "from earmark.cli.main import main; main()", "analyze", tmp_path / "in"]
    command += [*options, "-o", tmp_path / "out", "--results", journal, *formats]
    n_killed = 0
    for n_more in (1, 1, 2, 3):
        process = subprocess.Popen(
            [str(each) for each in command], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        before, end_s = n_lines(journal), time.monotonic() + 120
        while process.poll() is None and n_lines(journal) < before + n_more and time.monotonic() < end_s:
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            n_killed += 1
        process.wait()
    assert n_killed >= 2
    assert len(list((tmp_path / "out").glob(".writing-*"))) >= 1
    assert not (tmp_path / "out" / "detections.csv").exists() or n_killed < 4
    subprocess.run([str(each) for each in command], check=True, capture_output=True, env=os.environ)
    whole, resumed = (contents(tmp_path / name) for name in ("whole", "out"))
    assert resumed == whole
    assert len(whole) == 8
    assert not list((tmp_path / "out").rglob(".writing-*"))  # what the killed ones left half-written


def n_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def contents(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and ".writing-" not in str(path))
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_ctrl_c_ends_it_and_keeps_what_is_done(bundle: Path, tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.wav", "lq" * 400, 4.0)
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from earmark.cli.main import main; main()"
    journal = tmp_path / "kept.jsonl"
    command = [sys.executable, "-c", code, "analyze", tmp_path / "in", "-m", bundle, "--hop", 0.01]
    command += ["--workers", 2, "--results", journal, "-o", tmp_path / "out"]
    process = subprocess.Popen([str(each) for each in command], stderr=subprocess.PIPE, text=True)
    end_s = time.monotonic() + 120
    while n_lines(journal) < 3 and process.poll() is None and time.monotonic() < end_s:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; finished work is kept" in told
    assert not (tmp_path / "out" / "detections.csv").exists()
    assert n_lines(journal) >= 3
