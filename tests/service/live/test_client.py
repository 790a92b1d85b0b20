"""The client of docs/stream.md, as it is printed there."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import soundfile

from tests.docs.conftest import ROOT, parse_page
from tests.service.live.conftest import STREAM_HZ

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tests.service.live.conftest import Running


@pytest.fixture
def client(tmp_path: Path) -> Path:
    page = ROOT / "docs" / "stream.md"
    (block,) = (b for b in parse_page(page, page.read_text(encoding="utf-8")).blocks if b.language == "python")
    assert len(block.text.splitlines()) <= 20
    path = tmp_path / "client.py"
    path.write_text(block.text, encoding="utf-8")
    return path


def run(*command: Path | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, check=False, timeout=120
    )


def test_the_client_of_the_page_prints_what_is_told(
    client: Path, serve: Callable[..., Running], two_tones: NDArray[np.float32], tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "two.wav", two_tones, STREAM_HZ)
    done = run(client, f"{serve().url}/v1/stream", tmp_path / "two.wav")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[2] for line in lines] == ["loud", "quiet"]
    assert [float(line[0]) for line in lines] == pytest.approx([1.0, 2.5], abs=0.1)


def test_the_client_of_the_page_says_what_is_wrong(
    client: Path, serve: Callable[..., Running], two_tones: NDArray[np.float32], tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "two.wav", two_tones, STREAM_HZ)
    done = run(client, f"{serve(max_streams=0).url}/v1/stream", tmp_path / "two.wav")
    assert done.returncode == 1
    assert "live streams" in done.stderr
