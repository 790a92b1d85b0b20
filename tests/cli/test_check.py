from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from earmark.cli import check as check_module
from earmark.core.errors import BundleError, ConfigError, DataError, StoreError
from earmark.core.settings import settings
from earmark.distortion import KINDS
from tests.distortion.check.conftest import fill, wait_until
from tests.distortion.conftest import make_music, make_small_bundle

if TYPE_CHECKING:
    from tests.cli.conftest import Run


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_bundle(tmp_path_factory.mktemp("bundles") / "distortion")


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clean, two clipped and two band-limited songs and a text file."""
    folder = fill(tmp_path_factory.mktemp("songs"), make_music)
    (folder / "torn.wav").unlink()
    return folder


@pytest.fixture(autouse=True)
def _one_process(_own_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_MAX_WORKERS", "1")
    settings.cache_clear()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_damaged_files_are_named_with_what_was_seen_and_clean_ones_counted(run: Run, songs: Path, model: Path) -> None:
    told = run("check", songs, "--model", model, "--workers", 1, "--no-resume").stdout
    assert f"{songs}/damaged/clipped0.wav: clipping " in told
    assert "flat-topped" in told
    assert f"{songs}/song0.wav" not in told
    assert "6 files (12 s): 4 damaged, 2 clean" in told
    assert "1 other file passed over" in told
    everything = run("check", songs, "--model", model, "--workers", 1, "--all").stdout
    assert f"{songs}/song0.wav: clean" in everything
    assert "6 known from earlier runs" in everything


def test_one_file_needs_no_summary(run: Run, songs: Path, model: Path) -> None:
    (line,) = run("check", songs / "song0.wav", "--model", model, "--all").stdout.splitlines()
    assert line == f"{songs}/song0.wav: clean"


def test_json_is_one_object_for_each_line_and_file(run: Run, songs: Path, model: Path) -> None:
    told = lines(run("check", songs, "--model", model, "--workers", 2, "--json").stdout)
    assert [Path(each["path"]).name for each in told][:3] == ["song0.wav", "song1.wav", "clipped0.wav"]
    clipped = told[2]
    assert clipped["has_distortion"] is True
    assert clipped["distortion_type"] == "clipping"
    assert tuple(clipped["types"]) == tuple(clipped["assessable"]) == KINDS
    assert {"severity", "confidence", "segments", "evidence"} <= set(clipped)


def test_unreadable_files_are_named_and_counted_and_fail(run: Run, songs: Path, model: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.wav"
    torn.write_bytes(b"RIFF")
    result = run("check", songs / "song0.wav", torn, tmp_path / "gone.mp3", "--model", model, code=1)
    assert f"earmark: {torn}: " in result.stderr
    assert f"earmark: {tmp_path}/gone.mp3: cannot be read (No such file or directory)" in result.stderr
    assert "earmark: 2 of 3 files could not be read" in result.stderr
    assert "1 clean, 2 not read" in result.stdout
    told = lines(run("check", songs / "song0.wav", torn, "--model", model, "--json", code=1).stdout)
    assert set(told[1]) == {"path", "error"}


def test_a_file_over_the_limit_fails_and_is_listed(run: Run, songs: Path, model: Path) -> None:
    result = run("check", songs, "--model", model, "--fail-over", "30%", code=1)
    assert "earmark: 4 of 6 files are over the limit:" in result.stderr
    assert f"{songs}/damaged/clipped0.wav: clipping " in result.stderr
    assert " is over 30 %" in result.stderr
    one = run("check", songs / "damaged" / "clipped0.wav", "--model", model, "--fail-over", "clipping=0.1", code=1)
    assert "earmark: 1 of 1 file is over the limit:" in one.stderr
    run("check", songs / "song0.wav", "--model", model, "--fail-over", "0")
    run("check", songs, "--model", model, "--fail-over", "phase=1%")
    told = lines(run("check", songs, "--model", model, "--fail-over", "99.9%", "--json").stdout)
    assert all(each["over_limit"] == [] for each in told)


def test_long_lists_are_cut(run: Run, songs: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_module, "N_LISTED", 1)
    assert "  and 3 more\n" in run("check", songs, "--model", model, "--fail-over", "1%", code=1).stderr


def test_the_table_has_a_row_for_each_file(run: Run, songs: Path, model: Path, tmp_path: Path) -> None:
    table = tmp_path / "new" / "all.csv"
    result = run("check", songs, "--model", model, "--csv", table, "--fail-over", "phase=1%")
    assert f"table: {table}" in result.stderr
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [row["has_distortion"] for row in rows] == ["no", "no", "yes", "yes", "yes", "yes"]
    assert rows[2]["worst_type"] == "clipping"
    assert rows[2]["sentence"].endswith(".")


def test_the_page_shows_the_damaged_files(run: Run, songs: Path, model: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = run("check", songs, songs / "damaged", "--model", model, "--html", page, "--csv", tmp_path / "all.csv")
    assert f"page: {page}" in result.stderr
    text = page.read_text()
    assert text.count("<svg") == 4
    assert "<h3>damaged/clipped0.wav</h3>" in text
    assert f"<title>Check of {songs.name} and 1 more</title>" in text


def test_names_that_are_not_utf8_come_out_everywhere(run: Run, songs: Path, model: Path, tmp_path: Path) -> None:
    strange = tmp_path / "in" / os.fsdecode(b"caf\xe9 <b>.wav")
    strange.parent.mkdir()
    strange.write_bytes((songs / "song0.wav").read_bytes())  # clean, so that the test's own pipe need not show it
    page, table = tmp_path / "page.html", tmp_path / "all.csv"
    run("check", strange.parent, "--model", model, "--html", page, "--csv", table)
    assert "caf\\udce9 &lt;b&gt;.wav</th>" in page.read_text()
    assert "caf\\udce9 <b>.wav" in table.read_text()


def test_what_cannot_be_written_is_told_before_the_work(run: Run, songs: Path, tmp_path: Path, model: Path) -> None:
    (tmp_path / "file").touch()
    # The model is not even looked for.
    with pytest.raises(StoreError, match=r"file/all\.csv: cannot be written"):
        run("check", songs, "--model", "none", "--csv", tmp_path / "file" / "all.csv")
    with pytest.raises(StoreError, match="is a folder, expected the name of a file to write"):
        run("check", songs, "--model", "none", "--html", tmp_path)
    with pytest.raises(StoreError, match=r"file/check\.jsonl: .*--results"):
        run("check", songs, "--model", model, "--results", tmp_path / "file")


def test_without_a_cache_the_work_is_done_but_not_kept(
    run: Run, songs: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "file"))
    settings.cache_clear()
    result = run("check", songs / "song0.wav", "--model", model, "--all")
    assert "earmark: answers are not kept: " in result.stderr
    assert "song0.wav: clean" in result.stdout


def test_nothing_to_check_and_wrong_words_are_refused(run: Run, tmp_path: Path, songs: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(DataError, match="no audio found; 1 other file there"):
        run("check", tmp_path)
    with pytest.raises(ConfigError, match='did you mean "30%"'):
        run("check", songs, "--fail-over", "30")
    with pytest.raises(BundleError):
        run("check", songs, "--model", "no-such-model")


def test_lines_reach_standard_output_while_bars_are_drawn(
    songs: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # rich takes sys.stdout for its own while it draws on the terminal; what is piped must not follow.
    from earmark.distortion.check import Checked

    told = io.StringIO()
    monkeypatch.setattr(sys, "stdout", told)
    wishes = check_module.Wishes([songs], str(model), check_module_limits(), True, False, None, None, 1, True, None)
    tell = check_module._printer(wishes)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    tell(Checked(Path("a.wav"), None, "torn"))
    assert json.loads(told.getvalue()) == {"path": "a.wav", "error": "torn"}

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    tell = check_module._printer(wishes)
    bars = io.StringIO()
    monkeypatch.setattr(sys, "stdout", bars)
    tell(Checked(Path("a.wav"), None, "torn"))
    assert json.loads(bars.getvalue()) == {"path": "a.wav", "error": "torn"}


def check_module_limits() -> Any:
    from earmark.distortion.check import Limits

    return Limits()


def test_a_killed_run_goes_on_where_it_was(run: Run, songs: Path, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(40):  # so many that no machine is done before it is interrupted
        for song in sorted(songs.rglob("*.wav")):
            (folder / f"{number}-{song.name}").symlink_to(song)
    # Ctrl-C is ignored where the tests run in the background, and by what is started there.
    heed = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{heed}; from earmark.cli.main import main; sys.argv[0] = 'earmark'; main()"
    command = [sys.executable, "-c", program, "check", str(folder), "--model", str(model), "--json", "--workers", "2"]
    journal = tmp_path / "kept" / "check.jsonl"
    whole = run("check", folder, "--model", model, "--json").stdout
    n_known = []
    for how in (signal.SIGKILL, signal.SIGINT):
        least = len(journal.read_bytes().splitlines()) + 4 if journal.exists() else 4
        running = subprocess.Popen(
            [*command, "--results", str(journal.parent)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        wait_until(lambda n=least: journal.exists() and len(journal.read_bytes().splitlines()) > n)  # type: ignore[misc]
        (os.kill if how == signal.SIGKILL else os.killpg)(running.pid, how)
        _, said = running.communicate(timeout=60)
        n_known.append(len(journal.read_bytes().splitlines()) - 1)
        if how == signal.SIGINT:
            assert running.returncode == 130
            assert "interrupted; finished work is kept" in said
            assert "Traceback" not in said
        wait_until(lambda pid=running.pid: not still_there(pid))  # type: ignore[misc]
    assert n_known[0] < n_known[1] < 240
    again = subprocess.run([*command, "--results", str(journal.parent)], capture_output=True, check=True, text=True)
    assert again.stdout == whole
    assert len(again.stdout.splitlines()) == 240


def test_the_audit_of_a_dataset_listens_for_damage(run: Run, songs: Path, model: Path, tmp_path: Path) -> None:
    for label, source in (("clean", "song0.wav"), ("loud", "damaged/clipped0.wav")):
        for take in range(2):
            (tmp_path / "set" / label).mkdir(parents=True, exist_ok=True)
            (tmp_path / "set" / label / f"{take}.wav").write_bytes((songs / source).read_bytes())
    page = tmp_path / "audit.html"
    told = run("data", "audit", tmp_path / "set", "--quality", "--model", model, "--html", page).stdout
    assert "2 clips of 4 (50 %) are clipped" in told
    assert "Share of the clips of each label" in page.read_text()
    assert "are clipped:" not in run("data", "audit", tmp_path / "set").stdout
    over = run("data", "audit", tmp_path / "set", "--fail-over", "30%", "--model", model, code=1).stdout
    assert "ERROR  2 clips of 4 are damaged beyond the limit." in over
    (value,) = lines(run("data", "audit", tmp_path / "set", "--quality", "--model", model, "--json").stdout)
    assert value["damage"]["loud"]["clipping"] == 1
    assert value["damage"]["clean"]["clipping"] == 0


def still_there(session: int) -> bool:
    """Return whether any process of a session is alive: workers end with the one that started them."""
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    time.sleep(0.05)
    return True
