from __future__ import annotations

import io
import json
import sys
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from earmark.audio.read import read_audio
from earmark.core.errors import DataError, MissingExtraError
from earmark.core.settings import settings
from earmark.data.loading import load_dataset
from earmark.data.options import LoadOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Cell = dict[str, Any]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    settings.cache_clear()
    return tmp_path / "cache"


def encoded(form: str = "WAV", frequency_hz: float = 440.0) -> bytes:
    content = io.BytesIO()
    samples = 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(400) / 8000)
    soundfile.write(content, samples, 8000, format=form)
    return content.getvalue()


def digit_rows(n: int = 4) -> list[Cell]:
    return [
        {"audio": {"bytes": encoded(), "path": f"{digit}_{('ann', 'bob')[digit % 2]}_{digit}.wav"}, "label": digit}
        for digit in range(n)
    ]


class Audio:
    """Stands for `datasets.Audio`."""

    def __init__(self, decode: bool = True) -> None:
        self.decode = decode


class ClassLabel:
    def __init__(self, names: list[str]) -> None:
        self.names = names


class Rows:
    """Stands for `datasets.Dataset`: iterates rows, knows its features."""

    def __init__(self, rows: list[Cell], features: dict[str, Any]) -> None:
        self.rows, self.features = rows, features

    def cast_column(self, column: str, feature: Audio) -> Rows:
        assert isinstance(self.features[column], Audio)
        assert not feature.decode
        return self

    def __iter__(self) -> Iterator[Cell]:
        return iter(self.rows)


def install_datasets(monkeypatch: pytest.MonkeyPatch, splits: dict[str, Rows]) -> list[str | None]:
    calls: list[str | None] = []

    def load(name: str, split: str | None = None) -> Any:
        calls.append(split)
        if name == "nobody/nothing":
            raise ConnectionError("Couldn't reach the Hub\nwith many lines")
        return splits if split is None else splits[split]

    module = types.ModuleType("datasets")
    module.load_dataset = load  # type: ignore[attr-defined]
    module.Audio = Audio  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    return calls


FEATURES: dict[str, Any] = {"audio": Audio(), "label": ClassLabel(["zero", "one", "two", "three"])}


def test_splits_of_the_hub_become_folds_and_numbers_become_names(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = digit_rows()
    calls = install_datasets(monkeypatch, {"train": Rows(rows[:2], FEATURES), "test": Rows(rows[2:], FEATURES)})
    dataset = load_dataset("hf:mteb/free-spoken-digit-dataset")
    assert (dataset.name, dataset.source) == ("free-spoken-digit-dataset", "hf:mteb/free-spoken-digit-dataset")
    assert [(c.labels[0], c.group, c.fold) for c in dataset.clips] == [
        ("zero", "ann", "train"),
        ("one", "bob", "train"),
        ("two", "ann", "test"),
        ("three", "bob", "test"),
    ]
    assert dataset.clips[0].path.read_bytes() == rows[0]["audio"]["bytes"]
    load_dataset("hf:mteb/free-spoken-digit-dataset")
    assert calls == [None]  # the second time from the cache


def test_one_split_may_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = install_datasets(monkeypatch, {"test": Rows(digit_rows(), FEATURES)})
    dataset = load_dataset("hf:some/digits:test", LoadOptions(group_by="file"))
    assert calls == ["test"]
    assert {clip.fold for clip in dataset.clips} == {None}
    assert dataset.clips[0].id == "test/000000_0_ann_0.wav"


def test_file_names_without_the_known_pattern_leave_each_file_its_own_group(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[Cell] = [{"audio": {"bytes": encoded(), "path": None}, "label": n, "speaker": "x"} for n in (0, 1)]
    install_datasets(monkeypatch, {"train": Rows(rows, FEATURES)})
    assert len(set(load_dataset("hf:mteb/free-spoken-digit-dataset").groups.tolist())) == 2
    grouped = load_dataset("hf:mteb/free-spoken-digit-dataset", LoadOptions(group_by="speaker"))
    assert grouped.groups.tolist() == ["x", "x"]


def test_lists_of_label_numbers_become_several_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    features = {"audio": Audio(), "labels": ClassLabel(["owl", "frog"])}
    rows: list[Cell] = [
        {"audio": {"bytes": encoded(), "path": "a"}, "labels": [0, 1]},
        {"audio": {"bytes": encoded(), "path": "b"}, "labels": []},
    ]
    install_datasets(monkeypatch, {"train": Rows(rows, features)})
    assert [clip.labels for clip in load_dataset("hf:some/owls").clips] == [("owl", "frog"), ()]


@pytest.mark.parametrize(
    ("cell", "suffix"),
    [
        ({"bytes": encoded("FLAC"), "path": "a.wav"}, ".flac"),
        ({"bytes": encoded("OGG"), "path": None}, ".ogg"),
        ({"bytes": encoded("MP3"), "path": None}, ".mp3"),
        ({"bytes": b"\0\0\0\x20ftypM4A " + bytes(20), "path": None}, ".m4a"),
        ({"bytes": b"??????????", "path": "odd.opus"}, ".opus"),
    ],
)
def test_audio_is_kept_as_published_under_its_true_ending(
    monkeypatch: pytest.MonkeyPatch, cell: Cell, suffix: str
) -> None:
    install_datasets(monkeypatch, {"train": Rows([{"audio": cell, "label": 0}], FEATURES)})
    path = load_dataset("hf:some/digits").clips[0].path
    assert path.suffix == suffix
    assert path.read_bytes() == cell["bytes"]


def test_a_cell_that_only_names_a_file_is_read_from_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encoded())
    rows = [{"audio": {"bytes": None, "path": str(tmp_path / "a.wav")}, "label": 0}]
    install_datasets(monkeypatch, {"train": Rows(rows, FEATURES)})
    assert load_dataset("hf:some/digits").clips[0].path.read_bytes() == encoded()


def test_decoded_samples_are_written_as_wav(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.linspace(-0.5, 0.5, 800)
    rows = [{"audio": {"array": samples, "sampling_rate": 16000, "path": "x.mp3"}, "label": 0}]
    install_datasets(monkeypatch, {"train": Rows(rows, FEATURES)})
    sound = read_audio(load_dataset("hf:some/digits").clips[0].path)
    assert sound.rate_hz == 16000
    np.testing.assert_allclose(sound.samples[0], samples, atol=1e-4)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (
            {"bytes": b"", "path": "gone.wav"},
            r'train\[0\]: the audio cell is empty \(no bytes, and no file "gone\.wav"\)',
        ),
        ({"bytes": b"nothing known", "path": "x.bin"}, r"begins with b'nothing ', which is no known audio file"),
        ({"bytes": b"\xff", "path": None}, "which is no known audio file"),
        (3, r"train\[0\]: no audio among the columns audio, label"),
    ],
)
def test_a_wrong_cell_leaves_nothing_in_the_cache(
    monkeypatch: pytest.MonkeyPatch, own_cache: Path, cell: Any, message: str
) -> None:
    install_datasets(monkeypatch, {"train": Rows([{"audio": cell, "label": 0}], FEATURES)})
    with pytest.raises(DataError, match=message):
        load_dataset("hf:some/digits")
    assert not list((own_cache / "hub").iterdir())


def test_the_number_of_no_label_is_a_missing_label(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"audio": {"bytes": encoded(), "path": "a.wav"}, "label": -1}]
    install_datasets(monkeypatch, {"train": Rows(rows, FEATURES)})
    with pytest.raises(DataError, match=r"clips\.jsonl:1: label is missing"):
        load_dataset("hf:some/digits")


def test_the_hub_explains_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    install_datasets(monkeypatch, {"train": Rows([], {"text": object()})})
    with pytest.raises(DataError, match=r'"hf:digits": expected hf:owner/name or hf:owner/name:split'):
        load_dataset("hf:digits")
    with pytest.raises(DataError, match=r"cannot be fetched .*\(ConnectionError: Couldn't reach the Hub\); check"):
        load_dataset("hf:nobody/nothing")
    with pytest.raises(DataError, match="some/texts: no audio column among text"):
        load_dataset("hf:some/texts")
    monkeypatch.setenv("EARMARK_OFFLINE", "1")
    settings.cache_clear()
    with pytest.raises(DataError, match="EARMARK_OFFLINE forbids"):
        load_dataset("hf:some/digits")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'earmark\[hub\]'"):
        load_dataset("hf:some/digits")
    (tmp_path / "x.parquet").touch()
    with pytest.raises(MissingExtraError, match=r"needs the package pyarrow.*'earmark\[hub\]'"):
        load_dataset(tmp_path / "x.parquet")


def install_parquet(monkeypatch: pytest.MonkeyPatch, tables: dict[str, list[Cell]]) -> None:
    """Put a module of the shape of `pyarrow.parquet` in place that serves rows by file name."""

    class Batch:
        def __init__(self, rows: list[Cell]) -> None:
            self.rows = rows

        def to_pylist(self) -> list[Cell]:
            return self.rows

    class ParquetFile:
        def __init__(self, path: Path) -> None:
            if path.name not in tables:
                raise ValueError("Parquet magic bytes not found in footer")
            features = {"label": {"names": ["zero", "one", "two", "three"], "_type": "ClassLabel"}}
            metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
            self.schema_arrow = types.SimpleNamespace(metadata=metadata)
            self.rows = tables[path.name]

        def iter_batches(self, batch_size: int) -> Iterator[Batch]:
            for start in range(0, len(self.rows), batch_size):
                yield Batch(self.rows[start : start + batch_size])

    module = types.ModuleType("pyarrow.parquet")
    module.ParquetFile = ParquetFile  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyarrow", types.ModuleType("pyarrow"))
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", module)


def test_local_parquet_files_are_read_like_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = digit_rows()
    folder = tmp_path / "digits" / "data"
    folder.mkdir(parents=True)
    for name in ("train-00000-of-00001.parquet", "test-00000-of-00001.parquet"):
        (folder / name).touch()
    install_parquet(monkeypatch, {"train-00000-of-00001.parquet": rows[:2], "test-00000-of-00001.parquet": rows[2:]})
    dataset = load_dataset(tmp_path / "digits", LoadOptions(group_by=r"_(?P<group>[a-z]+)_"))
    assert dataset.name == "digits"
    assert sorted((c.labels[0], c.group, c.fold) for c in dataset.clips) == [
        ("one", "bob", "train"),
        ("three", "bob", "test"),
        ("two", "ann", "test"),
        ("zero", "ann", "train"),
    ]


def test_a_split_may_be_the_name_of_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / "d" / split).mkdir(parents=True)
        (tmp_path / "d" / split / f"{split}.parquet").touch()
    install_parquet(monkeypatch, {"train.parquet": digit_rows(1), "test.parquet": digit_rows(2)[1:]})
    assert {clip.fold for clip in load_dataset(tmp_path / "d").clips} == {"train", "test"}


def test_a_damaged_parquet_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"junk")
    install_parquet(monkeypatch, {})
    with pytest.raises(DataError, match=r"x\.parquet: is not a whole parquet file \(Parquet magic"):
        load_dataset(tmp_path / "x.parquet")


def test_real_parquet_files_where_pyarrow_is_installed(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra hub is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    features = {"label": {"names": ["zero", "one", "two", "three"], "_type": "ClassLabel"}}
    table = pyarrow.Table.from_pylist(digit_rows())
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    dataset = load_dataset(tmp_path)
    assert dataset.labels == ("one", "three", "two", "zero")
    assert read_audio(dataset.clips[0].path).rate_hz == 8000
