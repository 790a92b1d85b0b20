from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.distortion import KINDS
from earmark.distortion.check.catalogue import Checked
from earmark.distortion.check.limits import Limits
from earmark.distortion.check.tally import Tally
from tests.distortion.check.conftest import make_report

if TYPE_CHECKING:
    import pytest

    from tests.distortion.check.conftest import Outcome


def test_every_outcome_is_counted_once(outcome: Outcome) -> None:
    tally = Tally(Limits(0.3), n_rows=10)
    silent = Checked(Path("s.wav"), make_report(untold=dict.fromkeys(KINDS, "silent")))
    damaged = outcome("a.wav", clipping=0.5, noise=0.2)
    for each in (outcome("b.wav"), damaged, silent, outcome("c.wav", "torn"), replace(outcome("d.wav"), kept=True)):
        tally.add(each)
    assert (tally.n_files, tally.n_damaged, tally.n_clean, tally.n_untold, tally.n_failed) == (5, 1, 2, 1, 1)
    assert (tally.n_kept, tally.sound_s, tally.new_sound_s) == (1, 240.0, 180.0)
    assert tally.over == [("a.wav", ["clipping 50 % is over 30 %"])]
    assert [each.error for each in tally.failures] == ["torn"]
    clipping = tally.types["clipping"]
    assert (clipping.n_files, clipping.mean, clipping.worst, clipping.worst_path) == (1, 0.5, 0.5, "a.wav")
    assert clipping.bins == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert tally.types["phase"].n_unassessable == 1
    assert tally.types["phase"].mean == 0


def test_rows_are_the_worst_and_of_equals_the_first(outcome: Outcome) -> None:
    tally = Tally(n_rows=4)
    silent = Checked(Path("s.wav"), make_report(untold=dict.fromkeys(KINDS, "silent")))
    for number in range(20):
        tally.add(outcome(f"clean{number}.wav"))
        tally.add(outcome(f"same{number}.wav", noise=0.3))
    assert [str(each.path) for each in tally.rows] == [f"same{number}.wav" for number in range(4)]
    tally.add(outcome("worst.wav", phase=1.0))
    tally.add(outcome("torn.wav", "torn"))
    tally.add(silent)
    assert [str(each.path) for each in tally.rows] == ["worst.wav", "same0.wav", "same1.wav", "same2.wav"]
    few = Tally(n_rows=5)
    for each in (outcome("clean.wav"), silent, outcome("worst.wav", phase=1.0)):
        few.add(each)
    assert [str(each.path) for each in few.rows] == ["worst.wav", "s.wav", "clean.wav"]


def test_lists_are_bounded(outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earmark.distortion.check.tally.MOST_ROWS", 2)
    tally = Tally(Limits(0.0))
    for number in range(5):
        tally.add(outcome(f"{number}.wav", "torn"))
        tally.add(outcome(f"{number}.wav", noise=1.0))
    assert (tally.n_failed, len(tally.failures), tally.n_over, len(tally.over)) == (5, 2, 5, 2)
    assert tally.rows == []
    assert tally.types["noise"].bins[-1] == 5
