from __future__ import annotations

from typing import Any

import pytest

from earmark.core.errors import ConfigError
from earmark.data.options import LoadOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window_s": 0.0}, "window_s: found 0.0, expected a positive number"),
        ({"window_s": float("nan")}, "window_s: found nan"),
        ({"window_s": 3.0, "hop_s": -1.0}, "hop_s: found -1.0"),
        ({"hop_s": 1.0}, "hop_s: found 1.0 without window_s"),
        ({"min_overlap_s": 0.0}, "min_overlap_s: found 0.0"),
        ({"min_overlap_fraction": 1.5}, "min_overlap_fraction: found 1.5, expected above 0 and at most 1"),
        ({"label_separator": ""}, "label_separator: found an empty text"),
        ({"missing": "ignore"}, 'missing: found "ignore", expected "error", "skip" or "keep"'),
        ({"group_by": "(?P<group>"}, "is not a regular expression"),
        ({"group_by": "(?P<speaker>a)"}, r"has no \(\?P<group>"),
    ],
)
def test_options_out_of_range_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LoadOptions(**options)
