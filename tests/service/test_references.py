"""References: only below what the operator allows, whatever tricks the address plays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fsspec
import pytest

from earmark.core.config import parse_config
from earmark.core.errors import ConfigError
from earmark.service.options import ServeOptions
from earmark.service.references import is_allowed
from tests.service.serving import asked, encoded, tone
from tests.storage_servers import BUCKET, Server, emulator, point_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.testclient import TestClient

ALLOWED = ["gs://lab/in", "s3://other"]


@pytest.mark.parametrize("reference", ["gs://lab/in/a.wav", "gs://lab/in/2026/b c.flac", "s3://other/a"])
def test_objects_below_a_prefix_are_allowed(reference: str) -> None:
    assert is_allowed(reference, ALLOWED)


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "gs://lab/in",
        "gs://lab/in/",
        "gs://lab/inner/a.wav",
        "gs://lab/in/../secret.wav",
        "gs://lab/in/./a.wav",
        "gs://lab/in//a.wav",
        "gs://lab/in/%2e%2e/secret.wav",
        "gs://lab/in/..\\secret.wav",
        "gs://lab/in/a.wav#1",
        "gs://lab/in/a.wav?x=1",
        "gs://lab/in/*.wav",
        "gs://lab/in/[ab].wav",
        "gs://lab/in/x::file:///etc/passwd",
        "simplecache::gs://lab/in/a.wav",
        "GS://lab/in/a.wav",
        "gs:/lab/in/a.wav",
        "gs://lab/in/a.wav\n",
        "gs://lab/in/a\x00.wav",
        "file:///etc/passwd",
        "local:///etc/passwd",
        "/etc/passwd",
        "http://169.254.169.254/latest",
        "s3://others/a",
        "gs://lab/in/" + "a" * 2000,
    ],
)
def test_nothing_else_is(reference: str) -> None:
    assert not is_allowed(reference, ALLOWED)


@pytest.mark.parametrize("prefix", ["file:///data", "local:///data", "/data", "gs://", "gs://a b", "gs://a/%2e"])
def test_a_prefix_must_be_an_address_in_storage(prefix: str) -> None:
    with pytest.raises(ConfigError, match="references"):
        parse_config(ServeOptions, {"references": (prefix,)}, "serve")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Give a service that takes what lies below memory://lab/in, where four objects are."""
    system = fsspec.filesystem("memory")
    system.pipe_file("/lab/in/tone.wav", encoded(tone()))
    system.pipe_file("/lab/in/large.wav", bytes(3_000_000))
    system.pipe_file("/lab/in/page.html", b"<html>")
    system.pipe_file("/lab/secret.wav", encoded(tone()))
    options = ServeOptions(
        models=("digits",),
        state_dir=str(tmp_path_factory.mktemp("state")),
        references=("memory://lab/in",),
        max_upload_mb=2,
        reload_s=0,
    )
    with asked(options) as made:
        yield made
    system.rm("/lab", recursive=True)


def test_the_object_is_heard_like_the_upload(client: TestClient) -> None:
    by_reference = client.post("/v1/classify", json={"reference": "memory://lab/in/tone.wav"})
    assert by_reference.status_code == 200
    uploaded = client.post("/v1/classify", files={"file": encoded(tone())})
    assert by_reference.json()["audio"] == uploaded.json()["audio"]
    assert by_reference.json()["scores"] == uploaded.json()["scores"]


@pytest.mark.parametrize(
    ("reference", "status", "said"),
    [
        ("memory://lab/in/gone.wav", 404, "no object"),
        ("memory://lab/in/large.wav", 413, "3.0 MB"),
        ("memory://lab/in/page.html", 415, "page.html: looks like a web page"),
        ("memory://lab/in/../secret.wav", 403, "only below"),
        ("memory://lab/secret.wav", 403, "only below"),
    ],
)
def test_other_objects_are_refused(client: TestClient, reference: str, status: int, said: str) -> None:
    response = client.post("/v1/classify", json={"reference": reference})
    assert response.status_code == status
    assert said in response.json()["detail"]


@pytest.fixture(params=["gs", "s3"])
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """An emulator of a cloud, with its own cache."""
    with emulator(request.param) as server:
        monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
        point_at(monkeypatch, server.scheme, server.port)
        server.wipe()
        yield server


def test_a_sound_in_a_bucket_is_answered_as_if_it_were_sent(bucket: Server, tmp_path: Path) -> None:
    content = encoded(tone())
    bucket.put("in/tone.wav", content)
    bucket.put("out/tone.wav", content)
    prefix = f"{bucket.scheme}://{BUCKET}"
    options = ServeOptions(
        models=("digits",), state_dir=str(tmp_path / "state"), reload_s=0, references=(f"{prefix}/in",)
    )
    with asked(options) as client:
        sent = client.post("/v1/classify", files={"file": content}).json()
        named = client.post("/v1/classify", json={"reference": f"{prefix}/in/tone.wav"})
        assert named.status_code == 200
        for key in ("audio", "scores", "events"):
            assert named.json()[key] == sent[key]
        refused = client.post("/v1/classify", json={"reference": f"{prefix}/out/tone.wav"})
        missing = client.post("/v1/classify", json={"reference": f"{prefix}/in/none.wav"})
        assert (refused.status_code, missing.status_code) == (403, 404)
