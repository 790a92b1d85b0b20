from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import BundleError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

KEYS = ["path", "label", "probability", "scores", "accepted", "duration_s", "latency_ms"]


def test_json_is_one_object_per_line_and_file(run: Run, bundle: Path, loud: Path, quiet: Path) -> None:
    lines = run("predict", "--json", "-m", bundle, loud, quiet).stdout.splitlines()
    first, second = (json.loads(line) for line in lines)
    assert list(first) == list(second) == KEYS
    assert (first["path"], first["label"], second["label"]) == (str(loud), "loud", "quiet")
    assert set(first["scores"]) == {"loud", "quiet"}
    assert first["probability"] == first["scores"]["loud"]
    assert first["accepted"] is True
    assert first["duration_s"] == 0.5
    assert first["latency_ms"] > 0


def test_a_failing_file_is_told_and_the_others_are_still_classified(
    run: Run, bundle: Path, loud: Path, quiet: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    result = run("predict", "--json", "-m", bundle, loud, tmp_path / "empty.wav", quiet, code=1)
    first, wrong, last = (json.loads(line) for line in result.stdout.splitlines())
    assert (first["label"], last["label"]) == ("loud", "quiet")
    assert list(wrong) == ["path", "error"]
    assert "empty.wav" in wrong["error"]
    assert result.stderr == "earmark: 1 of 3 files failed\n"


def test_text_names_label_probability_and_time(run: Run, bundle: Path, loud: Path, tmp_path: Path) -> None:
    result = run("predict", "-m", bundle, loud, tmp_path / "gone.wav", code=1)
    assert result.stdout.startswith(f"{loud}: loud  ")
    assert result.stdout.endswith(" ms\n")
    assert "gone.wav" in result.stderr


def test_an_answer_below_its_threshold_is_marked(run: Run, bundle: Path, loud: Path, tmp_path: Path) -> None:
    from earmark.models import load_bundle, save_bundle
    from earmark.models.bundle_spec import ThresholdPart

    whole = load_bundle(bundle)
    strict = whole.spec.model_copy(update={"thresholds": ThresholdPart(rule="precision", goal=1.0, values=(1.1, 1.1))})
    save_bundle(tmp_path / "strict", strict, (bundle / "model.onnx").read_bytes())
    assert "(below its threshold)" in run("predict", "-m", tmp_path / "strict", loud).stdout
    assert json.loads(run("predict", "--json", "-m", tmp_path / "strict", loud).stdout)["accepted"] is False


def test_other_accepted_labels_are_named(run: Run, tones: Path, tmp_path: Path, loud: Path) -> None:
    rows = ["path;label;group"]
    for path in sorted(tones.glob("*.wav")):
        group, label, _ = path.stem.split("-")
        rows.append(f"{path};{'loud|sound' if label == 'loud' else 'sound' if group < 'cleo' else ''};{group}")
    (tmp_path / "many.csv").write_text("\n".join(rows).replace(";", ",") + "\n")
    read = ("--read", 'label_separator="|"', "--read", "keep_negatives=true")
    run(
        *("train", tmp_path / "many.csv", "-m", "level", "--folds", "grouped:2", "--out", tmp_path, "--name", "many"),
        *read,
    )
    assert "(also " in run("predict", "-m", tmp_path / "many", loud).stdout


def test_a_file_given_twice_is_answered_twice(run: Run, bundle: Path, loud: Path) -> None:
    assert run("predict", "-m", bundle, loud, loud).stdout.count(f"{loud}: loud") == 2


def test_a_name_that_begins_with_dashes_comes_after_two_dashes(
    run: Run, bundle: Path, loud: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loud.rename(tmp_path / "--loud.wav")
    monkeypatch.chdir(tmp_path)
    assert run("predict", "-m", bundle, "--", "--loud.wav").stdout.startswith("--loud.wav: loud")


def test_a_part_of_a_file_is_chosen_by_start_and_duration(run: Run, bundle: Path, loud: Path) -> None:
    told = json.loads(run("predict", "--json", "-m", bundle, loud, "--start", "0.1", "--duration", "0.25").stdout)
    assert told["duration_s"] == 0.25


@pytest.mark.parametrize("duration", ["0", "-1", "nan"])
def test_a_duration_that_makes_no_sense_is_refused(run: Run, bundle: Path, loud: Path, duration: str) -> None:
    with pytest.raises(ConfigError, match=f"--duration {duration}: expected more than 0 s"):
        run("predict", "-m", bundle, loud, f"--duration={duration}")


def test_latency_is_measured_after_warming_up(run: Run, bundle: Path, loud: Path, quiet: Path) -> None:
    result = run("predict", "-m", bundle, loud, quiet, "--warmup", "1", "--runs", "3")
    assert result.stderr.startswith("latency: mean ")
    assert result.stderr.endswith("(2 files, 3 runs after 1 warm-up)\n")
    assert len(result.stdout.splitlines()) == 2


def test_an_unknown_model_is_refused(run: Run, loud: Path) -> None:
    with pytest.raises(BundleError, match="digitss: is neither a bundle folder nor a shipped model"):
        run("predict", "-m", "digitss", loud)


def test_no_file_is_a_mistake_in_the_command(run: Run) -> None:
    assert "FILE" in run("predict", code=2).stderr


@pytest.mark.real
def test_the_shipped_model_knows_a_digit(run: Run, fsdd_dir: Path) -> None:
    told = run("predict", "--json", fsdd_dir / "recordings" / "5_george_0.wav").stdout
    assert json.loads(told)["label"] == "5"
