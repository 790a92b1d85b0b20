"""`earmark serve`: every option of the service is a flag, and is passed on."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from earmark.cli import serve
from earmark.cli.main import app
from earmark.core.errors import ConfigError
from earmark.service.options import ServeOptions

DOCS = Path(__file__).parents[2] / "docs" / "serve.md"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[ServeOptions]:
    """Give the options that services were started with; none of them runs."""
    found: list[ServeOptions] = []
    monkeypatch.setattr("earmark.service.run.serve", lambda options, tell: found.append(options))
    return found


def test_without_flags_the_options_are_the_defaults(started: list[ServeOptions]) -> None:
    assert CliRunner().invoke(app, ["serve"]).exit_code == 0
    assert started == [ServeOptions()]


def test_every_option_is_a_flag(started: list[ServeOptions]) -> None:
    assert set(inspect.signature(serve.serve).parameters) == set(ServeOptions.model_fields)
    changed = {
        "--host": "0.0.0.0",  # noqa: S104 - nothing listens
        "--port": "0",
        "--database": "sqlite:///a",
        "--state-dir": "b",
        "--audio-url": "gs://c",
        "--auth": "on",
        "--max-upload-mb": "1",
        "--max-duration": "2",
        "--timeout": "3",
        "--max-waiting": "4",
        "--max-batch": "5",
        "--max-wait-ms": "6",
        "--workers": "7",
        "--max-streams": "8",
        "--max-batch-files": "9",
        "--references": "gs://d/e",
        "--reload": "10",
        "--drain": "11",
    }
    words = [word for pair in changed.items() for word in pair]
    result = CliRunner().invoke(app, ["serve", "one", "two", *words])
    assert result.exit_code == 0, result.output
    plain = ServeOptions().model_dump()
    assert {name for name, value in started[0].model_dump().items() if value == plain[name]} == set()
    assert started[0].models == ("one", "two")
    assert started[0].references == ("gs://d/e",)


@pytest.mark.parametrize("flag", ["--port=70000", "--auth=off", "--max-waiting=0", "--references=/etc", "--timeout=0"])
def test_a_value_that_makes_no_sense_is_a_configuration_error(started: list[ServeOptions], flag: str) -> None:
    result = CliRunner().invoke(app, ["serve", flag])
    assert isinstance(result.exception, ConfigError)
    assert started == []


def test_the_table_of_the_page_has_the_defaults() -> None:
    rows = dict(re.findall(r"^\| `--([\w-]+)` \| ([^|]+?) \|", DOCS.read_text(), flags=re.MULTILINE))
    for name, field in ServeOptions.model_fields.items():
        flag = name.removesuffix("_s").replace("_", "-")
        if isinstance(field.default, int | float):
            assert float(rows[flag]) == field.default, name
        else:
            assert name == "models" or flag in rows, name
