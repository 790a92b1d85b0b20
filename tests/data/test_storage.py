"""Datasets in storage are read like local ones, with ids and groups that do not know where the cache lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import DataError
from earmark.data import LoadOptions, load_dataset
from earmark.data.storage_client import ObjectStore, RemoteObject
from earmark.data.storage_faults import StorageError
from tests.storage_servers import memory, sound, use_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from earmark.data.dataset import Dataset

AUDACITY = b"0.000000\t0.020000\tdog\n0.020000\t0.040000\tcat\n"
RAVEN = (
    b"Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin File\tAnnotation\n"
    b"1\tSpectrogram 1\t1\t0.0\t0.02\t0\t4000\ta.wav\tdog\n"
)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    use_environment(monkeypatch, EARMARK_CACHE_DIR=str(tmp_path / "cache"), EARMARK_STORAGE_RETRIES="0")
    with memory() as system:
        for name in ("dog/a.wav", "dog/deep/b.wav", "cat/c.wav", "cat/.hidden.wav", "cat/notes.md"):
            system.pipe(f"/bucket/calls/{name}", sound(name))
        yield system


def shown(dataset: Dataset) -> list[tuple[str, tuple[str, ...], str]]:
    return [(clip.id, clip.labels, clip.group) for clip in dataset.clips]


def test_a_folder_per_class_is_read(bucket: Any) -> None:
    dataset = load_dataset("memory://bucket/calls/")
    assert shown(dataset) == [
        ("cat/c.wav", ("cat",), "cat/c.wav"),
        ("dog/a.wav", ("dog",), "dog/a.wav"),
        ("dog/deep/b.wav", ("dog",), "dog/deep/b.wav"),
    ]
    assert (dataset.name, dataset.source) == ("calls", "memory://bucket/calls/")
    assert all(clip.path.is_file() for clip in dataset.clips)


def test_the_same_from_another_cache_is_the_same(bucket: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = load_dataset("memory://bucket/calls", LoadOptions(group_by="parent"))
    use_environment(monkeypatch, EARMARK_CACHE_DIR=str(tmp_path / "other"))
    after = load_dataset("memory://bucket/calls", LoadOptions(group_by="parent"))
    assert shown(before) == shown(after)
    assert before.fingerprint == after.fingerprint
    assert {clip.group for clip in after.clips} == {"cat", "dog", "dog/deep"}
    assert all(clip.path.is_relative_to(tmp_path / "other") for clip in after.clips)


def test_an_object_that_was_removed_is_no_clip_any_more(bucket: Any) -> None:
    load_dataset("memory://bucket/calls")
    bucket.rm("/bucket/calls/dog/a.wav")
    assert [clip.id for clip in load_dataset("memory://bucket/calls").clips] == ["cat/c.wav", "dog/deep/b.wav"]


def test_a_bucket_itself_is_a_folder(bucket: Any) -> None:
    bucket.rm("/bucket/calls", recursive=True)
    bucket.pipe("/bucket/dog/a.wav", sound())
    assert [clip.id for clip in load_dataset("memory://bucket").clips] == ["dog/a.wav"]


@pytest.mark.parametrize("address", ["memory://bucket/list/clips.csv", "memory://bucket/list/"])
def test_a_manifest_names_objects_by_relative_path_and_by_address(bucket: Any, address: str) -> None:
    rows = "path,label,group\na.wav,dog,g1\n..\\calls\\dog\\a.wav,dog,g2\nmemory://bucket/calls/cat/c.wav,cat,g3\n"
    bucket.pipe("/bucket/list/clips.csv", rows.encode())
    bucket.pipe("/bucket/list/a.wav", sound("a"))
    bucket.pipe("/bucket/list/unnamed.wav", sound("u"))
    dataset = load_dataset(address)
    assert shown(dataset) == [
        ("a.wav", ("dog",), "g1"),
        ("../calls/dog/a.wav", ("dog",), "g2"),
        ("../calls/cat/c.wav", ("cat",), "g3"),
    ]
    assert (dataset.name, dataset.source) == ("list", address)
    assert all(clip.path.is_file() for clip in dataset.clips)
    assert not list(dataset.clips[0].path.parent.glob("unnamed*"))


def test_a_manifest_with_many_objects_lists_them(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        bucket.pipe(f"/bucket/many/audio/{number}.wav", sound(str(number)))
    bucket.pipe("/other/x.wav", sound("x"))
    paths = [f"../audio/{number}.wav" for number in range(40)] + ["memory://other/x.wav"]
    bucket.pipe("/bucket/many/list/clips.csv", ("path,label\n" + "".join(f"{p},dog\n" for p in paths)).encode())
    monkeypatch.setattr(ObjectStore, "look_at", None)  # would be one request for each
    assert len(load_dataset("memory://bucket/many/list/clips.csv").clips) == 41


def test_offline_a_manifest_is_read_from_the_copy(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.pipe("/bucket/list/clips.csv", b"path,label\n../calls/dog/a.wav,dog\n")
    online = load_dataset("memory://bucket/list/")
    monkeypatch.setattr("earmark.data.storage_client.ON_THIS_MACHINE", frozenset())
    use_environment(monkeypatch, EARMARK_OFFLINE="1")
    assert shown(load_dataset("memory://bucket/list/")) == shown(online)
    with pytest.raises(DataError, match="no complete copy"):
        load_dataset("memory://bucket/calls/")


def test_an_object_that_a_manifest_names_and_that_is_not_there_is_named_with_its_line(bucket: Any) -> None:
    rows = b"path,label\n../calls/dog/a.wav,dog\nno.wav,dog\nnope.wav,dog\n"
    bucket.pipe("/bucket/list/clips.csv", rows)
    expected = r"^clips\.csv:3: object memory://bucket/list/no\.wav is not there \(and 1 more\)"
    with pytest.raises(DataError, match=expected):
        load_dataset("memory://bucket/list/")
    skipped = load_dataset("memory://bucket/list/", LoadOptions(missing="skip"))
    assert [clip.id for clip in skipped.clips] == ["../calls/dog/a.wav"]
    kept = load_dataset("memory://bucket/list/", LoadOptions(missing="keep"))
    assert [clip.id for clip in kept.clips] == ["../calls/dog/a.wav", "no.wav", "nope.wav"]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("gs://bucket/a.wav", "is not in memory://, where the manifest lies"),
        ("/home/ada/a.wav", "is a path of some machine"),
        ("C:\\\\audio\\\\a.wav", "is a path of some machine"),
        ("../../../a.wav", "leads out of memory://"),
        ("", "expected the path of an audio file"),
    ],
)
def test_a_path_that_cannot_be_in_storage_is_refused_with_its_line(bucket: Any, cell: str, message: str) -> None:
    bucket.pipe("/bucket/list/clips.csv", f"path,label,x\n{cell},dog,1\n".encode())
    with pytest.raises(DataError, match=rf"^clips\.csv:2: .*{message}"):
        load_dataset("memory://bucket/list/clips.csv")


def test_an_object_that_cannot_be_asked_for_is_not_taken_for_missing(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(store: ObjectStore, path: str) -> RemoteObject:
        raise StorageError("not for you", "denied")

    bucket.pipe("/bucket/list/clips.csv", b"path,label\n../calls/dog/a.wav,dog\n")
    monkeypatch.setattr(ObjectStore, "look_at", refuse)
    with pytest.raises(StorageError, match="not for you"):
        load_dataset("memory://bucket/list/", LoadOptions(missing="skip"))


def test_the_audio_of_a_manifest_may_lie_here(bucket: Any, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(sound())
    bucket.pipe("/bucket/list/clips.csv", b"path,label\na.wav,dog\n")
    dataset = load_dataset("memory://bucket/list/clips.csv", LoadOptions(audio_dir=tmp_path))
    assert dataset.clips[0].path == tmp_path / "a.wav"


def test_a_manifest_without_a_column_of_paths_says_which_it_has(bucket: Any) -> None:
    bucket.pipe("/bucket/list/clips.csv", b"sound,label\na.wav,dog\n")
    with pytest.raises(DataError, match=r"^clips\.csv: no column for the path"):
        load_dataset("memory://bucket/list/clips.csv")
    with pytest.raises(DataError, match='no column "where"'):
        load_dataset("memory://bucket/list/clips.csv", LoadOptions(path_column="where"))


def test_a_manifest_with_paths_in_another_column_is_read(bucket: Any) -> None:
    bucket.pipe("/bucket/list/clips.csv", b"sound,label\n../calls/dog/a.wav,dog\n")
    options = LoadOptions(path_column="sound")
    assert [clip.id for clip in load_dataset("memory://bucket/list/clips.csv", options).clips] == ["../calls/dog/a.wav"]


@pytest.mark.parametrize(("name", "content"), [("a.txt", AUDACITY), ("night.txt", RAVEN), ("night.tsv", RAVEN)])
def test_an_annotation_table_takes_the_audio_beside_it(bucket: Any, name: str, content: bytes) -> None:
    bucket.pipe("/bucket/field/a.wav", sound("a"))
    bucket.pipe("/bucket/field/deep/b.wav", sound("b"))
    bucket.pipe(f"/bucket/field/{name}", content)
    dataset = load_dataset(f"memory://bucket/field/{name}")
    assert {label for clip in dataset.clips for label in clip.labels} >= {"dog"}
    assert not list(dataset.clips[0].path.parent.glob("deep"))


def test_a_folder_of_annotation_tables_is_read(bucket: Any) -> None:
    bucket.pipe("/bucket/field/a.wav", sound("a"))
    bucket.pipe("/bucket/field/a.txt", AUDACITY)
    assert len(load_dataset("memory://bucket/field/").clips) == 2


def test_a_parquet_file_is_read(bucket: Any, tmp_path: Path) -> None:
    pyarrow: Any = pytest.importorskip("pyarrow")
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    audio = [{"bytes": sound("a"), "path": "a.wav"}, {"bytes": sound("b"), "path": "b.wav"}]
    parquet.write_table(pyarrow.table({"audio": audio, "label": ["dog", "cat"]}), tmp_path / "x.parquet")
    bucket.put_file(str(tmp_path / "x.parquet"), "/bucket/tables/x.parquet")
    for address in ("memory://bucket/tables/x.parquet", "memory://bucket/tables"):
        dataset = load_dataset(address)
        assert (dataset.labels, dataset.source) == (("cat", "dog"), address)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("memory://bucket/call/", r'bucket/call: nothing is there; memory://bucket has no call; did you mean "calls"'),
        ("memory://bucket/call/dog", r"memory://bucket has no call; did you mean"),
        ("memory://bucket/calls/clips.csv", r"memory://bucket/calls has no clips\.csv \(known: cat, dog\)"),
        ("memory://nowhere", "memory://nowhere: nothing is there; correct the address"),
        ("memory://bucket/texts", r"holds no audio \(but such as readme\.md\); expected a folder per class"),
    ],
)
def test_where_nothing_is_the_near_name_is_told(bucket: Any, address: str, message: str) -> None:
    bucket.pipe("/bucket/texts/readme.md", b"hello")
    with pytest.raises(DataError, match=message):
        load_dataset(address)


def test_of_many_names_only_the_near_ones_are_told(bucket: Any) -> None:
    for number in range(60):
        bucket.pipe(f"/bucket/species/frog_{number:02}/a.wav", b"x")
    with pytest.raises(DataError, match="did you mean") as caught:
        load_dataset("memory://bucket/species/frogg_07")
    assert str(caught.value).count("frog_") < 25


@pytest.mark.parametrize("name", ["a.wav", "clips.csv"])
def test_an_object_that_goes_while_it_is_copied_is_named(
    bucket: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bucket.pipe("/bucket/list/clips.csv", b"path,label\na.wav,dog\nb.wav,dog\n")
    bucket.pipe("/bucket/list/a.wav", sound("a"))
    bucket.pipe("/bucket/list/b.wav", sound("b"))
    fetch = ObjectStore.fetch

    def fetch_or_miss(store: ObjectStore, item: RemoteObject, file: Path) -> RemoteObject:
        if item.path.endswith(name):
            raise StorageError("gone", "missing")
        return fetch(store, item, file)

    monkeypatch.setattr(ObjectStore, "fetch", fetch_or_miss)
    with pytest.raises(DataError, match=rf"bucket/list/{name}: is listed, but is not there; run the command again"):
        load_dataset("memory://bucket/list/clips.csv")
    if name == "a.wav":
        skipped = load_dataset("memory://bucket/list/clips.csv", LoadOptions(missing="skip"))
        assert [clip.id for clip in skipped.clips] == ["b.wav"]


def test_a_folder_of_this_machine_by_its_address_is_copied_too(tmp_path: Path, bucket: Any) -> None:
    (tmp_path / "tree" / "dog").mkdir(parents=True)
    (tmp_path / "tree" / "dog" / "a.wav").write_bytes(sound("a"))
    dataset = load_dataset(f"file://{tmp_path}/tree")
    assert [clip.id for clip in dataset.clips] == ["dog/a.wav"]
    assert dataset.clips[0].path.is_relative_to(tmp_path / "cache")
