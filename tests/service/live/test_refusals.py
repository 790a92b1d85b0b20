"""What a stream refuses, and how it says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.inference.live import Listener
from earmark.service.auth import create_key
from earmark.service.live.opening import MAX_MESSAGE_BYTES
from tests.service.live.conftest import STOP, begin, refusal, until_closed
from tests.service.monitoring.test_metrics import read, value

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tests.service.live.conftest import Running

    Serve = Callable[..., Running]


@pytest.mark.parametrize(
    ("start", "status", "detail"),
    [
        ("no json", 422, "no JSON"),
        ("[" * 10_000, 422, "no JSON"),
        ("[1]", 422, "no object"),
        ('{"rate_hz": 16000}', 422, '"type": "start"'),
        ('{"type": "start", "rate": 16000}', 422, 'did you mean "rate_hz"'),
        ('{"type": "start", "rate_hz": "fast"}', 422, 'key "rate_hz"'),
        ('{"type": "start", "rate_hz": 1e400}', 422, 'key "rate_hz"'),
        ('{"type": "start", "rate_hz": 1000}', 422, 'key "rate_hz"'),
        ('{"type": "start", "format": "mp3"}', 422, 'key "format"'),
        ('{"type": "start", "options": {"hangover": 3}}', 422, 'did you mean "hangover_ms"'),
        ('{"type": "start", "options": {"vad": "ears"}}', 422, 'key "options.vad"'),
        ('{"type": "start", "options": {"stride_s": 1e-9}}', 422, 'key "options.stride_s"'),
        ('{"type": "start", "options": {"temp": NaN}}', 422, 'key "options.temp"'),
        ('{"type": "start", "rate_hz": 192000, "options": {"max_speech_ms": 60000}}', 422, "max_speech_ms"),
        ('{"type": "start", "key": 5}', 422, 'key "key"'),
        ('{"type": "start", "model": "tonse", "options": {"vad": "energy"}}', 404, 'did you mean "tones"'),
        ('{"type": "start", "rate_hz": 4000, "options": {"vad": "energy"}}', 422, "rate 4000 Hz"),
        (json.dumps({"type": "start", "model": "m" * 20_000}), 413, "at most 16,384"),
        (b"\0\0", 422, "found sound"),
    ],
)
def test_a_start_that_does_not_fit_is_refused_with_the_reason(
    start: str | bytes, status: int, detail: str, serve: Serve
) -> None:
    running = serve()
    with running.connect() as client:
        client.send(start)
        error, code = refusal(client)
    assert error["status"] == status
    assert detail in error["detail"]
    assert len(error["detail"]) < 1000
    assert error["title"]
    assert error["request_id"]
    assert code == (1009 if status == 413 else 1008)
    assert running.service.streams.n_open == 0


def test_silero_without_its_weights_is_refused_and_energy_is_the_default(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earmark.encoders.weights.weights_at_hand", lambda name: None)
    running = serve()
    with running.connect() as client:
        assert begin(client, options={})["vad"] == "energy"
    with running.connect() as client:
        client.send(json.dumps({"type": "start", "options": {"vad": "silero"}}))
        error, _ = refusal(client)
    assert "earmark weights fetch" in error["detail"]


@pytest.mark.parametrize(
    ("sample_format", "content", "status", "detail"),
    [
        ("s16le", b"\0" * 641, 422, "whole samples of 2 bytes"),
        ("f32le", b"\0" * 642, 422, "whole samples of 4 bytes"),
        ("f32le", np.array([0.1, np.nan], dtype="<f4").tobytes(), 422, "no finite numbers"),
        ("f32le", np.array([0.1, np.inf], dtype="<f4").tobytes(), 422, "no finite numbers"),
        ("f32le", np.array([0.1, -12_000], dtype="<f4").tobytes(), 422, "divide integers"),
        ("s16le", b"\0" * (MAX_MESSAGE_BYTES + 2), 413, "send shorter blocks"),
        ("s16le", "AAAA", 422, "no JSON"),
        ("s16le", '{"type": "pause"}', 422, '{"type": "stop"}'),
    ],
)
def test_what_is_no_sound_is_refused_with_the_reason(
    sample_format: str, content: str | bytes, status: int, detail: str, serve: Serve
) -> None:
    running = serve()
    with running.connect() as client:
        assert begin(client, format=sample_format)["type"] == "ready"
        client.send(content)
        error, code = refusal(client)
    assert (error["status"], code) == (status, 1009 if status == 413 else 1008)
    assert detail in error["detail"]
    found = read(running.service.monitor)
    assert value(found, "streams_open") == 0


def test_a_model_without_live_answers_says_so(serve: Serve) -> None:
    running = serve(models=("distortion",))
    with running.connect() as client:
        client.send(json.dumps({"type": "start", "rate_hz": 44_100, "options": {"vad": "energy"}}))
        error, code = refusal(client)
    assert (error["status"], error["title"], code) == (422, "No live answers", 1008)


def test_more_streams_than_there_may_be_are_told_to_come_back(serve: Serve) -> None:
    running = serve(max_streams=1)
    with running.connect() as first:
        assert begin(first)["type"] == "ready"
        with running.connect() as second:
            second.send(json.dumps({"type": "start", "options": {"vad": "energy"}}))
            error, code = refusal(second)
        assert (error["status"], code) == (503, 1013)
        assert error["retry_after_s"] > 0
        first.send(STOP)
        assert until_closed(first)[-1]["type"] == "end"
    with running.connect() as third:
        assert begin(third)["type"] == "ready"
    assert value(read(running.service.monitor), "refusals_total", reason="too_many_streams") == 1


def test_a_client_that_sends_nothing_is_sent_away(serve: Serve) -> None:
    running = serve(timeout_s=0.3)
    with running.connect() as silent:
        error, code = refusal(silent)
        assert (error["status"], code) == (408, 1008)
    with running.connect() as stalled:
        begin(stalled)
        error, code = refusal(stalled)
        assert (error["status"], code) == (408, 1008)


def test_what_fails_inside_is_not_told(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Listener, samples: NDArray[np.float32]) -> None:
        raise RuntimeError("/srv/secret/path")

    monkeypatch.setattr(Listener, "push", fail)
    running = serve()
    with running.connect() as client:
        begin(client)
        client.send(b"\0\0")
        error, code = refusal(client)
    assert (error["status"], code) == (500, 1011)
    assert "secret" not in json.dumps(error)
    assert value(read(running.service.monitor), "streams_total", how="failed") == 1


def test_keys_are_asked_for_and_never_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "earmark.service")
    running = serve(auth="on")
    key, _ = create_key(running.service.database, "site 3")
    for wrong in (None, "", "sesame", key[:-1] + ("A" if key[-1] != "A" else "B")):
        with running.connect() as client:
            client.send(json.dumps({"type": "start", "key": wrong, "options": {"vad": "energy"}}))
            error, code = refusal(client)
        assert (error["status"], code) == (401, 1008)
    with running.connect() as client:
        assert begin(client, key=key)["type"] == "ready"
        client.send(b"\0" * 32_000)
        client.send(STOP)
        until_closed(client)
    running.stop()
    *refused, ended = [record for record in caplog.records if record.name == "earmark.service.requests"]
    assert len(refused) == 4
    fields = vars(ended)
    assert (fields["route"], fields["method"], fields["status"]) == ("/v1/stream", "WEBSOCKET", 1000)
    assert (fields["caller"], fields["model"], fields["audio_s"]) == ("site 3", "tones", 1.0)
    assert not any(key in json.dumps(vars(record), default=str) for record in caplog.records)


def test_a_page_of_another_place_is_refused(serve: Serve) -> None:
    running = serve()
    with running.connect(origin="https://evil.example") as client:
        client.send(json.dumps({"type": "start", "options": {"vad": "energy"}}))
        error, code = refusal(client)
    assert (error["status"], error["title"], code) == (403, "Foreign origin", 1008)
    with running.connect(origin=running.url.replace("ws:", "http:")) as client:
        assert begin(client)["type"] == "ready"
