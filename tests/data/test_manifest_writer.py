from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earmark.core.errors import DataError, StoreError
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.data.loading import load_dataset
from earmark.data.manifest_writer import write_manifest
from earmark.data.options import LoadOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEEP = LoadOptions(missing="keep")


def dataset_at(folder: Path, labels: list[tuple[str, ...]], start_s: float = 0.0) -> Dataset:
    clips = [
        Clip(f"c{n}", folder / "audio" / f"{n}.wav", label, f"g{n % 2}", start_s, 1.5 if start_s else None, f"fold{n}")
        for n, label in enumerate(labels)
    ]
    return Dataset.of("some", clips, source="somewhere", licence="CC0")


@pytest.mark.parametrize("name", ["out.csv", "out.json", "out.jsonl"])
@pytest.mark.parametrize("labels", [[("a",), ("b",)], [("a", "b"), (), ("b",)]])
@pytest.mark.parametrize("start_s", [0.0, 0.1 + 0.2])
def test_what_is_written_reads_as_the_same_dataset(
    tmp_path: Path, name: str, labels: list[tuple[str, ...]], start_s: float
) -> None:
    dataset = dataset_at(tmp_path, labels, start_s)
    path = tmp_path / "deep" / name
    write_manifest(dataset, path)
    again = load_dataset(path, KEEP)
    assert again.fingerprint == dataset.fingerprint
    assert [clip.path for clip in again.clips] == [clip.path for clip in dataset.clips]
    assert (again.source, again.licence, again.task) == (dataset.source, dataset.licence, dataset.task)


def test_paths_are_relative_so_that_the_folder_can_move(tmp_path: Path, make_tone: Callable[..., Path]) -> None:
    make_tone(tmp_path / "old/audio/0.wav")
    write_manifest(dataset_at(tmp_path / "old", [("a",)]), tmp_path / "old/sub/out.csv")
    assert "../audio/0.wav" in (tmp_path / "old/sub/out.csv").read_text()
    (tmp_path / "old").rename(tmp_path / "new")
    assert load_dataset(tmp_path / "new/sub/out.csv").clips[0].path == tmp_path / "new/audio/0.wav"


texts = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    labels=st.lists(st.lists(texts, max_size=3, unique=True), min_size=1, max_size=4),
    suffix=st.sampled_from(["csv", "json", "jsonl"]),
)
def test_any_text_round_trips_or_is_refused(tmp_path: Path, labels: list[list[str]], suffix: str) -> None:
    dataset = dataset_at(tmp_path, [tuple(names) for names in labels])
    path = tmp_path / f"out.{suffix}"
    path.unlink(missing_ok=True)
    try:
        write_manifest(dataset, path)
    except DataError:
        assert not path.exists()
    else:
        assert load_dataset(path, KEEP).fingerprint == dataset.fingerprint


def test_what_csv_cannot_hold_is_refused_and_json_holds_it(tmp_path: Path) -> None:
    whole = dataset_at(tmp_path, [("a",), ("b",)])
    part = whole.take([0])
    with pytest.raises(DataError, match=r"would not read back as the same dataset .* write a \.json manifest"):
        write_manifest(part, tmp_path / "out.csv")
    assert not list(tmp_path.iterdir())
    write_manifest(part, tmp_path / "out.json")
    assert load_dataset(tmp_path / "out.json", KEEP).labels == ("a", "b")
    semicolon = dataset_at(tmp_path, [("a;b", "c")])
    with pytest.raises(DataError, match="would not read back"):
        write_manifest(semicolon, tmp_path / "out.csv")


def test_a_clip_without_group_is_refused(tmp_path: Path) -> None:
    clips = [Clip("a", tmp_path / "a.wav", ("x",), "g"), Clip("b", tmp_path / "b.wav", ("x",), "")]
    with pytest.raises(DataError, match=r'cannot be held by this format .*column "group" is empty'):
        write_manifest(Dataset.of("d", clips), tmp_path / "out.csv")


def test_odd_targets_are_refused(tmp_path: Path) -> None:
    dataset = dataset_at(tmp_path, [("a",)])
    with pytest.raises(DataError, match=r'unknown kind of manifest "\.xlsx"; use \.csv, \.json, \.jsonl'):
        write_manifest(dataset, tmp_path / "out.xlsx")
    with pytest.raises(DataError, match="has no clips to write"):
        write_manifest(dataset.take([]), tmp_path / "out.csv")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        write_manifest(dataset, tmp_path / "file" / "out.csv")


def test_audio_on_another_drive_keeps_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object, start: object) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    dataset = dataset_at(tmp_path, [("a",)])
    monkeypatch.setattr("os.path.relpath", refuse)
    write_manifest(dataset, tmp_path / "out.csv")
    assert load_dataset(tmp_path / "out.csv", KEEP).clips[0].path == dataset.clips[0].path


def test_json_says_what_the_dataset_is(tmp_path: Path) -> None:
    write_manifest(dataset_at(tmp_path, [("a",)]), tmp_path / "out.json")
    value = json.loads((tmp_path / "out.json").read_text())
    assert value["task"] == "one"
    assert value["clips"] == [{"id": "c0", "path": "audio/0.wav", "label": "a", "group": "g0", "fold": "fold0"}]
