from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.distortion import KINDS
from earmark.distortion.check.catalogue import Checked
from earmark.distortion.check.limits import Limits
from earmark.distortion.check.rows import CSV_COLUMNS, gaps, length, sentences_of, to_csv, to_json, to_line, why_not
from tests.distortion.check.conftest import make_report

if TYPE_CHECKING:
    from tests.distortion.check.conftest import Outcome

SILENT = make_report(untold=dict.fromkeys(KINDS, "the file is silent"))


def test_json_holds_the_path_and_the_report_or_the_error(outcome: Outcome) -> None:
    value = to_json(outcome("a.wav", clipping=0.4), Limits())
    assert list(value)[:4] == ["path", "has_distortion", "distortion_type", "severity"]
    assert {"types", "confidence", "segments", "evidence", "assessable"} <= set(value)
    assert not {"timeline", "measures", "error", "over_limit"} & set(value)
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert to_json(outcome("b.wav", "b.wav: is torn"), Limits(0.1)) == {"path": "b.wav", "error": "b.wav: is torn"}
    assert to_json(outcome("a.wav", clipping=0.4), Limits(0.3))["over_limit"] == ["clipping 40 % is over 30 %"]
    assert to_json(outcome("a.wav"), Limits(0.3))["over_limit"] == []


def test_a_row_of_csv_has_a_cell_for_each_column(outcome: Outcome) -> None:
    row = dict(zip(CSV_COLUMNS, to_csv(outcome("a.wav", clipping=0.4, noise=0.2), Limits(0.3)), strict=True))
    assert row["worst_type"] == "clipping"
    assert (row["has_distortion"], row["severity"], row["duration_s"]) == ("yes", "0.4", "60")
    assert (row["noise_probability"], row["noise_severity"], row["phase_severity"]) == ("0.97", "0.2", "0")
    assert row["sentence"] == "Clipping is seen <here>."
    assert row["over_limit"] == "clipping 40 % is over 30 %"
    clean = dict(zip(CSV_COLUMNS, to_csv(outcome("b.wav"), Limits()), strict=True))
    assert (clean["has_distortion"], clean["worst_type"], clean["sentence"]) == ("no", "", "")
    torn = dict(zip(CSV_COLUMNS, to_csv(outcome("c.wav", "c.wav: is torn"), Limits()), strict=True))
    assert {name: value for name, value in torn.items() if value} == {"path": "c.wav", "error": "c.wav: is torn"}


def test_what_cannot_be_told_is_empty_in_csv() -> None:
    row = dict(zip(CSV_COLUMNS, to_csv(Checked(Path("s.wav"), SILENT), Limits()), strict=True))
    assert row["has_distortion"] == row["confidence"] == row["phase_probability"] == row["noise_severity"] == ""


def test_a_line_says_the_faults_the_worst_first_and_what_was_seen(outcome: Outcome) -> None:
    assert to_line(outcome("a.wav", clipping=0.2, phase=0.41)) == (
        "a.wav: phase 41 %, clipping 20 %. Phase is seen <here>. Clipping is seen <here>."
    )
    assert to_line(outcome("b.wav")) == "b.wav: clean"
    assert to_line(Checked(Path("s.wav"), SILENT)) == "s.wav: cannot be told: the file is silent"


def test_sentences_begin_with_a_capital_and_end_with_one_full_stop() -> None:
    report = make_report({"noise": 0.3})
    assert sentences_of(report) == ["Noise is seen <here>."]
    report["evidence"][0]["sentence"] = "2 % of it."
    assert sentences_of(report) == ["2 % of it."]


def test_reasons_are_told_once_for_all_types_that_share_them() -> None:
    report = make_report(untold={"compression": "needs 32 kHz", "phase": "needs two channels", "noise": "needs 32 kHz"})
    assert gaps(report) == "compression, noise: needs 32 kHz; phase: needs two channels"
    assert gaps(make_report()) == ""
    assert why_not(SILENT) == "the file is silent"
    assert why_not(make_report()) == "nothing in it can be assessed"


def test_short_lengths_are_told_in_seconds() -> None:
    assert [length(seconds) for seconds in (0.5612, 9.9, 59.7, 3661)] == ["0.56 s", "9.9 s", "1:00", "1:01:01"]


def test_a_part_keeps_the_files_name(outcome: Outcome) -> None:
    assert to_json(replace(outcome("a.wav"), part=(1.0, 2.0)), Limits())["path"] == "a.wav"
