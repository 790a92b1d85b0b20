"""POST /v1/classify and /v1/classify/batch, with the shipped bundle."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.inference import Predictor
from tests.service.serving import RATE_HZ, encoded, tone

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

WAV = encoded(tone())


@pytest.mark.parametrize("way", ["form", "raw", "bytes"])
def test_the_answer_is_that_of_the_predictor_on_the_file(client: TestClient, tmp_path: Path, way: str) -> None:
    (tmp_path / "tone.wav").write_bytes(WAV)
    expected = Predictor.load("digits").predict_file(tmp_path / "tone.wav")
    if way == "form":
        response = client.post("/v1/classify", files={"file": ("in/tone.wav", WAV)})
    else:
        kind = "audio/wav" if way == "raw" else "application/octet-stream"
        response = client.post("/v1/classify", content=WAV, headers={"Content-Type": kind})
    assert response.status_code == 200
    answer = response.json()
    assert answer["label"] == expected.label
    assert answer["scores"] == pytest.approx(expected.probabilities, abs=1e-5)
    assert (answer["accepted"], answer["known"]) == (expected.accepted, expected.known)
    assert answer["known_probability"] == pytest.approx(expected.known_probability, abs=1e-5)
    assert answer["accepted_labels"] == list(expected.accepted_labels)
    digest = hashlib.sha256(WAV).hexdigest()
    assert answer["audio"] == {"sha256": digest, "duration_s": 0.6, "rate_hz": RATE_HZ, "n_channels": 1}
    assert answer["model"]["name"] == "digits"
    assert set(answer["timing_ms"]) == {"decode", "queue", "compute", "total"}


@pytest.mark.real
def test_a_spoken_five_is_heard_as_five(client: TestClient, fsdd_dir: Path) -> None:
    content = (fsdd_dir / "recordings" / "5_george_0.wav").read_bytes()
    answer = client.post("/v1/classify", files={"file": ("five.wav", content)}).json()
    assert (answer["label"], answer["accepted"], answer["known"]) == ("5", True, True)
    assert [event["label"] for event in answer["events"]] == ["5"]


def test_top_gives_the_likeliest_scores_first(client: TestClient) -> None:
    every = client.post("/v1/classify", files={"file": WAV}).json()["scores"]
    few = client.post("/v1/classify?top=3", files={"file": WAV}).json()["scores"]
    assert list(few.items()) == sorted(every.items(), key=lambda item: -item[1])[:3]


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3", "AIFF"])
def test_what_a_file_is_is_told_by_its_content(client: TestClient, kind: str) -> None:
    response = client.post("/v1/classify", files={"file": ("lies.wav", encoded(tone(), kind), "audio/wav")})
    assert response.status_code == 200
    assert response.json()["audio"]["rate_hz"] == RATE_HZ


def test_stereo_at_another_rate_is_told_as_sent(client: TestClient) -> None:
    content = encoded(tone(rate_hz=44_100, n_channels=2), rate_hz=44_100)
    audio = client.post("/v1/classify", files={"file": content}).json()["audio"]
    assert (audio["rate_hz"], audio["n_channels"]) == (44_100, 2)
    assert audio["duration_s"] == pytest.approx(0.6, abs=1e-4)


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 422, "0 bytes"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), 415, "a PNG picture"),
        (b"hello " * 50, 415, "does not begin like any file of sound"),
        (WAV[: len(WAV) // 2], 422, "truncated"),
        (encoded(np.zeros((8000, 1), np.float32)), 422, "silent"),
        (encoded(np.full((8000, 1), np.nan, np.float32), subtype="FLOAT"), 422, "NaN"),
        (encoded(tone(rate_hz=4000), rate_hz=4000), 422, "4000 Hz"),
        (encoded(np.zeros((0, 1), np.float32)), 422, "no samples"),
        (encoded(tone(0.05, n_channels=100)), 422, "100 channels"),
        (encoded(tone(61), subtype="PCM_16"), 413, "at most 60 s"),
    ],
    ids=["empty", "picture", "text", "truncated", "silent", "nan", "low rate", "no samples", "channels", "long"],
)
def test_sound_that_is_not_usable_is_refused_with_the_reason(
    client: TestClient, content: bytes, status: int, said: str
) -> None:
    response = client.post("/v1/classify", files={"file": ("../take 5.wav", content)})
    problem = response.json()
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert said in problem["detail"]
    assert "take 5.wav" in problem["detail"]
    assert "/" not in problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize(
    ("request_of", "status", "said"),
    [
        ({"files": {"sound": WAV}}, 422, "expected file"),
        ({"files": {"file": (None, "text")}}, 422, "expected a file"),
        ({"files": [("file", WAV), ("file", WAV)]}, 413, "more than 1"),
        ({"data": {"file": "text"}}, 415, "application/x-www-form-urlencoded"),
        ({"content": WAV}, 415, "no Content-Type"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "boundary"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, "no JSON"),
        ({"json": {"reference": 5}}, 422, "nothing else"),
        ({"json": {"reference": "gs://bucket/a.wav"}}, 403, "only below addresses"),
        ({"files": {"file": WAV}, "params": {"model": "digit"}}, 404, 'did you mean "digits"'),
        ({"files": {"file": WAV}, "params": {"model": "distortion"}}, 422, "/v1/distortion"),
        ({"files": {"file": WAV}, "params": {"top": "0"}}, 422, "query top"),
    ],
)
def test_requests_of_the_wrong_shape_are_refused(
    client: TestClient, request_of: dict[str, object], status: int, said: str
) -> None:
    response = client.post("/v1/classify", **request_of)  # type: ignore[arg-type]
    assert response.status_code == status
    assert said in response.json()["detail"]


def test_each_file_of_a_batch_gets_its_own_answer(client: TestClient) -> None:
    files = [("file", ("a.wav", WAV)), ("file", ("b.png", b"\x89PNG" + bytes(9))), ("file", ("c.wav", WAV))]
    response = client.post("/v1/classify/batch", params={"top": 1}, files=files)
    assert response.status_code == 200
    items = response.json()["items"]
    assert [(item["name"], item["status"]) for item in items] == [("a.wav", 200), ("b.png", 415), ("c.wav", 200)]
    assert items[0]["result"]["scores"] == items[2]["result"]["scores"]
    assert items[1]["result"] is None
    assert items[1]["problem"]["title"] == "Not a sound"


def test_a_batch_has_a_limit(client: TestClient) -> None:
    response = client.post("/v1/classify/batch", files=[("file", WAV)] * 5)
    assert response.status_code == 413
    assert "more than 4" in response.json()["detail"]


def test_answers_differ_in_their_ids(client: TestClient) -> None:
    ids = {client.post("/v1/classify", files={"file": WAV}).json()["id"] for _ in range(3)}
    assert len(ids) == 3
