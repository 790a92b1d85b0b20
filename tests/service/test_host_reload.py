"""A changed bundle takes over while requests go on, and one that is broken changes nothing."""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
import weakref
from typing import TYPE_CHECKING

import pytest

from earmark.service.monitoring.metrics import Monitor
from tests.service.hosting import LONG_S, clips, counted, serve
from tests.service.tone_bundles import copy_files, hum, put_version, train_tones

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.models.bundle import Bundle
    from earmark.service.host import ModelHost


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return train_tones(tmp_path_factory.mktemp("tones"))


def test_a_changed_bundle_takes_over_under_traffic_without_a_failed_request(tones: Bundle, tmp_path: Path) -> None:
    folder, monitor = tmp_path / "tones", Monitor()
    put_version(tones, folder, "1")
    sounds = clips(12)

    async def ask(host: ModelHost, answers: list[tuple[str, str]], is_over: asyncio.Event, first: int) -> None:
        number = first
        while not is_over.is_set():
            served = host.get(None)
            found = await served.classify(sounds[number % len(sounds)], LONG_S)
            answers.append((served.version, found.prediction.label.partition("-")[2]))
            number += 1

    async def scene(host: ModelHost) -> tuple[list[tuple[str, str]], list[str]]:
        answers: list[tuple[str, str]] = []
        is_over, versions = asyncio.Event(), [host.get(None).version]
        askers = [asyncio.create_task(ask(host, answers, is_over, first)) for first in range(6)]
        for version in "234":
            await asyncio.to_thread(put_version, tones, folder, version)
            await host.look()
            versions.append(host.get(None).version)
            n_before = len(answers)
            while len(answers) < n_before + 20:
                await asyncio.sleep(0)
        is_over.set()
        await asyncio.gather(*askers)
        return answers, versions

    answers, versions = serve(folder, scene=scene, monitor=monitor)
    assert len(set(versions)) == 4
    assert {label for _, label in answers} == {"1", "2", "3", "4"}
    # each answer is of the version that its request began with
    assert all(label == str(1 + versions.index(version)) for version, label in answers)
    assert counted(monitor, 'earmark_model_loads_total{model="tones",outcome="loaded"}') == 4


def test_a_bundle_is_looked_at_again_and_again(tones: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "tones"
    put_version(tones, folder, "1")

    async def scene(host: ModelHost) -> str:
        old = host.get(None).version
        put_version(tones, folder, "2")
        while host.get(None).version == old:
            await asyncio.sleep(0.01)
        return host.get(None).bundle.spec.labels[0]

    assert serve(folder, scene=scene, reload_s=0.01) == "loud-2"


def test_a_request_ends_on_the_version_that_it_began_with_and_then_that_is_freed(tones: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "tones"
    put_version(tones, folder, "1")

    async def scene(host: ModelHost) -> None:
        held = host.get(None)
        gone = weakref.ref(held.predictor)
        put_version(tones, folder, "2")
        await host.look()
        new = host.get(None)
        assert new.version != held.version
        both = await asyncio.gather(held.classify(hum(0.5), LONG_S), new.classify(hum(0.5), LONG_S))
        assert [found.prediction.label for found in both] == ["loud-1", "loud-2"]
        del held
        gc.collect()
        assert gone() is None

    serve(folder, scene=scene)


def test_a_broken_new_version_changes_nothing_and_is_told_once(
    tones: Bundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, monitor = tmp_path / "tones", Monitor()
    put_version(tones, folder, "1")
    caplog.set_level(logging.INFO, "earmark.service")

    async def scene(host: ModelHost) -> None:
        old = host.get(None)
        (folder / "model.onnx").write_bytes(b"not a graph")
        for _ in range(3):
            await host.look()
            assert host.get(None) is old
        assert (await old.classify(hum(0.5), LONG_S)).prediction.label == "loud-1"
        assert host.ready
        put_version(tones, folder, "2")
        await host.look()
        assert host.get(None).bundle.spec.labels[0] == "loud-2"

    serve(folder, scene=scene, monitor=monitor)
    failures = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(failures) == 1
    assert "model.onnx: SHA-256" in failures[0]
    assert "goes on" in failures[0]
    assert counted(monitor, 'earmark_model_loads_total{model="tones",outcome="failed"}') == 1


def test_files_copied_one_by_one_are_taken_when_they_fit_together(tones: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "tones"
    put_version(tones, folder, "1")
    graph = (tones.folder / "model.onnx").read_bytes() + b""
    new = put_version(tones, tmp_path / "new", "2").folder

    async def scene(host: ModelHost) -> None:
        old = host.get(None)
        (folder / "model.onnx").write_bytes(graph[:100])
        copy_files(new, folder, "bundle.json")
        await host.look()
        assert host.get(None) is old
        copy_files(new, folder, "model.onnx")
        await host.look()
        assert host.get(None).bundle.spec.labels[0] == "loud-2"

    serve(folder, scene=scene)


def test_a_folder_that_is_gone_or_touched_or_holds_another_bundle_changes_nothing(
    tones: Bundle, tmp_path: Path
) -> None:
    folder, monitor = tmp_path / "tones", Monitor()
    put_version(tones, folder, "1")

    async def scene(host: ModelHost) -> None:
        old = host.get(None)
        copy_files(folder, folder)
        await host.look()
        assert host.get(None) is old
        shutil.rmtree(folder)
        await host.look()
        assert host.get(None) is old
        put_version(tones, folder, "2", name="others")
        await host.look()
        assert host.get(None) is old
        assert host.names() == ("tones",)

    serve(folder, scene=scene, monitor=monitor)
    assert counted(monitor, 'earmark_model_loads_total{model="tones",outcome="loaded"}') == 1
    assert counted(monitor, 'earmark_model_loads_total{model="tones",outcome="failed"}') == 2
