from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from earmark.core.errors import DataError, LeakError
from earmark.data.corpora import FETCHED, corpus
from earmark.data.corpus_layouts import content_checksum
from earmark.data.loading import load_dataset
from earmark.data.split import given_folds

MakeTone = Callable[..., Path]
UseDataDir = Callable[[Path], None]

pytestmark = pytest.mark.usefixtures("no_data_dir")


def test_a_copy_of_the_repository_is_read_as_it_lies(
    tmp_path: Path, make_tone: MakeTone, use_data_dir: UseDataDir, make_fsdd: Callable[[Path], Path]
) -> None:
    make_fsdd(tmp_path / "data" / "fsdd")
    use_data_dir(tmp_path / "data")
    dataset = load_dataset("fsdd")
    assert (dataset.name, len(dataset.clips)) == ("fsdd", 16)
    assert dataset.licence == "CC BY-SA 4.0"
    make_tone(tmp_path / "data/fsdd/recordings/7_Theo_x.wav")
    with pytest.raises(DataError, match=r"7_Theo_x\.wav: expected a name such as 7_jackson_32\.wav"):
        load_dataset("fsdd")


def esc50_folder(folder: Path, make_tone: MakeTone, rows: list[str]) -> None:
    for row in rows:
        make_tone(folder / "audio" / row.split(",")[0])
    (folder / "meta").mkdir()
    header = "filename,fold,target,category,esc10,src_file,take\n"
    (folder / "meta/esc50.csv").write_text(header + "".join(f"{row}\n" for row in rows))


def test_esc50_takes_groups_and_folds_from_its_own_table(
    tmp_path: Path, make_tone: MakeTone, use_data_dir: UseDataDir
) -> None:
    rows = [
        "1-100032-A-0.wav,1,0,dog,True,100032,A",
        "2-100032-B-0.wav,2,0,dog,True,100032,B",
        "2-9-A-14.wav,2,14,chirping_birds,False,9,A",
    ]
    esc50_folder(tmp_path / "esc50", make_tone, rows)
    use_data_dir(tmp_path)
    dataset = corpus("esc50")
    assert [(c.labels[0], c.group, c.fold) for c in dataset.clips] == [
        ("dog", "fs100032", "fold1"),
        ("dog", "fs100032", "fold2"),
        ("chirping_birds", "fs9", "fold2"),
    ]
    assert dataset.licence == "CC BY 3.0; CC BY-NC 3.0"
    with pytest.raises(LeakError, match="fs100032"):
        given_folds(dataset)


def test_an_esc50_table_that_contradicts_its_files_is_refused(
    tmp_path: Path, make_tone: MakeTone, use_data_dir: UseDataDir
) -> None:
    esc50_folder(tmp_path / "esc50", make_tone, ["1-100032-A-0.wav,3,0,dog,True,100032,A"])
    use_data_dir(tmp_path)
    with pytest.raises(DataError, match=r'esc50\.csv:2: "1-100032-A-0\.wav" does not fit fold'):
        corpus("esc50")


@pytest.mark.real
def test_the_pinned_checksum_is_that_of_the_unaltered_recordings(fsdd_dir: Path) -> None:
    names = [path.name for path in (fsdd_dir / "recordings").iterdir()]
    assert len(names) == 3000
    assert content_checksum(fsdd_dir / "recordings", names) == FETCHED["fsdd"].content_sha256


@pytest.mark.real
def test_a_copy_of_the_repository_is_the_same_dataset_as_the_shared_manifest(
    fsdd_dir: Path, tmp_path: Path, use_data_dir: UseDataDir
) -> None:
    use_data_dir(fsdd_dir.parent)
    shared = corpus("fsdd")
    (tmp_path / "fsdd").mkdir()
    (tmp_path / "fsdd/recordings").symlink_to(fsdd_dir / "recordings")
    use_data_dir(tmp_path)
    assert corpus("fsdd").fingerprint == shared.fingerprint


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "n_clips", "n_classes", "n_groups"),
    [("fsdd", 3000, 10, 6), ("esc50", 1769, 50, 1342), ("oneshots", 1291, 14, 35), ("wildlife", 104, 70, 104)],
)
def test_the_shared_corpora_load(
    fsdd_dir: Path, name: str, n_clips: int, n_classes: int, n_groups: int, use_data_dir: UseDataDir
) -> None:
    use_data_dir(fsdd_dir.parent)
    dataset = load_dataset(name)
    assert (len(dataset.clips), dataset.n_classes, len(set(dataset.groups.tolist()))) == (n_clips, n_classes, n_groups)
