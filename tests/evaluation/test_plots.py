"""Every picture with ordinary, extreme and wrong data; texts are read from the figure, not from pixels."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from earmark.core.errors import DataError, ModelError
from earmark.evaluation import plots, plots_confusion, plots_curves, plots_models, style
from earmark.evaluation.confusion import confusion_matrix
from earmark.evaluation.curves import precision_recall_curve
from earmark.evaluation.intervals import Interval
from earmark.evaluation.learning import LearningCurve

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Simulate

Figures = list[Figure]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> Figures:
    """Collect the figures that the plots draw."""
    found: Figures = []

    def keep(size_in: tuple[float, float], paint: Callable[[Figure], None], description: str) -> style.Picture:
        def paint_and_keep(figure: Figure) -> None:
            paint(figure)
            found.append(figure)

        return style.draw(size_in, paint_and_keep, description)

    for module in (plots_confusion, plots_curves, plots_models):
        monkeypatch.setattr(module, "draw", keep)
    return found


def texts_of(figure: Figure) -> list[str]:
    found = [text.get_text() for text in figure.findobj(Text)]
    return [text for text in found if text]


def curve(model: str, means: list[float], sizes: tuple[int, ...] = (10, 100, 1000)) -> LearningCurve:
    lows = tuple(mean - 0.05 for mean in means)
    return LearningCurve(model, sizes, tuple(means), lows, tuple(mean + 0.02 for mean in means))


def test_confusion_writes_counts_names_and_recall(figures: Figures) -> None:
    picture = plots.plot_confusion(np.array([[9, 1], [0, 0]]), ["dog", "owl"], title="Test")
    texts = texts_of(figures[0])
    assert {"9", "1", "dog", "owl", "90 %", "none", "decided", "true", "Test"} <= set(texts)
    assert "0" not in texts
    assert picture.description == "Test: 9 of 10 clips right. Most frequent mistakes: dog taken for owl 1 times."


def test_confusion_of_fifty_classes_keeps_names_apart(one: Simulate, figures: Figures) -> None:
    made = one(1000, 50, 4.0)
    labels = [f"class_number_{i}" for i in range(50)]
    picture = plots.plot_confusion(confusion_matrix(made.targets, made.probabilities), labels)
    assert len(picture.svg) < 600_000
    labels_y = [text.get_window_extent() for text in figures[0].axes[0].get_yticklabels()]
    assert all(lower.y1 < upper.y0 + 1 for upper, lower in pairwise(labels_y))
    assert labels_y[0].height * 72 / figures[0].dpi >= 6


def test_perfect_confusion_has_no_mistakes_to_describe() -> None:
    assert plots.plot_confusion(np.eye(3) * 4, ["a", "b", "c"]).description.endswith("12 of 12 clips right.")


def test_roc_lists_each_area_and_the_mean(one: Simulate, figures: Figures) -> None:
    made = one(120, 3, 1.5)
    picture = plots.plot_roc(made.targets, made.probabilities, task="one", labels=["dog", "owl", "frog"])
    texts = " | ".join(texts_of(figures[0]))
    assert all(name in texts for name in ("dog", "owl", "frog", "mean"))
    assert "mean area 0." in picture.description


def test_many_classes_list_only_the_lowest_areas(one: Simulate, figures: Figures) -> None:
    made = one(300, 12, 2.0)
    labels = [f"class {i}" for i in range(12)]
    plots.plot_roc(made.targets, made.probabilities, task="one", labels=labels)
    plots.plot_precision_recall(made.targets, made.probabilities, task="one", labels=labels)
    for figure in figures:
        texts = texts_of(figure)
        assert sum("  class " in text for text in texts) == 5
        assert "7 better ones" in texts


def test_curves_of_one_label_have_no_mean(many: Simulate, figures: Figures) -> None:
    made = many(40, 1, 1.0)
    plots.plot_roc(made.targets, made.probabilities, task="many", labels=["owl"])
    assert not any("mean" in text for text in texts_of(figures[0]))


def test_stairs_of_precision_have_the_area_that_is_written_beside_them() -> None:
    target, score = np.array([0, 1, 0, 1, 1]), np.array([0.9, 0.8, 0.7, 0.6, 0.1])
    found = precision_recall_curve(target, score)
    assert found is not None
    stairs = plots_curves._stairs(found)
    assert (np.diff(stairs.x) * stairs.y[1:]).sum() == pytest.approx(found.area)


def test_labels_without_clips_are_left_out_of_the_curves(figures: Figures) -> None:
    targets, probabilities = np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.1], [0.2, 0.3]])
    plots.plot_precision_recall(targets, probabilities, task="many", labels=["dog", "owl"])
    assert not any("owl" in text for text in texts_of(figures[0]))


def test_curves_without_any_clips_are_refused() -> None:
    zeros = np.zeros((3, 1))
    with pytest.raises(DataError, match="ROC: no class has clips with and without it"):
        plots.plot_roc(zeros, zeros, task="many", labels=["a"])
    with pytest.raises(DataError, match="precision-recall: no clip has any label"):
        plots.plot_precision_recall(zeros, zeros, task="many", labels=["a"])
    with pytest.raises(ModelError, match="expected 0 to 1"):
        plots.plot_roc(zeros, zeros + 2, task="many", labels=["a"])


def test_reliability_shows_the_error_and_the_counts(one: Simulate, many: Simulate, figures: Figures) -> None:
    made = one(200, 3, 1.5)
    picture = plots.plot_reliability(made.targets, made.probabilities, task="one")
    assert "over 200 decisions" in picture.description
    assert "accuracy" in texts_of(figures[0])
    made = many(200, 3, 1.5)
    plots.plot_reliability(made.targets, made.probabilities, task="many")
    assert "decisions" in texts_of(figures[1])
    plots.plot_reliability(made.targets, made.probabilities, task="many", column=1)
    assert "clips" in texts_of(figures[2])


def test_learning_curves_name_models_at_their_ends_without_overlap(figures: Figures) -> None:
    curves = [curve(f"model_{i}", [0.3, 0.5, 0.9 + 0.001 * i]) for i in range(8)]
    picture = plots.plot_learning_curves(curves, "Accuracy", chance=0.1)
    labels = [text for text in figures[0].axes[0].texts if text.get_text().startswith(("model_", "chance"))]
    assert len(labels) == 9
    boxes = [Text.get_window_extent(label) for label in labels]
    assert not any(a.overlaps(b) and min(a.y1, b.y1) - max(a.y0, b.y0) > 2 for a, b in combinations(boxes, 2))
    assert max(box.x1 for box in boxes) <= figures[0].bbox.width
    assert "model_0 0.300 at 10 to 0.900 at 1000" in picture.description


def test_learning_curves_tick_the_real_sizes_as_far_as_they_fit(figures: Figures) -> None:
    plots.plot_learning_curves([curve("svm", [0.3, 0.5, 0.7], (10, 200, 2500))], "Accuracy")
    names = [label.get_text() for label in figures[0].axes[0].get_xticklabels()]
    assert names == ["10", "200", "2,500"]
    crowded = tuple(range(1000, 1030))
    plots.plot_learning_curves([curve("svm", [0.5] * 30, crowded)], "Accuracy")
    names = [label.get_text() for label in figures[1].axes[0].get_xticklabels()]
    assert names[-1] == "1,029"
    assert 2 <= sum(bool(name) for name in names) < 12


def test_learning_curves_without_limits_or_of_losses_are_drawn(figures: Figures) -> None:
    plots.plot_learning_curves([LearningCurve("svm", (5,), (0.5,), (None,), (None,))], "Accuracy")
    assert figures[0].axes[0].get_ylim()[0] == pytest.approx(0.4)
    plots.plot_learning_curves(
        [LearningCurve("svm", (5, 9), (3.0, 2.5), (2.0, 2.0), (4.0, 3.0))], "Log loss", scale="loss"
    )
    assert figures[1].axes[0].get_ylim()[1] > 4
    with pytest.raises(DataError, match="learning curves: none given"):
        plots.plot_learning_curves([], "Accuracy")


def test_comparison_sorts_best_first_and_writes_the_intervals(figures: Figures) -> None:
    entries = [("svm", Interval(0.6, 0.5, 0.7, 6, "t")), ("cnn", Interval(0.8, 0.7, 0.9, 6, "t"))]
    picture = plots.plot_comparison(entries, "Accuracy", chance=0.45)
    assert [label.get_text() for label in figures[0].axes[0].get_yticklabels()] == ["cnn", "svm"]
    assert {"0.600 [0.500, 0.700]", " chance", "Accuracy with 95 % interval"} <= set(texts_of(figures[0]))
    assert picture.description == "Models compared, Accuracy: best is cnn with 0.800 [0.700, 0.900] of 2 models."
    plots.plot_comparison(entries, "Log loss", higher_is_better=False)
    assert [label.get_text() for label in figures[1].axes[0].get_yticklabels()] == ["svm", "cnn"]


def test_chance_far_away_is_written_rather_than_squeezing_the_intervals(figures: Figures) -> None:
    mixed = [("a", Interval(0.9, 0.88, 0.92, 6, "t")), ("b", Interval(0.91, 0.9, 0.92, 6, "t", level=0.9))]
    plots.plot_comparison(mixed, "Accuracy", chance=0.1)
    assert "Accuracy with interval (chance 0.1)" in texts_of(figures[0])
    with pytest.raises(DataError, match="no model given"):
        plots.plot_comparison([], "Accuracy")


def test_labels_with_dollar_signs_and_markup_are_plain_text(figures: Figures) -> None:
    plots.plot_confusion(np.eye(2), ["$\\frac$", "<b>&"])
    assert "$\\frac$" in texts_of(figures[0])


def test_letters_that_the_font_lacks_do_not_stop_a_picture() -> None:
    assert "蛙" in plots.plot_confusion(np.array([[1, 1], [0, 1]]), ["蛙", "犬"]).description
