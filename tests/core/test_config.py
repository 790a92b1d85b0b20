"""Configuration names what is wrong with it: the key, what was found, and what was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import Field, ValidationError

from earmark.core.config import Config, parse_config, read_toml
from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


class Noise(Config):
    snr_db: float = 20.0


class Plan(Config):
    name: str
    n_folds: Annotated[int, Field(ge=2)] = 5
    noise: Noise = Noise()


def test_values_become_a_configuration_with_its_defaults() -> None:
    plan = parse_config(Plan, {"name": "digits", "noise": {"snr_db": 5}}, "plan.toml")
    assert plan == Plan(name="digits", n_folds=5, noise=Noise(snr_db=5.0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "a", "n_fold": 3}, r'^plan\.toml: key "n_fold" is not known; did you mean "n_folds"\?'),
        ({"name": "a", "zzz": 3}, r'key "zzz" is not known \(known: n_folds, name, noise\)$'),
        ({"n_folds": 3}, r'^plan\.toml: key "name" is missing; add it$'),
        ({"name": "a", "n_folds": 1}, r'key "n_folds": found 1; .*greater than or equal to 2'),
        ({"name": "a", "n_folds": "many"}, r"key \"n_folds\": found 'many'; .*valid integer"),
        ({"name": 7}, r'key "name": found 7; .*valid string'),
        ({"name": "a", "noise": {"snr_db": "loud"}}, r"key \"noise\.snr_db\": found 'loud'; .*valid number"),
    ],
)
def test_a_wrong_value_is_reported_by_file_and_key(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(Plan, values, "plan.toml")


def test_an_unknown_key_in_a_section_is_compared_with_the_keys_of_that_section() -> None:
    with pytest.raises(ConfigError, match=r'key "noise\.snr_bd" is not known; did you mean "snr_db"\?'):
        parse_config(Plan, {"name": "a", "noise": {"snr_bd": 5}}, "plan.toml")


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Plan(name="a").name = "b"


def test_toml_is_read(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text('name = "fünf"\n[noise]\nsnr_db = 5\n', encoding="utf-8")
    assert read_toml(tmp_path / "plan.toml") == {"name": "fünf", "noise": {"snr_db": 5}}


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"[a]\n[a]\n"], ids=["cut", "not-utf-8", "twice"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "plan.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"plan\.toml: is not valid TOML \("):
        read_toml(tmp_path / "plan.toml")


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"plan\.toml: cannot be read \(No such file or directory\)"):
        read_toml(tmp_path / "plan.toml")
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\)"):
        read_toml(tmp_path)
