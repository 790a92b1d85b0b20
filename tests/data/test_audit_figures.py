from __future__ import annotations

import re

import pytest

from earmark.data.audit_figures import bars, histogram


def test_bars_are_as_long_as_their_values() -> None:
    svg = bars([("dog", 100.0), ("<cat>", 50.0)], highlight=["<cat>"])
    widths = [float(width) for width in re.findall(r'<rect[^>]* width="([\d.]+)"', svg)]
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.01)
    assert "&lt;cat&gt;" in svg
    assert re.findall(r'class="(accent|warning)"', svg) == ["accent", "warning"]


def test_long_names_are_shortened_and_empty_bars_have_a_picture() -> None:
    assert "\N{HORIZONTAL ELLIPSIS}" in bars([("x" * 50, 1.0)])
    assert bars([]).startswith("<svg")
    assert bars([("none", 0.0)]).startswith("<svg")


@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize("values", [[1.0, 2.0, 4.0, 4.0], [3.0], [3.0, 3.0]])
def test_histogram_counts_every_value(values: list[float], *, logarithmic: bool) -> None:
    svg = histogram(values, "s", logarithmic=logarithmic)
    heights = [float(height) for height in re.findall(r'height="([\d.]+)"/>', svg)]
    assert len(heights) == 24
    assert max(heights) == pytest.approx(110)
    assert "nan" not in svg
