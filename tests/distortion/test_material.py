"""A corpus as a design sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform, write_audio
from earmark.core.errors import AudioError, DataError
from earmark.distortion.corpus.manifest import CorpusRow, read_rows
from earmark.distortion.frontend import measures
from earmark.distortion.material import CorpusMaterial, corpus_dataset, load_material
from earmark.distortion.severity import KINDS
from earmark.features import LevelFrontend
from earmark.features.store import FeatureStore

if TYPE_CHECKING:
    from pathlib import Path

SPLITS = ("train", "train", "validation", "calibrate")


def row_of(number: int) -> CorpusRow:
    presence: dict[str, float | None] = dict.fromkeys(KINDS, 0.0)
    presence |= {"noise": 1.0 if number % 2 else 0.0, "phase": None}
    return CorpusRow(
        id=f"clip-{number}",
        split=SPLITS[number],
        part="single",
        source="made",
        track=f"song {number // 2}",
        kind="recorded",
        lossless=True,
        start_s=0.0,
        duration_s=1.0,
        rate_hz=8000,
        n_channels=1,
        variant="",
        span=None,
        effects=(),
        presence=presence,
        severity={kind: None if value is None else value / 2 for kind, value in presence.items()},
        steps=(),
    )


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Four clips, each louder than the one before."""
    rows = [row_of(number) for number in range(4)]
    folder = tmp_path / "corpus"
    for number, row in enumerate(rows):
        samples = 0.02 * (number + 1) * np.random.default_rng(number).standard_normal((1, 8000), dtype=np.float32)
        write_audio(folder / row.file, Waveform(samples, 8000))
    (folder / "rows.jsonl").write_text("".join(row.line() for row in rows))
    return folder


def test_each_clip_has_its_features_beside_its_truth(corpus: Path) -> None:
    material = load_material(corpus, measures())
    assert [row.id for row in material.rows] == [f"clip-{number}" for number in range(4)]
    assert material.features.shape == (4, *measures().spec.shape)
    assert material.presence[:, 2].tolist() == [0, 1, 0, 1]
    assert np.isnan(material.presence[:, 4]).all()
    assert material.severity[:, 2].tolist() == [0, 0.5, 0, 0.5]
    assert material.groups.tolist() == ["song 0", "song 0", "song 1", "song 1"]
    (window,) = measures().measure([Waveform(np.zeros((1, 8000), dtype=np.float32), 8000)])
    assert not np.array_equal(material.features[0], window.features)


def test_only_the_splits_that_are_wanted_are_measured(corpus: Path) -> None:
    (corpus / row_of(3).file).unlink()
    assert len(load_material(corpus, measures(), splits=("train", "validation")).rows) == 3
    with pytest.raises(AudioError, match="clip-3"):
        load_material(corpus, measures(), splits=("calibrate",))
    with pytest.raises(DataError, match="found no clips for wild; build a corpus that has some"):
        load_material(corpus, measures(), splits=("wild",))


def test_features_are_taken_from_the_store(corpus: Path, tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    first = load_material(corpus, measures(), store=store)
    again = load_material(corpus, measures(), store=store)
    np.testing.assert_array_equal(first.features, again.features)


def test_parts_keep_rows_features_and_truth_together(corpus: Path) -> None:
    material = load_material(corpus, measures())
    part = material.of("validation", "calibrate")
    assert [row.id for row in part.rows] == ["clip-2", "clip-3"]
    np.testing.assert_array_equal(part.features, material.features[2:])
    np.testing.assert_array_equal(part.presence, material.presence[2:])
    np.testing.assert_array_equal(part.severity, material.severity[2:])
    odd = material.where(np.array([False, True, False, True]))
    assert isinstance(odd, CorpusMaterial)
    assert [row.id for row in odd.rows] == ["clip-1", "clip-3"]
    with pytest.raises(DataError, match="found no clips for same and wild"):
        material.of("same", "wild")


def test_as_a_dataset_it_has_five_labels_and_groups_of_pieces(corpus: Path) -> None:
    dataset = corpus_dataset(corpus, read_rows(corpus))
    assert dataset.labels == KINDS
    assert dataset.task == "many"
    assert [clip.labels for clip in dataset.clips] == [(), ("noise",), (), ("noise",)]
    assert [clip.group for clip in dataset.clips] == ["song 0", "song 0", "song 1", "song 1"]
    assert [clip.fold for clip in dataset.clips] == list(SPLITS)
    assert all(clip.path.is_file() for clip in dataset.clips)


def test_several_windows_of_a_clip_are_refused(corpus: Path) -> None:
    with pytest.raises(DataError, match=r"gives 16 rows for 4 clips, expected one each"):
        load_material(corpus, LevelFrontend(8000, 0.25, 0.25))


def test_no_corpus_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no rows\.jsonl"):
        load_material(tmp_path, measures())
