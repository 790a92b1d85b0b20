from __future__ import annotations

import io
import re
import sys
import time

import pytest

from earmark.cli import console
from earmark.core.progress import SILENT, track


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_results_and_remarks_go_to_their_streams(capsys: pytest.CaptureFixture[str]) -> None:
    console.show("result")
    console.show()
    console.note("remark")
    console.show_json({"é": [1.5, None]})
    out, err = capsys.readouterr()
    assert out == 'result\n\n{"é": [1.5, null]}\n'
    assert err == "remark\n"


def test_json_holds_no_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        console.show_json(float("nan"))


def test_numbers_in_tables_stand_to_the_right_and_markup_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_table(["name", "value"], [["[bold]a", 1.0], ["b", "-"], ["long " * 30, "12.25"]], title="Table")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Table")
    assert any(line.strip().startswith("[bold]a") for line in lines)
    assert len({len(line.rstrip()) for line in lines if line.rstrip().endswith(("1.0", "-", "12.25"))}) == 1
    console.show_table(["nothing"], [])
    assert "nothing" in capsys.readouterr().out


def test_a_table_on_a_terminal_takes_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    console.show_table(["text"], [["word " * 30]])
    lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()
    assert max(map(len, lines)) <= 40


def test_a_long_path_is_folded_and_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TERM", "xterm")
    console.show_table(["", ""], [["folder", "/a/long/path" * 6]])
    lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()
    assert "".join(line.replace("folder", "").strip() for line in lines) == "/a/long/path" * 6


@pytest.mark.parametrize(("width", "cell"), [(200, "0.5 [0.4, 0.6]"), (20, "0.5")])
def test_intervals_that_do_not_fit_are_left_to_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, cell: str
) -> None:
    monkeypatch.setattr(console, "terminal_columns", lambda: width)
    console.show_intervals(["clips", "svm"], [["1,000", "0.5 [0.4, 0.6]"]], "Accuracy")
    told = capsys.readouterr().out
    assert [line.split(maxsplit=1)[1].strip() for line in told.splitlines() if "1,000" in line] == [cell]
    assert ("intervals are in the report" in " ".join(told.split())) == (cell == "0.5")


def test_long_lists_of_names_are_cut_and_counted() -> None:
    assert console.some(["a", "b"]) == "a, b"
    assert console.some(list("abcdefgh")) == "a, b, c, d, e, f and 2 more"
    assert (console.counted(1, "clip"), console.counted(1342, "group")) == ("1 clip", "1,342 groups")


@pytest.mark.parametrize("columns", ["60", "150"])
def test_a_wide_terminal_has_room_for_notes(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(console, "PATIENCE_S", -1.0)
    assert console.terminal_columns() == int(columns)
    with console.progress() as bars:
        for _ in track(range(2), "work", 2, bars):
            bars.note("a note")
    assert ("a note" in terminal.getvalue()) is (columns == "150")


def test_progress_is_quiet_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with console.progress() as bars:
        assert bars is SILENT
    assert stream.getvalue() == ""


def test_progress_on_a_terminal_shows_only_stages_that_last(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    now_s = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    with console.progress() as bars:
        for _ in track(range(3), "quick", 3, bars):
            now_s[0] += 0.1
        bars.note("too early to show")
        for step in track(range(5), "slow work", 5, bars):
            now_s[0] += 1.5
            bars.note(f"at {step}")
    shown = terminal.getvalue()
    assert "quick" not in shown
    assert "slow work" in shown
    assert "5/5" in shown
    assert "at 4" in shown
