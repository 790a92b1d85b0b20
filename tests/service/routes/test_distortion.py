"""POST /v1/distortion: what `earmark check --json` says, without the path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.distortion import AudioDistortionValidator
from tests.service.serving import encoded, tone

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

RATE_HZ = 44_100


def test_it_says_what_the_validator_says_of_the_file(client: TestClient, tmp_path: Path) -> None:
    clipped = np.clip(8 * tone(12.0, rate_hz=RATE_HZ, n_channels=2), -0.9, 0.9)
    content = encoded(clipped, "FLAC", rate_hz=RATE_HZ)
    (tmp_path / "a.flac").write_bytes(content)
    report = AudioDistortionValidator.load_checkpoint().analyze(tmp_path / "a.flac").to_dict()
    answer = client.post("/v1/distortion", files={"file": ("a.flac", content)}).json()
    assert answer["model"]["name"] == "distortion"
    assert answer["audio"]["n_channels"] == 2
    for name in ("has_distortion", "distortion_type", "types", "segments", "evidence", "assessable", "timeline"):
        assert answer[name] == report[name], name
    assert answer["measures"] == pytest.approx(report["measures"], nan_ok=False)
    assert set(answer) - set(report) == {"id", "model", "audio", "timing_ms"}
    assert set(report) - set(answer) == {"path", "error"}
    timing = answer["timing_ms"]
    assert min(timing.values()) > 0
    assert timing["decode"] + timing["queue"] + timing["compute"] <= timing["total"]


def test_silence_cannot_be_judged_and_is_no_error(client: TestClient) -> None:
    answer = client.post("/v1/distortion", files={"file": encoded(np.zeros((RATE_HZ, 1), np.float32))}).json()
    assert answer["has_distortion"] is None
    assert answer["assessable"]["noise"]["reason"] == "the file is silent"


def test_too_long_and_undecodable_sound_is_refused(client: TestClient) -> None:
    long = encoded(np.zeros((61 * 8000, 1), np.float32), "FLAC", rate_hz=8000)
    assert client.post("/v1/distortion", files={"file": long}).status_code == 413
    broken = client.post("/v1/distortion", files={"file": ("a.wav", encoded(tone())[:3000])})
    assert broken.status_code == 422
    assert broken.json()["detail"].startswith("a.wav: the WAV file is truncated")


def test_a_model_of_labels_does_not_answer(client: TestClient) -> None:
    response = client.post("/v1/distortion?model=digits", files={"file": encoded(tone())})
    assert response.status_code == 422
    assert "/v1/classify" in response.json()["detail"]
