from __future__ import annotations

import pytest

from earmark.core.errors import ConfigError
from earmark.distortion.check.limits import Limits, found_types, parse_limits
from tests.distortion.check.conftest import make_report


@pytest.mark.parametrize(
    ("texts", "limits"),
    [
        ([], Limits()),
        (["30%"], Limits(0.3)),
        (["0.3"], Limits(0.3)),
        (["12.5 %"], Limits(0.125)),
        (["0"], Limits(0.0)),
        (["clipping=10%", "30%", "noise=0.5"], Limits(0.3, {"clipping": 0.1, "noise": 0.5})),
    ],
)
def test_limits_are_shares_for_all_types_or_for_one(texts: list[str], limits: Limits) -> None:
    assert parse_limits(texts) == limits
    assert bool(parse_limits(texts)) == bool(texts)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["30"], r'--fail-over "30": expected a severity such as 30%, 0\.3 or clipping=10%; did you mean "30%"'),
        (["clipping=40"], 'did you mean "clipping=40%"'),
        (["120%"], r'"120%": expected a severity such as 30%, 0\.3 or clipping=10%$'),
        (["-1%"], "expected a severity"),
        (["nan"], "expected a severity"),
        ([""], "expected a severity"),
        (["loud"], "expected a severity"),
        (["cliping=10%"], 'no type "cliping"; did you mean "clipping"'),
        (["=10%"], 'no type ""'),
        (["10%", "20%"], "found a second limit for the same"),
        (["noise=10%", "noise=20%"], "found a second limit for the same"),
    ],
)
def test_what_is_no_limit_is_refused_with_the_remedy(texts: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_limits(texts)


def test_found_types_come_the_worst_first() -> None:
    assert found_types(make_report({"clipping": 0.2, "phase": 0.6})) == [("phase", 0.6), ("clipping", 0.2)]


def test_a_file_is_over_where_a_found_fault_exceeds_the_limit() -> None:
    report = make_report({"clipping": 0.2, "noise": 0.6})
    assert parse_limits(["30%"]).over(report) == ["noise 60 % is over 30 %"]
    assert parse_limits(["60%"]).over(report) == []
    assert parse_limits(["clipping=10%"]).over(report) == ["clipping 20 % is over 10 %"]
    assert parse_limits(["30%", "noise=70%"]).over(report) == []
    assert parse_limits(["30.1%"]).over(make_report({"noise": 0.304})) == ["noise 30.4 % is over 30 %"]
    assert parse_limits(["0"]).over(make_report()) == []
