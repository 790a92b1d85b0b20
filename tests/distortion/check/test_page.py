from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from earmark.core.errors import AudioError
from earmark.distortion import KINDS
from earmark.distortion.check import page as page_module
from earmark.distortion.check.catalogue import Checked
from earmark.distortion.check.limits import Limits
from earmark.distortion.check.page import About, render_page
from earmark.distortion.check.picture import describe, draw, moments
from earmark.distortion.check.tally import Tally
from tests.distortion.check.conftest import make_report, save

if TYPE_CHECKING:
    from tests.distortion.check.conftest import Diary, Outcome
    from tests.distortion.conftest import Make


@pytest.fixture(scope="session")
def song(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("song") / "a & b.wav", make(2, 44_100, 3.0))


def checked(path: Path, faults: dict[str, float] | None = None, **changes: object) -> Checked:
    return Checked(path, make_report(faults, duration_s=3.0) | changes)


def render(*outcomes: Checked, limits: Limits | None = None, base: Path = Path("/"), csv: str = "") -> str:
    tally = Tally(limits, n_rows=100)
    for each in outcomes:
        tally.add(each)
    return render_page(tally, About("Check of songs", base, "distortion", 3, csv))


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ElementTree.fromstring(svg).iter("text")]  # noqa: S314 - our own


def test_a_picture_names_each_fault_and_marks_where_it_is_heard(song: Path) -> None:
    svg = draw(checked(song, {"clipping": 0.6, "noise": 0.2}))
    assert {"clipping", "noise", "5 kHz", "20 kHz", "0.0 s", "2.5 s"} <= set(texts(svg))
    assert svg.count("<image") == 1
    assert "clipping 0:00 to 0:03, 60 %" in svg
    assert "stroke-dasharray" in svg
    assert 'aria-label="Spectrogram of 0:03: clipping (60 %) from 0:00 to 0:03; noise' in svg


def test_stereo_faults_are_drawn_as_mid_and_side_unless_mono(song: Path) -> None:
    both = draw(checked(song, {"phase": 0.6}))
    assert both.count("<image") == 2
    assert {"mid", "side"} <= set(texts(both))
    assert draw(checked(song, {"phase": 0.6}, n_channels=6)).count("<image") == 1


def test_sentences_about_moments_have_numbered_marks(song: Path) -> None:
    report = make_report({"clipping": 0.6, "noise": 0.5}, duration_s=3.0)
    report["evidence"][0] |= {"start_s": 1.0, "end_s": 1.1}
    report["evidence"][1] |= {"start_s": 1.0, "end_s": 1.2}
    assert moments(report) == {1: (1.0, 1.1), 2: (1.0, 1.2)}
    svg = draw(Checked(song, report))
    first, second = (float(x) for x in re.findall(r'<circle class="dot" cx="([\d.]+)"', svg))
    assert second - first >= 17  # they do not lie on each other
    # What speaks of the whole file has no place of its own.
    report["evidence"][0] |= {"start_s": 0.0, "end_s": 3.0}
    report["evidence"][1] |= {"start_s": None, "end_s": None}
    assert moments(report) == {}
    assert "dot" not in draw(Checked(song, report))


def test_many_stretches_are_told_in_a_few_words() -> None:
    report = make_report({"noise": 0.4}, duration_s=600.0)
    report["segments"] = [report["segments"][0] | {"start_s": 60.0 * n, "end_s": 60.0 * n + 5} for n in range(7)]
    assert describe(report).endswith("0:00 to 0:05, 1:00 to 1:05, 2:00 to 2:05, 3:00 to 3:05 and 3 more")
    assert describe(report | {"segments": []}) == "Spectrogram of 10:00: noise"


@pytest.mark.parametrize(("duration_s", "label"), [(0.004, "0.0 s"), (50.0, "0:40"), (200_000.0, "20:50:00")])
def test_any_length_has_an_axis(song: Path, duration_s: float, label: str) -> None:
    part = Checked(song, make_report({"noise": 0.4}, duration_s=duration_s))
    if duration_s > 100:
        part = replace(part, report=part.report and part.report | {"rate_hz": 10})
    assert any(label == text for text in texts(draw(part))) or duration_s > 100


def test_a_part_of_a_file_is_drawn_from_its_begin(song: Path) -> None:
    whole = draw(checked(song, {"noise": 0.4}, duration_s=1.0))
    later = draw(replace(checked(song, {"noise": 0.4}, duration_s=1.0), part=(1.5, 1.0)))
    assert whole != later


def test_a_picture_of_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError):
        draw(checked(tmp_path / "gone.wav", {"noise": 0.4}))


def test_the_page_tells_counts_faults_and_the_worst_files(song: Path, outcome: Outcome) -> None:
    silent = Checked(Path("/s.wav"), make_report(untold=dict.fromkeys(KINDS, "the file is silent")))
    text = render(
        checked(song, {"clipping": 0.6}),
        silent,
        outcome("/c.wav"),
        outcome("/t.wav", "/t.wav: <torn>"),
        base=song.parent,
    )
    assert "4 files in" in text
    assert "3 other files passed over" in text
    for part in ("damaged: 1", "clean: 1", "cannot be told: 1", "not read: 1"):
        assert part in text
    assert "/t.wav: &lt;torn&gt;" in text
    assert "<li>Clipping is seen &lt;here&gt;.</li>" in text
    assert '<article class="card" data-types="clipping"><h3>a &amp; b.wav</h3>' in text
    assert 'data-choices="clipping"' in text
    assert "3 s · 44.1 kHz · stereo · 97 % sure" in text
    assert text.count("<svg") == 1
    assert "http" not in text.replace("http-equiv", "")


def test_a_clean_catalogue_has_neither_pictures_nor_a_filter(outcome: Outcome) -> None:
    text = render(outcome("/a.wav"), outcome("/b.wav"))
    assert "<svg" not in text
    assert 'id="filter"' not in text
    assert "damaged: " not in text


def test_limits_are_told_both_ways(outcome: Outcome) -> None:
    assert "No file is over the limit" in render(outcome("/a.wav"), limits=Limits(0.3))
    over = render(outcome("/a.wav", noise=0.5), outcome("/b.wav"), limits=Limits(0.3))
    assert "1 file of 2 is over the limit" in over
    assert "a.wav: noise 50 % is over 30 %" in over
    assert "2 files of 2 are over" in render(outcome("/a", noise=0.5), outcome("/b", noise=0.5), limits=Limits(0.3))
    assert "over the limit" not in render(outcome("/a.wav", noise=0.5))


def test_what_is_left_out_is_said(outcome: Outcome, monkeypatch: pytest.MonkeyPatch, diary: Diary) -> None:
    monkeypatch.setattr(page_module, "N_PICTURES", 2)
    monkeypatch.setattr(page_module, "MOST_SENTENCES", 1)
    tally = Tally(n_rows=3)
    for number in range(5):
        tally.add(outcome(f"/{number}.wav", noise=0.5, clipping=0.4))
    text = render_page(tally, About("x", Path("/"), "distortion"), progress=diary)
    assert "The 3 worst of 5; --csv writes all." in text
    assert "The 2 worst of 5 damaged files." in text
    assert "<p>And 1 more.</p>" in text
    assert text.count("<p>No picture: ") == 2  # the files do not exist
    assert (diary.stages, diary.n_steps) == ([("Drawing", 2)], 2)
    assert "all are in all.csv" in render_page(tally, About("x", Path("/"), "m", csv="all.csv"))


def test_rows_sort_by_number_and_filter_by_type(outcome: Outcome) -> None:
    text = render(Checked(Path("/m.wav"), make_report({"noise": 0.25}, untold={"phase": "mono"}, n_channels=1)))
    assert '<tr data-types="noise"><th scope="row">m.wav</th>' in text
    assert '<td class="number" data-key="0.25">25 %</td>' in text
    assert '<td class="number" data-key="-1">?</td>' in text
    assert "Cannot be told: phase: mono." in text
    assert "mono" in text


def test_a_file_outside_the_base_keeps_its_path() -> None:
    about = About("x", Path("/songs"), "distortion")
    assert about.name("/songs/a/b.wav") == "a/b.wav"
    assert about.name("/other/b.wav") == "/other/b.wav"
