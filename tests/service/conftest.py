"""One service for each file of tests, so that its models are loaded once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from earmark.service.options import ServeOptions
from tests.service.serving import asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Give a client of the shipped bundles behind small limits."""
    options = ServeOptions(
        state_dir=str(tmp_path_factory.mktemp("state")),
        max_upload_mb=4,
        max_duration_s=60,
        max_batch_files=4,
        timeout_s=60,
        reload_s=0,
    )
    with asked(options) as made:
        yield made
