"""Names of AudioSet's classes are read when they are asked for, and from nothing but the right list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import WeightsError
from earmark.encoders import audio_tags

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD = "index,mid,display_name\n"
ROWS = "".join(f'{index},/m/{index},"Sound {index}, of some kind"\n' for index in range(527))


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "labels.csv"
    monkeypatch.setattr(audio_tags, "weights_path", lambda _: path)
    audio_tags.audio_tag_names.cache_clear()
    yield path
    audio_tags.audio_tag_names.cache_clear()


def test_names_come_in_the_order_of_the_file(labels: Path) -> None:
    labels.write_text(HEAD + ROWS, encoding="utf-8")
    names = audio_tags.audio_tag_names()
    assert len(names) == 527
    assert names[3] == "Sound 3, of some kind"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"labels\.csv: found 0 rows, expected 527"),
        (HEAD.encode() + b"0,/m/1,Speech\n", "found 1 rows, expected 527"),
        (("index,mid,name\n" + ROWS).encode(), 'expected 527 with a column "display_name"'),
        (b"\xff\xfe" + ROWS.encode(), r"labels\.csv: cannot be read"),
    ],
)
def test_another_file_is_refused(labels: Path, content: bytes, message: str) -> None:
    labels.write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        audio_tags.audio_tag_names()


def test_a_missing_file_is_named(labels: Path) -> None:
    with pytest.raises(WeightsError, match=r"labels\.csv: cannot be read"):
        audio_tags.audio_tag_names()
