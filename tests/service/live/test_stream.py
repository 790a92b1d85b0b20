"""Live streams over a real websocket: answers, refusals, ends, and nothing left behind."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.inference.live import Judge, Listener, ListenOptions
from tests.inference.live.conftest import stream_of
from tests.service.live.conftest import STOP, STREAM_HZ, begin, emissions, hear, pcm, receive, refusal, until_closed
from tests.service.monitoring.test_metrics import read, value

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from websockets.sync.client import ClientConnection

    from tests.service.live.conftest import Running

    Serve = Callable[..., Running]


def expected_emissions(bundle_folder: Path, stream: NDArray[np.float32]) -> list[dict[str, Any]]:
    from earmark.inference import Predictor

    listener = Listener(
        Judge(Predictor.load(bundle_folder), conf_thresh=0.0), STREAM_HZ, ListenOptions(vad="energy", conf_thresh=0.0)
    )
    return [emission.to_dict() for emission in (*listener.push(stream), *listener.finish())]


def same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    """Return whether emissions are the same, whatever their time to compute."""
    plain = [{k: v for k, v in one.items() if k not in {"type", "event", "compute_ms"}} for one in (*found, *expected)]
    half = len(found)
    return plain[:half] == plain[half:]


def test_sound_becomes_the_answers_of_earmark_listen(
    serve: Serve, two_tones: NDArray[np.float32], bundle_folder: Path
) -> None:
    content = pcm(two_tones)
    heard = np.frombuffer(content, dtype="<i2").astype(np.float32) / np.float32(32768)
    running = serve()
    with running.connect() as client:
        ready = begin(client)
        told = hear(client, content)
    assert ready["type"] == "ready"
    assert ready["model"] == {"name": "tones", "version": running.service.models.get(None).version}
    assert ready["labels"] == ["loud", "quiet"]
    assert (ready["vad"], ready["rate_hz"], ready["format"]) == ("energy", STREAM_HZ, "s16le")
    found = emissions(told)
    assert [one["label"] for one in found] == ["loud", "quiet"]
    assert same(found, expected_emissions(bundle_folder, heard))
    assert told[-1] == {"type": "end", "reason": "stopped", "heard_s": 4.0, "n_emissions": 2}
    assert client.close_code == 1000
    status = next(message for message in told if message["type"] == "status")
    assert set(status) == {"type", "heard_s", "level_db", "speech", "speaking"}


def test_floating_point_and_other_rates_are_heard_alike(serve: Serve) -> None:
    stream = stream_of((0, 1.0), (0.5, 0.5), (0, 1.0), (0.01, 0.5), (0, 1.0), rate_hz=44_100)
    with serve().connect() as client:
        assert begin(client, rate_hz=44_100, format="f32le")["type"] == "ready"
        told = hear(client, stream.astype("<f4").tobytes(), block=40_000)
    assert [one["label"] for one in emissions(told)] == ["loud", "quiet"]


def test_speech_that_is_cut_off_by_stop_is_answered(serve: Serve) -> None:
    with serve().connect() as client:
        begin(client)
        told = hear(client, pcm(stream_of((0, 1.0), (0.5, 0.5))))
    assert [one["label"] for one in emissions(told)] == ["loud"]
    assert told[-1]["n_emissions"] == 1


def test_two_clients_at_once_each_hear_their_own_answers(serve: Serve, two_tones: NDArray[np.float32]) -> None:
    running = serve()
    streams = [two_tones, stream_of((0, 1.0), (0.01, 0.5), (0, 1.0), (0.01, 0.4), (0, 1.0))]
    told: dict[int, list[dict[str, Any]]] = {}
    together = threading.Barrier(2)

    def listen(number: int) -> None:
        with running.connect() as client:
            begin(client)
            together.wait(30)
            told[number] = hear(client, pcm(streams[number]))

    threads = [threading.Thread(target=listen, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one["label"] for one in emissions(told[0])] == ["loud", "quiet"]
    assert [one["label"] for one in emissions(told[1])] == ["quiet", "quiet"]


def test_a_client_that_goes_leaves_nothing_behind(serve: Serve, two_tones: NDArray[np.float32]) -> None:
    running = serve()
    before = threading.active_count()
    for _ in range(5):
        with running.connect() as client:
            begin(client)
            client.send(pcm(two_tones)[:48_000])
            assert receive(client)["type"] in {"status", "emission"}
            client.socket.shutdown(socket.SHUT_RDWR)  # without a goodbye
    running.stop()  # waits for every stream
    found = read(running.service.monitor)
    assert running.service.streams.n_open == 0
    assert value(found, "streams_open") == 0
    assert value(found, "streams_total", how="gone") == 5
    assert value(found, "streams_total", how="failed") is None
    assert threading.active_count() <= before


def test_the_end_of_the_service_is_told_with_what_is_left(serve: Serve) -> None:
    running = serve()
    with running.connect() as client, running.connect() as early:
        begin(client)
        client.send(pcm(stream_of((0, 1.0), (0.5, 0.5))))
        assert receive(client)["type"] == "status"
        running.stop()
        told = until_closed(client)
        assert [one["label"] for one in emissions(told)] == ["loud"]
        assert told[-1] == {"type": "end", "reason": "server is stopping", "heard_s": 1.5, "n_emissions": 1}
        assert client.close_code == 1012
        error, code = refusal(early)  # it had not said anything yet
        assert (error["status"], code) == (503, 1012)
    assert value(read(running.service.monitor), "streams_total", how="server_stopping") == 2


def test_a_fast_client_is_held_up_and_not_buffered(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """While judging stands still, no more than a few messages are taken from the socket."""
    go_on, waits = halting(monkeypatch)
    block = pcm(np.zeros(STREAM_HZ, dtype=np.float32))
    with serve().connect() as client:
        begin(client)
        n_sent = flood(client, block)
        assert waits.is_set()
        go_on.set()
    assert n_sent < 32e6


def halting(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Let judging stand still until the first event; the second says that it does."""
    go_on, waits = threading.Event(), threading.Event()
    push = Listener.push

    def slow(self: Listener, samples: NDArray[np.float32]) -> list[Any]:
        waits.set()
        assert go_on.wait(30)
        return push(self, samples)

    monkeypatch.setattr(Listener, "push", slow)
    return go_on, waits


def test_judging_does_not_hold_up_what_else_the_service_answers(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, waits = halting(monkeypatch)
    running = serve(workers=2)
    with running.connect() as busy:
        begin(busy)
        busy.send(b"\0\0")
        assert waits.wait(30)
        with running.connect() as other:
            assert begin(other)["type"] == "ready"
            other.send("AAAA")
            assert refusal(other)[0]["status"] == 422
        go_on.set()
        busy.send(STOP)
        assert until_closed(busy)[-1]["type"] == "end"


def flood(client: ClientConnection, content: bytes, most: int = 128_000_000) -> int:
    """Send one message again and again until the socket takes no more, and return how many bytes it took."""
    frame = b"\x82\xff" + len(content).to_bytes(8, "big") + bytes(4) + content  # binary, masked by zeros
    client.socket.settimeout(0.5)
    n_sent = 0
    with suppress(TimeoutError):
        while n_sent < most:
            n_sent += client.socket.send(frame[n_sent % len(frame) :])
    return n_sent


def test_sound_and_answers_are_counted(serve: Serve, two_tones: NDArray[np.float32]) -> None:
    running = serve()
    with running.connect() as client:
        begin(client)
        hear(client, pcm(two_tones))
    found = read(running.service.monitor)
    assert value(found, "audio_seconds_total", model="tones") == pytest.approx(4.0)
    assert value(found, "stream_emissions_total", model="tones") == 2
    assert value(found, "answers_total", model="tones", outcome="accepted") == 2
    assert value(found, "predictions_total", model="tones", label="loud") == 1
    assert value(found, "input_level_decibels_count") == 2
    # its bundle was trained just now, so it brings how sure it was of the 16 clips
    assert value(found, "score_drift_reference_answers", model="tones", reference="bundle") == 16
    assert value(found, "score_drift_answers", model="tones") == 2


def test_an_answer_at_another_temperature_is_told_but_not_compared(
    serve: Serve, two_tones: NDArray[np.float32]
) -> None:
    running = serve()
    with running.connect() as client:
        begin(client, options={"vad": "energy", "conf_thresh": 0.0, "temp": 5})
        told = hear(client, pcm(two_tones))
    assert len(emissions(told)) == 2
    assert value(read(running.service.monitor), "top_probability_count", model="tones") is None


def test_a_stream_ends_on_the_version_that_it_began_with(
    serve: Serve, two_tones: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    running = serve()
    served = running.service.models.get(None)
    with running.connect() as client:
        begin(client)
        newer = replace(served, version="newer", predictor=None)
        monkeypatch.setattr(running.service.models._places[0], "served", newer)
        told = hear(client, pcm(two_tones))
    assert [one["label"] for one in emissions(told)] == ["loud", "quiet"]
