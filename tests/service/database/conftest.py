"""Every test of the database runs on both kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from earmark.service.database import Database
from tests.service.postgres import Server, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'file.sqlite3'}"
    made: Server = request.getfixturevalue("server")
    return made.new_database()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = Database(url)
    made.open()
    yield made
    made.close()
