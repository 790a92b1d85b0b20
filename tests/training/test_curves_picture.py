"""The picture of a training shows what there is to show."""

from __future__ import annotations

import pytest

from earmark.core.errors import DataError
from earmark.training.curves_picture import curves_picture


def history(n_epochs: int, *, validated: bool) -> list[dict[str, float]]:
    rows = []
    for epoch in range(n_epochs):
        figures = {"loss": 0.7 / (1 + epoch), "learning_rate": 0.001, "seconds": 1.0}
        if validated:
            figures |= {"validation_loss": 0.6 + 0.1 * abs(epoch - 3), "validation_f1": 0.5 + 0.01 * epoch}
        rows.append(figures)
    return rows


def test_loss_and_f1_are_drawn_and_the_best_epoch_is_named() -> None:
    picture = curves_picture(history(9, validated=True), "Training of dogs")
    assert picture.png.startswith(b"\x89PNG")
    assert "Best validation loss 0.600 in epoch 4" in picture.description
    assert "Training of dogs: loss 0.700 in epoch 1, 0.078 in epoch 9." in picture.description


@pytest.mark.parametrize("n_epochs", [1, 40])
def test_without_a_validation_part_there_is_the_loss_alone(n_epochs: int) -> None:
    picture = curves_picture(history(n_epochs, validated=False))
    assert "validation" not in picture.description
    assert picture.png.startswith(b"\x89PNG")


def test_equal_histories_give_equal_bytes() -> None:
    one, other = (curves_picture(history(5, validated=True)) for _ in range(2))
    assert one.png == other.png


def test_no_epoch_is_refused() -> None:
    with pytest.raises(DataError, match="found no epoch; only networks have any"):
        curves_picture([])
