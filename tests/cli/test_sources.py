from __future__ import annotations

from typing import Any

import pytest

from earmark.cli.sources import parse_pair, parse_value
from earmark.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("1e-3", 0.001),
        ("true", True),
        ("null", None),
        ("none", "none"),
        ("scale", "scale"),
        ('"3"', "3"),
        ("[1, 2]", [1, 2]),
        ("a = b", "a = b"),
        ("", ""),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_values_are_read_as_toml_or_as_they_stand(text: str, value: Any) -> None:
    found = parse_value(text)
    assert found == value
    assert type(found) is type(value)


def test_a_pair_is_split_at_its_first_equals_sign() -> None:
    assert parse_pair("group_by = a=b ", "--read") == ("group_by", "a=b")


@pytest.mark.parametrize("text", ["alone", "=value", " =value"])
def test_text_that_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match='found no "=", expected KEY=VALUE'):
        parse_pair(text, "--set")
