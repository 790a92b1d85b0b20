"""Pictures of experiments on targets: panels, fields of numbers, costs, and figures for the browser."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from earmark.core.errors import DataError, MissingExtraError
from earmark.evaluation import plots_heatmap, plots_interactive, plots_models, plots_targets, style
from earmark.evaluation.learning import LearningCurve
from earmark.evaluation.plots import plot_costs, plot_heat_map, plot_learning_curves, plot_targets
from earmark.evaluation.style import colour_of

if TYPE_CHECKING:
    from collections.abc import Callable

Figures = list[Figure]
MODELS = ("svm", "birdnet", "yamnet")


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> Figures:
    """Collect the figures that the plots draw."""
    found: Figures = []

    def keep(size_in: tuple[float, float], paint: Callable[[Figure], None], description: str) -> style.Picture:
        def paint_and_keep(figure: Figure) -> None:
            paint(figure)
            found.append(figure)

        return style.draw(size_in, paint_and_keep, description)

    for module in (plots_heatmap, plots_targets, plots_models):
        monkeypatch.setattr(module, "draw", keep)
    return found


def texts_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def curve(model: str, *means: float, zero: bool = False) -> LearningCurve:
    sizes = ((0,) if zero else ()) + (4, 8, 16)
    lows: tuple[float | None, ...] = tuple(mean - 0.1 for mean in means[1:])
    return LearningCurve(model, sizes[: len(means)], means, (None, *lows), (None, *(mean + 0.05 for mean in means[1:])))


def test_zero_shot_stands_left_of_a_break_on_learning_curves(figures: Figures) -> None:
    plot_learning_curves(
        [curve("birdnet", 0.8, 0.7, 0.9, zero=True), curve("svm", 0.6, 0.7, 0.8)], "ROC-AUC", chance=0.5
    )
    texts = texts_of(figures[0])
    assert {"zero-\nshot", "4", "8", "16", "//", "birdnet", "svm", "chance"} <= set(texts)
    to_the_first_size = [
        line for line in figures[0].axes[0].lines if line.is_dashed() and np.size(line.get_ydata()) == 2
    ]
    assert [list(np.asarray(line.get_ydata())) for line in to_the_first_size][:1] == [[0.8, 0.7]]


def test_a_model_keeps_its_colour_where_another_has_no_curve(figures: Figures) -> None:
    plot_learning_curves([curve("yamnet", 0.6, 0.7)], "ROC-AUC", models=MODELS)
    assert figures[0].axes[0].lines[0].get_color() == colour_of(2)


def test_every_target_has_a_panel_and_every_model_a_name_above(figures: Figures) -> None:
    panels = {
        f"target {number}": [curve("svm", 0.6, 0.7), curve("birdnet", 0.8, 0.9, 0.95, zero=True)] for number in range(5)
    }
    picture = plot_targets(panels | {"nothing": []}, "ROC-AUC", models=MODELS, chance=0.5)
    texts = texts_of(figures[0])
    assert {"target 0", "target 4", "svm", "birdnet", "training clips", "ROC-AUC"} <= set(texts)
    assert "yamnet" not in texts
    assert "nothing" not in texts
    visible = [axes for axes in figures[0].axes if axes.get_visible()]
    assert len(visible) == 5
    assert "target 0: birdnet 0.950 at 8" in picture.description


def test_one_wide_interval_does_not_flatten_the_panels(figures: Figures) -> None:
    wide = LearningCurve("svm", (4, 8), (0.8, 0.9), (0.05, 0.85), (0.99, 0.95))
    plot_targets({"dog": [wide]}, "ROC-AUC", models=MODELS)
    assert figures[0].axes[0].get_ylim()[0] > 0.4


def test_losses_have_an_axis_of_their_own(figures: Figures) -> None:
    plot_targets({"dog": [curve("svm", 1.9, 1.2)]}, "Log loss", models=MODELS, scale="loss")
    low, high = figures[0].axes[0].get_ylim()
    assert low < 1.2
    assert high > 1.9


def test_the_field_marks_the_best_and_hatches_what_is_missing(figures: Figures) -> None:
    values = np.array([[np.nan, 0.6, 0.7], [0.8, 0.9, 0.95]])
    picture = plot_heat_map(values, ["svm", "birdnet"], ["zero-shot", "4", "8"], title="T", notes={(0, 0): "7 of 10"})
    bold = [text.get_text() for text in figures[0].axes[0].texts if text.get_fontweight() == "bold"]
    assert bold == ["0.800", "0.900", "0.950"]
    assert "7 of 10" in texts_of(figures[0])
    assert any(patch.get_hatch() for patch in figures[0].axes[0].patches)
    assert picture.description == "T, best at each size: zero-shot: birdnet 0.800; 4: birdnet 0.900; 8: birdnet 0.950."


def test_losses_are_best_where_lowest_and_empty_columns_have_no_best(figures: Figures) -> None:
    values = np.array([[0.4, np.nan], [0.3, np.nan]])
    picture = plot_heat_map(values, ["a", "b"], ["4", "8"], title="T", higher_is_better=False)
    assert [text.get_text() for text in figures[0].axes[0].texts if text.get_fontweight() == "bold"] == ["0.300"]
    assert picture.description.endswith("4: b 0.300.")
    assert plot_heat_map(np.array([[0.5]]), ["a"], ["4"], title="T").png


def test_costs_lead_from_small_to_large_with_zero_shot_at_none(figures: Figures) -> None:
    curves = [curve("birdnet", 0.8, 0.7, 0.9, zero=True), curve("svm", 0.6, 0.7)]
    picture = plot_costs(curves, {"birdnet": [0, 0.5, 20], "svm": [2.0, 70.0]}, "ROC-AUC", models=MODELS)
    assert {"none", "1 s", "10 s", "1 min", "birdnet", "svm"} <= set(texts_of(figures[0]))
    assert "svm 0.700 in 70 s at 8 clips" in picture.description
    plot_costs([curve("svm", 0.6)], {"svm": [3.3]}, "ROC-AUC", models=MODELS)
    assert "3.3 s" in texts_of(figures[1])
    plot_costs([curve("svm", 0.6, 0.7)], {"svm": [0.021, 0.034]}, "ROC-AUC", models=MODELS)
    assert {"21 ms", "34 ms"} <= set(texts_of(figures[2]))


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(DataError, match="no learning curve given"):
        plot_targets({"dog": []}, "ROC-AUC", models=MODELS)
    with pytest.raises(DataError, match=r"heat map: shape \(1, 1\), expected \(2, 1\)"):
        plot_heat_map(np.ones((1, 1)), ["a", "b"], ["4"], title="T")
    with pytest.raises(DataError, match="with at least one value"):
        plot_heat_map(np.full((1, 1), np.nan), ["a"], ["4"], title="T")
    with pytest.raises(DataError, match="costs: no model given"):
        plot_costs([], {}, "ROC-AUC", models=MODELS)
    with pytest.raises(DataError, match='costs of "svm": expected one time for each'):
        plot_costs([curve("svm", 0.6)], {}, "ROC-AUC", models=MODELS)


def test_figures_for_the_browser_are_valid_and_show_one_panel_at_a_time() -> None:
    graph_objects = pytest.importorskip("plotly.graph_objects")
    panels = {"mean": [curve("birdnet", 0.8, 0.7, 0.9, zero=True), curve("svm", 0.6, 0.7)], "dog": [curve("svm", 0.5)]}
    figure = plots_interactive.interactive_curves(panels, "ROC-AUC", models=MODELS, chance=0.5)
    graph_objects.Figure(figure)  # raises ValueError for what plotly does not know
    assert [trace["visible"] for trace in figure["data"]] == [True, True, True, False]
    assert [trace["showlegend"] for trace in figure["data"]] == [True, False, True, True]
    buttons = figure["layout"]["updatemenus"][0]["buttons"]
    assert [button["label"] for button in buttons] == ["mean", "dog"]
    assert buttons[1]["args"][0]["visible"] == [False, False, False, True]
    assert figure["data"][1]["customdata"][0][0] == "zero-shot"
    assert figure["layout"]["xaxis"]["ticktext"][0] == "zero-shot"


def test_a_model_that_only_answers_zero_shot_has_a_point() -> None:
    figure = plots_interactive.interactive_curves(
        {"mean": [curve("birdnet", 0.8, zero=True)]}, "ROC-AUC", models=MODELS
    )
    assert [trace["showlegend"] for trace in figure["data"]] == [True]


def test_the_field_for_the_browser_leaves_missing_cells_empty() -> None:
    graph_objects = pytest.importorskip("plotly.graph_objects")
    tables = {"mean": np.array([[np.nan, 0.7]]), "dog": np.array([[0.5, 0.6]])}
    figure = plots_interactive.interactive_heat_map(tables, ["svm"], ["zero-shot", "4"], "ROC-AUC")
    graph_objects.Figure(figure)
    assert figure["data"][0]["z"] == [[None, 0.7]]
    assert (figure["data"][1]["zmin"], figure["data"][1]["zmax"]) == (0.5, 0.7)


def test_names_cannot_end_the_script() -> None:
    bad = "</script><script>alert(1)</script>"
    figure = plots_interactive.interactive_curves({bad: [curve(bad, 0.5)]}, "ROC-AUC", models=[bad])
    script = plots_interactive.drawing_script({"curves": figure})
    assert "<" not in script
    assert "showSendToCloud:false" in script
    assert json.dumps(bad).replace("<", "\\u003c") in script


def test_figures_of_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="interactive curves: none given"):
        plots_interactive.interactive_curves({"mean": []}, "ROC-AUC", models=MODELS)
    with pytest.raises(DataError, match="interactive heat map: no table given"):
        plots_interactive.interactive_heat_map({}, [], [], "ROC-AUC")


def test_the_library_is_one_script_and_its_lack_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("plotly")
    source = plots_interactive.library()
    assert "Plotly" in source
    assert "</script" not in source
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(MissingExtraError, match=r"An interactive report.*plots"):
        plots_interactive.library()
