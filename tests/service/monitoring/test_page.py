"""docs/monitoring.md tells of every metric, and of none that does not exist."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from earmark.service.options import ServeOptions
from earmark.service.state import Service
from tests.docs.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def page() -> str:
    return (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")


@pytest.fixture
def metrics(tmp_path: Path) -> set[str]:
    """Return the names of all metrics of a service."""

    async def made() -> bytes:
        options = ServeOptions.model_validate({"models": ("digits",), "state_dir": str(tmp_path)})
        return Service(options).monitor.render()[0]

    return set(re.findall(r"^# TYPE (earmark_\w+)", asyncio.run(made()).decode(), flags=re.MULTILINE))


def test_every_metric_has_a_row(page: str, metrics: set[str]) -> None:
    rows = {row.split("`")[1] for row in page.splitlines() if row.startswith("| `earmark_")}
    assert rows == metrics


def test_text_and_alerts_speak_of_metrics_that_exist(page: str, metrics: set[str]) -> None:
    named = {name.removesuffix("_bucket") for name in re.findall(r"\bearmark_[a-z_]+", page)}
    assert named <= metrics


def test_the_reasons_for_an_alert_are_three(page: str) -> None:
    assert len(re.findall(r"^ +- alert: ", page, flags=re.MULTILINE)) == 3
