"""Bundles in a bucket serve like those in a folder, also when they change there or the bucket is gone."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import BundleError
from earmark.data import storage_faults
from earmark.service.host import ModelHost
from earmark.service.monitoring.metrics import Monitor
from earmark.service.options import ServeOptions
from earmark.service.problems import Problem
from earmark.service.sources import source_of
from tests.service.tone_bundles import hum, put_version, train_tones
from tests.storage_proxy import status
from tests.storage_servers import BUCKET, Server, memory, point_at, use_environment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from earmark.models.bundle import Bundle
    from tests.storage_proxy import Proxy

LONG_S = 60.0


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return train_tones(tmp_path_factory.mktemp("tones"))


@pytest.fixture
def bucket(server: Server, middle: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    """An empty bucket, reached through a proxy."""
    server.wipe()
    monkeypatch.setattr(storage_faults, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setenv("EARMARK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("EARMARK_STORAGE_RETRIES", "1")
    point_at(monkeypatch, server.scheme, middle.port)
    middle.troubles.clear()
    return server


def upload(server: Server, bundle: Bundle, *names: str) -> None:
    for name in names or ("model.onnx", "bundle.json"):
        server.put(f"models/tones/{name}", (bundle.folder / name).read_bytes())


def serve(address: str, scene: Callable[[ModelHost], Awaitable[Any]]) -> None:
    async def run() -> None:
        host = ModelHost(ServeOptions.model_validate({"models": (address,), "reload_s": 0}), Monitor())
        await host.start()
        try:
            async with asyncio.timeout(LONG_S):
                await host.tried()
            await scene(host)
        finally:
            await host.stop()

    asyncio.run(run())


async def label_of(host: ModelHost) -> str:
    return (await host.get(None).classify(hum(0.5), LONG_S)).prediction.label


def test_a_bundle_in_a_bucket_serves_and_is_replaced(bucket: Server, tones: Bundle, tmp_path: Path) -> None:
    upload(bucket, put_version(tones, tmp_path / "1", "1"))
    second = put_version(tones, tmp_path / "2", "2")

    async def scene(host: ModelHost) -> None:
        assert host.names() == ("tones",)
        old = host.get("tones")
        assert await label_of(host) == "loud-1"
        await host.look()
        assert host.get("tones") is old
        upload(bucket, second, "bundle.json")  # the graph is the same one
        await host.look()
        assert await label_of(host) == "loud-2"
        assert (await old.classify(hum(0.5), LONG_S)).prediction.label == "loud-1"

    serve(f"{bucket.scheme}://{BUCKET}/models/tones", scene)


def test_a_bucket_in_trouble_or_a_damaged_upload_changes_nothing(
    bucket: Server, middle: Proxy, tones: Bundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "earmark.service")
    upload(bucket, put_version(tones, tmp_path / "1", "1"))
    second = put_version(tones, tmp_path / "2", "2")

    async def scene(host: ModelHost) -> None:
        middle.order(".", status(503))
        for _ in range(2):
            await host.look()
            assert await label_of(host) == "loud-1"
        middle.troubles.clear()
        bucket.put("models/tones/model.onnx", b"damaged")
        await host.look()
        assert await label_of(host) == "loud-1"
        bucket.delete("models/tones/bundle.json")
        await host.look()
        assert await label_of(host) == "loud-1"
        upload(bucket, second)
        await host.look()
        assert await label_of(host) == "loud-2"

    serve(f"{bucket.scheme}://{BUCKET}/models/tones/", scene)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    for message, reason in zip(told, ("503", "SHA-256", "holds no bundle.json"), strict=True):
        assert reason in message
        assert "goes on" in message


def test_a_bundle_that_comes_later_is_taken_then(bucket: Server, tones: Bundle, tmp_path: Path) -> None:
    bundle = put_version(tones, tmp_path / "1", "1")

    async def scene(host: ModelHost) -> None:
        assert not host.ready
        assert host.reason == "1 of 1 models cannot be loaded (from storage); the log says why"
        assert host.names() == ()
        for name in (None, "tones"):
            with pytest.raises(Problem) as refusal:
                host.get(name)
            assert refusal.value.status == 503
        upload(bucket, bundle)
        await host.look()
        assert host.ready
        assert await label_of(host) == "loud-1"
        with pytest.raises(Problem) as refusal:
            host.get("nobody")
        assert refusal.value.status == 404

    serve(f"{bucket.scheme}://{BUCKET}/models/tones", scene)


def test_a_bundle_in_storage_with_the_name_of_another_is_refused(
    tones: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    use_environment(monkeypatch, EARMARK_CACHE_DIR=str(tmp_path / "cache"))
    with memory() as system:
        for name in ("model.onnx", "bundle.json"):
            system.pipe_file(f"/bundles/tones/{name}", (tones.folder / name).read_bytes())
        options = ServeOptions.model_validate({"models": (str(tones.folder), "memory://bundles/tones"), "reload_s": 0})

        async def scene() -> None:
            host = ModelHost(options, Monitor())
            await host.start()
            await host.tried()
            assert not host.ready
            assert host.get("tones").bundle.folder == tones.folder
            await host.stop()

        asyncio.run(scene())
    assert 'another model has the name "tones"' in caplog.text


def test_what_is_in_a_folder_below_is_no_part_of_a_bundle(
    tones: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_environment(monkeypatch, EARMARK_CACHE_DIR=str(tmp_path / "cache"))
    with memory() as system:
        source = source_of("memory://bundles/tones")
        with pytest.raises(BundleError, match=r"memory://bundles/tones: holds no bundle\.json"):
            source.fetch()
        for name in ("model.onnx", "bundle.json", "old/bundle.json", "old/model.onnx"):
            content = (tones.folder / name.rpartition("/")[2]).read_bytes()
            system.pipe_file(f"/bundles/tones/{name}", content)
        assert [name.rpartition("/")[2] for name, _, _ in source.mark()] == ["bundle.json", "model.onnx"]
        assert source.fetch().spec == tones.spec
