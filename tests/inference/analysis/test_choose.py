from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import ConfigError, DataError
from earmark.inference.analysis.choose import Chooser, find_labels, read_label_list, silent_windows

if TYPE_CHECKING:
    from pathlib import Path

PROBABILITIES = np.array([[0.9, 0.5, 0.4, 0.1], [0.2, 0.2, 0.6, 0.7]], dtype=np.float32)
NAMES = (("Coyote", "Canis latrans"), ("American Bullfrog", "Lithobates catesbeianus"), ("Dog",), ("Engine",))


def chosen(*, allowed: str = "1111", exclusive: bool = False, most: int | None = None) -> list[tuple[int, int]]:
    thresholds = np.array([0.3, 0.45, 0.3, 0.3], dtype=np.float32)
    mask = np.array([letter == "1" for letter in allowed])
    rows, columns = Chooser(thresholds, mask, exclusive, most)(PROBABILITIES)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def test_each_label_has_its_threshold() -> None:
    assert chosen() == [(0, 0), (0, 1), (0, 2), (1, 2), (1, 3)]


def test_the_likeliest_are_taken_among_those_that_were_asked_for() -> None:
    assert chosen(most=1) == [(0, 0), (1, 3)]
    assert chosen(most=2) == [(0, 0), (0, 1), (1, 2), (1, 3)]
    assert chosen(most=9) == chosen()
    assert chosen(allowed="0110") == [(0, 1), (0, 2), (1, 2)]
    assert chosen(allowed="0110", most=1) == [(0, 1), (1, 2)]
    assert chosen(allowed="0000", most=1) == []


def test_where_one_label_is_true_another_that_was_not_asked_for_still_wins() -> None:
    assert chosen(exclusive=True) == [(0, 0), (1, 3)]
    assert chosen(exclusive=True, allowed="0111") == [(1, 3)]
    assert chosen(exclusive=True, most=2, allowed="0111") == [(0, 1), (1, 2), (1, 3)]


def test_silence_is_what_is_below_the_last_bit_of_cd_sound() -> None:
    noise = np.random.default_rng(0).standard_normal((3, 8000)).astype(np.float32)
    levels = np.array([[0.0], [10 ** (-91 / 20)], [10 ** (-89 / 20)]], dtype=np.float32)
    assert silent_windows(noise * levels).tolist() == [True, True, False]


def test_labels_answer_to_all_their_names() -> None:
    wanted = ["canis latrans", "american_bullfrog", "ENGINE"]
    assert find_labels(wanted, NAMES, "birdnet").tolist() == [True, True, False, True]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Coyotte", r'--labels: "Coyotte" is no label of birdnet; did you mean "Coyote"\?'),
        ("Xyzzy", r'"Xyzzy" is no label of birdnet \(it has 4\)'),
    ],
)
def test_a_name_that_is_none_is_told_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find_labels([name], NAMES, "birdnet")


def test_a_list_of_labels_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "species.txt"
    path.write_bytes("\ufeff# those of the marsh\nCanis latrans_Coyote\n\n Dog \r\n".encode())
    assert read_label_list(path) == ["Canis latrans_Coyote", "Dog"]
    path.write_text("\n# nothing\n")
    with pytest.raises(DataError, match="names no label"):
        read_label_list(path)
    with pytest.raises(DataError, match="cannot be read as a list of labels"):
        read_label_list(tmp_path)
