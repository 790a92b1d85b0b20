from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import AudioError, ConfigError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


def test_figures_come_as_tables(run: Run, bundle: Path, own_tones: Path) -> None:
    result = run("evaluate", own_tones, "-m", bundle)
    assert "loud" in result.stdout
    assert "average_precision" in result.stdout
    assert "accuracy 1.000 [" in result.stdout
    assert "on 16 clips of 4 groups; accepted 100.0%" in result.stdout
    assert result.stderr == ""


def test_json_is_one_document(run: Run, bundle: Path, own_tones: Path) -> None:
    (line,) = run("evaluate", own_tones, "-m", bundle, "--json").stdout.splitlines()
    assert json.loads(line)["primary"]["value"] == 1.0


def test_a_test_on_training_groups_is_told(run: Run, bundle: Path, tones: Path) -> None:
    told = run("evaluate", tones, "-m", bundle).stderr
    assert told == (
        "earmark: the bundle was trained on 4 groups of this dataset (ada, ben, cleo, dan); the numbers flatter it\n"
    )


def test_a_single_group_has_no_interval(run: Run, bundle: Path, own_tones: Path) -> None:
    told = run("evaluate", own_tones, "-m", bundle, "--group-by", "parent").stdout
    assert "accuracy 1.000 on 16 clips of 1 group;" in told


@pytest.mark.parametrize(("suffix", "beginning"), [(".png", b"\x89PNG"), (".svg", b"<svg")])
def test_the_confusion_matrix_is_drawn(
    run: Run, bundle: Path, own_tones: Path, tmp_path: Path, suffix: str, beginning: bytes
) -> None:
    picture = tmp_path / f"confusion{suffix}"
    result = run("evaluate", own_tones, "-m", bundle, "--save-cm", picture)
    assert f"confusion matrix: {picture}" in result.stderr
    assert picture.read_bytes().startswith(beginning)


def test_a_page_is_written(run: Run, bundle: Path, own_tones: Path, tmp_path: Path) -> None:
    result = run("evaluate", own_tones, "-m", bundle, "--html", tmp_path / "page.html")
    assert f"report: {tmp_path / 'page.html'}" in result.stderr
    assert "<html" in (tmp_path / "page.html").read_text()


def test_a_picture_that_cannot_be_drawn_is_refused_before_any_work(
    run: Run, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r'found suffix "\.gif", expected \.png or \.svg'):
        run("evaluate", tmp_path / "missing", "-m", bundle, "--save-cm", tmp_path / "cm.gif")
    from earmark.inference import Predictor

    several = Predictor.load(bundle)
    object.__setattr__(several.bundle, "spec", several.bundle.spec.model_copy(update={"task": "many"}))
    monkeypatch.setattr(Predictor, "load", lambda _: several)
    with pytest.raises(ConfigError, match="several labels, which no confusion matrix can show"):
        run("evaluate", tmp_path / "missing", "-m", bundle, "--save-cm", tmp_path / "cm.png")


def test_a_picture_in_an_impossible_place_is_told(run: Run, bundle: Path, own_tones: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        run("evaluate", own_tones, "-m", bundle, "--save-cm", tmp_path / "file" / "cm.png")


def test_unreadable_clips_stop_it_or_are_listed(run: Run, bundle: Path, own_tones: Path) -> None:
    (own_tones / "ada-loud-0.wav").write_bytes(b"junk")
    with pytest.raises(AudioError, match=r"ada-loud-0\.wav"):
        run("evaluate", own_tones, "-m", bundle)
    result = run("evaluate", own_tones, "-m", bundle, "--skip-unreadable", code=1)
    assert "on 15 clips of 4 groups" in result.stdout
    assert "ada-loud-0.wav" in result.stderr


def test_a_figure_that_is_undefined_says_so(
    run: Run, bundle: Path, own_tones: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from earmark.inference import evaluation

    genuine = evaluation.evaluate_bundle

    def without(*arguments: object, **options: object) -> object:
        found = genuine(*arguments, **options)  # type: ignore[arg-type]
        metrics = found.summary.metrics | {"accuracy": None}
        primary = replace(found.primary, value=None, low=None, high=None)
        return replace(found, primary=primary, summary=replace(found.summary, metrics=metrics))

    monkeypatch.setattr(evaluation, "evaluate_bundle", without)
    assert "accuracy undefined on 16 clips" in run("evaluate", own_tones, "-m", bundle).stdout
