"""/healthz, /readyz, /metrics: for who runs the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fastapi import FastAPI

from earmark.service.options import ServeOptions
from tests.service.serving import asked, encoded, tone

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from earmark.service.state import Service


def service_behind(client: TestClient) -> Service:
    app = client.app
    assert isinstance(app, FastAPI)
    return cast("Service", app.state.service)


def test_alive_and_ready(client: TestClient) -> None:
    for path, status in (("/healthz", "alive"), ("/readyz", "ready")):
        answer = client.get(path).json()
        assert answer["status"] == status
        assert set(answer["models"]) == {"digits", "distortion"}


def test_it_is_alive_and_not_ready_while_a_model_cannot_be_loaded(tmp_path: Path) -> None:
    options = ServeOptions(models=("memory://nowhere/bundle",), state_dir=str(tmp_path), reload_s=0)
    with asked(options) as client:
        assert client.get("/healthz").status_code == 200
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert int(ready.headers["retry-after"]) >= 1
        assert "cannot be loaded" in ready.json()["detail"]
        refused = client.post("/v1/classify", files={"file": encoded(tone())})
        assert (refused.status_code, refused.json()["title"]) == (503, "Not ready")


def test_once_stopping_it_is_not_ready_and_takes_nothing_new(tmp_path: Path) -> None:
    with asked(ServeOptions(models=("digits",), state_dir=str(tmp_path), reload_s=0)) as client:
        assert client.get("/readyz").status_code == 200
        assert client.portal is not None
        client.portal.call(service_behind(client).drain)
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
        refused = client.post("/v1/classify", files={"file": encoded(tone())})
        assert (refused.status_code, refused.json()["title"]) == (503, "Stopping")
        assert refused.headers["connection"] == "close"
        assert "retry-after" in refused.headers


def test_metrics_count_what_was_answered(client: TestClient) -> None:
    client.post("/v1/classify", files={"file": encoded(tone())})
    client.get("/v1/models/nobody")
    client.get("/somewhere/else")
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    lines = response.text.splitlines()
    assert any(
        line.startswith('earmark_requests_total{method="POST",route="/v1/classify",status="200"}') for line in lines
    )
    assert 'earmark_requests_total{method="GET",route="/v1/models/{name}",status="404"} 1.0' in lines
    assert 'earmark_requests_total{method="GET",route="other",status="404"} 1.0' in lines
    assert any(line.startswith('earmark_audio_seconds_total{model="digits"}') for line in lines)
    assert "nobody" not in response.text


def test_what_is_refused_is_counted_by_its_reason(client: TestClient) -> None:
    for content in (b"no sound", b"\x89PNG"):
        client.post("/v1/classify", files={"file": content})
    client.post("/v1/classify/batch", files=[("file", b"no sound")])
    assert 'earmark_refusals_total{reason="not_a_sound"} 3.0' in client.get("/metrics").text.splitlines()
