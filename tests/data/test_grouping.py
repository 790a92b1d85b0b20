from __future__ import annotations

from pathlib import Path

import pytest

from earmark.core.errors import DataError
from earmark.data.grouping import group_of, group_rule
from earmark.data.tables import Row, Table

TABLE = Table(Path("clips.csv"), ("path", "speaker", "group"), (Row("clips.csv:2", {"speaker": "ann", "group": ""}),))


def test_an_empty_group_column_counts_as_none() -> None:
    assert group_rule(None, TABLE) == "file"
    filled = Table(TABLE.path, TABLE.columns, (Row("clips.csv:2", {"group": "g"}),))
    assert group_rule(None, filled) == "group"


def test_an_unknown_column_gets_a_suggestion() -> None:
    with pytest.raises(DataError, match=r'clips\.csv: no column "speakr" to group by; did you mean "speaker"\?'):
        group_rule("speakr", TABLE)
    with pytest.raises(DataError, match='group_by: no column "speaker"'):
        group_rule("speaker", None)


@pytest.mark.parametrize(
    ("rule", "recording", "group"),
    [
        ("file", "a/b_1.wav", "a/b_1.wav"),
        ("parent", "site/night/b_1.wav", "site/night"),
        ("parent", "b_1.wav", "folder"),
        (r"(?P<group>[a-z]+)_\d", "a/b_1.wav", "b"),
        ("speaker", "a/b_1.wav", "ann"),
    ],
)
def test_each_rule_gives_its_group(rule: str, recording: str, group: str) -> None:
    assert group_of(rule, recording, Path("/data/folder") / Path(recording).name, TABLE.rows[0]) == group


def test_a_file_name_that_does_not_match_is_an_error() -> None:
    with pytest.raises(DataError, match=r'clips\.csv:2: file name "x\.wav" does not match the group pattern'):
        group_of(r"(?P<group>\d+)", "x.wav", Path("x.wav"), TABLE.rows[0])
    with pytest.raises(DataError, match='column "group" is empty, expected the group'):
        group_of("group", "x.wav", Path("x.wav"), TABLE.rows[0])
