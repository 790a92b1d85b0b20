from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import ConfigError, DataError, LeakError
from earmark.core.settings import settings
from earmark.data import load_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


def test_corpora_are_listed(run: Run) -> None:
    told = run("data", "ls").stdout
    assert "fsdd" in told
    assert f"\ncache: {settings().cache_dir} (" in told
    rows = json.loads(run("data", "ls", "--json").stdout)
    assert {"fsdd", "esc50", "digits-espeak"} <= {row["name"] for row in rows}
    assert set(rows[0]) == {"name", "where", "licence", "about"}


def test_a_corpus_is_fetched_from_the_local_copy(run: Run, tones: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_DATA_DIR", str(tones.parent))
    told = run("data", "fetch", tones.name).stdout
    assert f"{tones.name}: 16 clips, 2 labels, 4 groups\nfolder: {tones}\nlicence: CC0; source: " in told


def test_an_unknown_corpus_is_refused(run: Run) -> None:
    with pytest.raises(DataError, match='"fsd": is neither a file'):
        run("data", "fetch", "fsd")


def test_a_sound_dataset_passes_the_audit(run: Run, own_tones: Path, tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    result = run(
        "data", "audit", own_tones, "--folds", "grouped:2", "--workers", "1", "--html", tmp_path / "audit.html"
    )
    assert "16 clips" in result.stdout
    assert f"report: {page}" in result.stderr
    assert "<html" in page.read_text()


def test_a_split_that_leaks_fails_the_audit_with_the_finding(run: Run, own_tones: Path) -> None:
    result = run("data", "audit", own_tones, "--folds", "given", "--workers", "1", code=1)
    assert "both sides" in result.stdout
    assert "ada" in result.stdout


def test_the_audit_as_json_is_one_document(run: Run, own_tones: Path) -> None:
    (own_tones / "ada-loud-0.wav").unlink()
    (line,) = run("data", "audit", own_tones, "--workers", "1", "--json", code=1).stdout.splitlines()
    assert "ada-loud-0.wav" in line
    assert isinstance(json.loads(line), dict)


def test_a_split_is_written_as_a_manifest_that_shares_no_group(run: Run, own_tones: Path, tmp_path: Path) -> None:
    told = run("data", "split", own_tones, "--out", tmp_path / "split.csv", "--folds", "parts:50/25/25").stdout
    dataset = load_dataset(tmp_path / "split.csv")
    groups = {(clip.group, clip.fold) for clip in dataset.clips}
    assert len(groups) == 4
    assert {fold for _, fold in groups} == {"train", "validation", "test"}
    assert f"wrote {tmp_path / 'split.csv'}" in told
    (row,) = [line.split() for line in told.splitlines() if "validation" in line]
    assert row == ["validation", "4", "1", "2"]


def test_seeds_give_the_same_split_again(
    run: Run, own_tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earmark.core.settings import settings

    def split(name: str, *seed: str) -> str:
        settings.cache_clear()
        run("data", "split", own_tones, "--out", tmp_path / name, *seed)
        return (tmp_path / name).read_text()

    texts = {seed: split(f"{seed}.csv", "--seed", str(seed)) for seed in range(5)}
    assert split("again.csv", "--seed", "3") == texts[3]
    assert split("default.csv") == texts[0]
    assert len(set(texts.values())) > 1
    monkeypatch.setenv("EARMARK_RANDOM_SEED", "3")
    assert split("setting.csv") == texts[3]


def test_a_given_split_that_leaks_is_not_written(run: Run, own_tones: Path, tmp_path: Path) -> None:
    with pytest.raises(LeakError, match="both sides"):
        run("data", "split", own_tones, "--out", tmp_path / "split.csv", "--folds", "given")
    assert not (tmp_path / "split.csv").exists()


def test_options_say_how_a_dataset_is_read(run: Run, own_tones: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.csv"
    moved.write_text((own_tones / "clips.csv").read_text().replace("label", "species"))
    read = ("--read", "label_column=species", "--read", f"audio_dir={own_tones}", "--read", "fold_column=fold")
    told = run(
        "data", "split", moved, "--out", tmp_path / "out.csv", "--group-by", r"(?P<group>\w+)-.*-\d", *read
    ).stdout
    assert "train" in told
    assert {clip.group for clip in load_dataset(tmp_path / "out.csv").clips} == {
        f"{group}" for group in ("ada", "ben", "cleo", "dan")
    }


@pytest.mark.parametrize(
    ("read", "message"),
    [
        ("label_colum=species", 'key "label_colum" is not known; did you mean "label_column"'),
        ("label_column", 'found no "=", expected KEY=VALUE'),
        ("window_s=long", "a value is of the wrong kind"),
        ("=3", 'found no "=", expected KEY=VALUE'),
    ],
)
def test_a_wrong_key_is_refused(run: Run, own_tones: Path, read: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"--read {read}: {message}"):
        run("data", "audit", own_tones, "--read", read)
