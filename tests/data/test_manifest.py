from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from earmark.core.errors import DataError
from earmark.data.loading import load_dataset
from earmark.data.manifest import load_manifest
from earmark.data.options import LoadOptions

MakeTone = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, make_tone: MakeTone) -> Path:
    for name in ("a", "b", "c"):
        make_tone(tmp_path / f"{name}.wav")
    return tmp_path


def manifest(folder: Path, text: str, name: str = "clips.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder / name


def test_the_shared_layout_is_read_with_all_its_facts(folder: Path) -> None:
    manifest(
        folder,
        "path,label,group,fold,source,licence,duration_s,rate_hz\n"
        "a.wav,1,ann,test,here,CC0,0.05,8000\nb.wav,2,bob,,here,CC-BY,0.05,8000\n",
    )
    dataset = load_dataset(folder)
    first, second = dataset.clips
    assert (first.id, first.labels, first.group, first.fold) == ("a.wav", ("1",), "ann", "test")
    assert second.fold is None
    assert (first.start_s, first.duration_s) == (0.0, None)  # a rounded duration is no cut
    assert (dataset.name, dataset.task, dataset.source, dataset.licence) == (folder.name, "one", "here", "CC-BY; CC0")


def test_a_missing_label_is_reported_with_its_line(folder: Path) -> None:
    lines = ["path,label", *[f"x{number}.wav,dog" for number in range(39)], "a.wav,"]
    manifest(folder, "\n".join(lines) + "\n")
    with pytest.raises(
        DataError, match=r'clips\.csv:41: label is missing \(column "label" is empty\), expected one .*fill'
    ):
        load_dataset(folder, LoadOptions(missing="keep"))


def test_rows_without_label_become_negatives_when_asked(folder: Path) -> None:
    manifest(folder, "path,label\na.wav,dog\nb.wav,\n")
    dataset = load_dataset(folder, LoadOptions(keep_negatives=True))
    assert [clip.labels for clip in dataset.clips] == [("dog",), ()]
    assert dataset.task == "many"


def test_a_separator_gives_several_labels(folder: Path) -> None:
    manifest(folder, "path,label\na.wav,dog; cat;dog\nb.wav,dog\n")
    dataset = load_dataset(folder, LoadOptions(label_separator=";"))
    assert dataset.clips[0].labels == ("dog", "cat")
    assert (dataset.labels, dataset.task) == (("cat", "dog"), "many")


def test_columns_may_have_other_names(folder: Path) -> None:
    path = manifest(folder, "clip,what,who,part,key\na.wav,dog,ann,one,k1\nb.wav,cat,bob,two,k2\n", "x.csv")
    options = LoadOptions(path_column="clip", label_column="what", group_by="who", fold_column="part", id_column="key")
    dataset = load_dataset(path, options)
    assert [(c.id, c.labels[0], c.group, c.fold) for c in dataset.clips] == [
        ("k1", "dog", "ann", "one"),
        ("k2", "cat", "bob", "two"),
    ]
    assert dataset.name == "x"


def test_a_wrong_column_gets_a_suggestion(folder: Path) -> None:
    path = manifest(folder, "path,labell\na.wav,dog\n")
    with pytest.raises(
        DataError, match=r'clips\.csv: no column for the label; expected one of "label", .*did you mean'
    ):
        load_dataset(path)
    with pytest.raises(DataError, match=r'no column "labl" for the label; did you mean "labell"\?'):
        load_dataset(path, LoadOptions(label_column="labl"))


def test_stretches_of_one_file_are_clips(folder: Path) -> None:
    manifest(folder, "path,label,start_s,duration_s,end_s\na.wav,dog,0,0.01,\na.wav,cat,0.02,,0.05\nb.wav,cat,,,\n")
    dataset = load_dataset(folder)
    assert [(c.id, c.start_s, c.duration_s) for c in dataset.clips] == [
        ("a.wav@0.0+0.01", 0.0, 0.01),
        ("a.wav@0.02+0.03", 0.02, pytest.approx(0.03)),
        ("b.wav", 0.0, None),
    ]
    assert dataset.clips[0].group == dataset.clips[1].group == "a.wav"


def test_a_duration_column_that_is_named_is_a_cut_without_start(folder: Path) -> None:
    manifest(folder, "path,label,length\na.wav,dog,0.02\n")
    assert load_dataset(folder, LoadOptions(duration_column="length")).clips[0].duration_s == 0.02


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label,start_s,end_s\na.wav,dog,3,2\n", r"clips\.csv:2: clip from 3\.0 s has length -1\.0 s"),
        ("path,label\n,dog\n", r'clips\.csv:2: column "path" is empty'),
        (
            "path,label\na.wav,dog\nb.wav,cat\na.wav,cat\n",
            r'clips\.csv:4: clip "a\.wav" stands already at clips\.csv:2',
        ),
        ("path,label\na.wav,dog\nnone.wav,dog\nno.wav,dog\n", r"clips\.csv:3: audio file .*none\.wav .*\(and 1 more\)"),
        ("path,label\n", "no clip is left of 0 rows"),
        ("path,label,group\na.wav,dog,ann\nb.wav,dog,\n", r'clips\.csv:3: column "group" is empty'),
    ],
)
def test_a_wrong_row_is_reported_with_its_line(folder: Path, text: str, message: str) -> None:
    manifest(folder, text)
    with pytest.raises(DataError, match=message):
        load_dataset(folder)


def test_missing_files_are_skipped_and_counted_only_when_asked(folder: Path, diary: Any) -> None:
    manifest(folder, "path,label\na.wav,dog\nnone.wav,dog\n")
    assert len(load_dataset(folder, LoadOptions(missing="skip"), diary).clips) == 1
    assert diary.notes == ["skipped 1 of 2 clips whose audio file is not there"]
    assert len(load_dataset(folder, LoadOptions(missing="keep"), diary).clips) == 2


def test_windows_paths_and_another_audio_folder_are_found(tmp_path: Path, make_tone: MakeTone) -> None:
    make_tone(tmp_path / "audio/dog/a.wav")
    path = manifest(tmp_path, "path,label\ndog\\a.wav,dog\n")
    clip = load_dataset(path, LoadOptions(audio_dir=tmp_path / "audio")).clips[0]
    assert clip.path == tmp_path / "audio/dog/a.wav"
    assert clip.id == "dog/a.wav"


def test_json_may_hold_lists_numbers_and_the_order_of_labels(folder: Path) -> None:
    clips = [{"path": "a.wav", "labels": ["x", "y"]}, {"path": "b.wav", "labels": []}]
    value = {"name": "mine", "labels": ["y", "x", "z"], "task": "many", "licence": "CC0", "clips": clips}
    dataset = load_dataset(manifest(folder, json.dumps(value), "x.json"))
    assert (dataset.name, dataset.labels, dataset.licence) == ("mine", ("y", "x", "z"), "CC0")
    assert dataset.clips[1].labels == ()
    plain = load_dataset(manifest(folder, '{"path": "a.wav", "label": 3}\n', "x.jsonl"))
    assert plain.clips[0].labels == ("3",)


@pytest.mark.parametrize(
    ("header", "message"),
    [({"labels": [1]}, r'"labels" holds \[1\], expected a list of texts'), ({"task": "two"}, "\"task\" holds 'two'")],
)
def test_a_wrong_json_header_is_refused(folder: Path, header: dict[str, object], message: str) -> None:
    value = {**header, "clips": [{"path": "a.wav", "label": "x"}]}
    with pytest.raises(DataError, match=message):
        load_dataset(manifest(folder, json.dumps(value), "x.json"))


def test_a_header_may_state_the_task_one(folder: Path) -> None:
    value = {"task": "one", "clips": [{"path": "a.wav", "labels": ["x"]}]}
    assert load_dataset(manifest(folder, json.dumps(value), "x.json")).task == "one"


def test_long_recordings_are_cut_into_windows_with_their_label(tmp_path: Path, make_tone: MakeTone) -> None:
    make_tone(tmp_path / "a.wav", duration_s=1.0)
    manifest(tmp_path, "path,label,start_s,end_s,fold\na.wav,dog,0.0,0.3,x\na.wav,cat,0.2,1.0,x\n")
    dataset = load_dataset(tmp_path, LoadOptions(window_s=0.25, min_overlap_s=0.1))
    assert [(c.start_s, c.labels, c.fold) for c in dataset.clips] == [
        (0.0, ("dog",), "x"),
        (0.25, ("cat",), "x"),
        (0.5, ("cat",), "x"),
        (0.75, ("cat",), "x"),
    ]


def test_windows_need_one_group_for_each_recording(tmp_path: Path, make_tone: MakeTone) -> None:
    make_tone(tmp_path / "a.wav", duration_s=1.0)
    manifest(tmp_path, "path,label,start_s,end_s,group\na.wav,dog,0.0,0.3,x\na.wav,cat,0.2,1.0,y\n")
    with pytest.raises(DataError, match=r"clips\.csv:3: a\.wav has another group or fold on an earlier line"):
        load_dataset(tmp_path, LoadOptions(window_s=0.25))


def test_absolute_paths_of_another_machine_are_found_in_the_named_folder(tmp_path: Path, make_tone: MakeTone) -> None:
    make_tone(tmp_path / "sounds" / "dog" / "a.wav")
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,label\n/home/other/corpus/dog/a.wav,dog\n")
    with pytest.raises(DataError, match="name its folder with audio_dir"):
        load_manifest(manifest, LoadOptions())
    dataset = load_manifest(manifest, LoadOptions(audio_dir=tmp_path / "sounds"))
    assert [clip.id for clip in dataset.clips] == ["dog/a.wav"]


def test_columns_may_be_written_in_capitals(folder: Path) -> None:
    (folder / "list.csv").write_text("Path,Label,GROUP,Fold\na.wav,dog,anna,1\n")
    (clip,) = load_manifest(folder / "list.csv", LoadOptions(missing="keep")).clips
    assert (clip.labels, clip.group, clip.fold) == (("dog",), "anna", "1")


def test_a_list_of_labels_holds_texts_only(folder: Path) -> None:
    (folder / "list.json").write_text('[{"path": "a.wav", "labels": ["dog", null]}]')
    with pytest.raises(DataError, match=r"list\.json: clip 1: .*expected a list of texts"):
        load_manifest(folder / "list.json", LoadOptions(missing="keep"))
