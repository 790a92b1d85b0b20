"""An empty database for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from earmark.service.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'file.sqlite3'}")
    made.open()
    yield made
    made.close()
