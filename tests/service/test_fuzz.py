"""Hundreds of broken files of sound: every one is answered with 200 or 4xx, and the service lives on."""

from __future__ import annotations

from tempfile import gettempdir
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.service.serving import encoded, tone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

KINDS = {"WAV": None, "FLAC": None, "OGG": "VORBIS", "MP3": None, "AIFF": None, "CAF": None, "W64": None, "AU": None}
N_CUTS, N_FLIPS, N_HEADERS, N_SPLICES = 8, 16, 10, 4
ODD = (0, 1, 0x7F, 0x80, 0xFF)


def variants(kind: str) -> Iterator[tuple[str, bytes]]:
    """Yield files that were cut, flipped, given another head, or put together from two."""
    rng = np.random.default_rng(sum(kind.encode()))
    whole = encoded(tone(0.4, n_channels=2), kind, subtype=KINDS[kind])
    other = encoded(tone(0.2, seed=1), "FLAC")
    for end in np.linspace(1, len(whole) - 1, N_CUTS).astype(int):
        yield f"cut at {end}", whole[:end]
    for _ in range(N_FLIPS):
        content = bytearray(whole)
        for place in rng.integers(len(content), size=rng.integers(1, 64)):
            content[place] ^= 1 << int(rng.integers(8))
        yield "flipped", bytes(content)
    for _ in range(N_HEADERS):
        content = bytearray(whole)
        for place in rng.integers(4, 64, size=rng.integers(1, 12)):
            content[place] = int(rng.choice(ODD))
        yield "odd header", bytes(content)
    for _ in range(N_SPLICES):
        place = int(rng.integers(4, len(whole)))
        yield "spliced", whole[:place] + other[int(rng.integers(len(other))) :]
    yield "behind zeros", bytes(512) + whole
    yield "twice", whole + whole


@pytest.mark.parametrize("kind", KINDS)
def test_broken_files_are_never_an_error_of_the_service(client: TestClient, kind: str) -> None:
    found: dict[int, int] = {}
    for what, content in variants(kind):
        response = client.post("/v1/classify", files={"file": ("a.wav", content)})
        status = response.status_code
        found[status] = found.get(status, 0) + 1
        assert status in {200, 413, 415, 422}, f"{what}: {response.text}"
        if status != 200:
            problem = response.json()
            assert response.headers["content-type"] == "application/problem+json"
            assert gettempdir() not in problem["detail"], f"{what}: {problem['detail']}"
            assert "earmark-" not in problem["detail"], f"{what}: {problem['detail']}"
            assert "Traceback" not in problem["detail"]
    assert sum(found.values()) == N_CUTS + N_FLIPS + N_HEADERS + N_SPLICES + 2
    assert found.keys() & {413, 415, 422}


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_so_it_is_for_distortion(client: TestClient, kind: str) -> None:
    for what, content in list(variants(kind))[::3]:
        response = client.post("/v1/distortion", files={"file": ("a.wav", content)})
        assert response.status_code in {200, 413, 415, 422}, f"{what}: {response.text}"


def test_noise_is_no_sound(client: TestClient) -> None:
    rng = np.random.default_rng(5)
    for n_bytes in (1, 10, 100, 1000, 10_000):
        response = client.post(
            "/v1/classify", content=rng.bytes(n_bytes), headers={"Content-Type": "application/octet-stream"}
        )
        assert response.status_code in {415, 422}
