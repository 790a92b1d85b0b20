"""Bundles are loaded in the background, looked at for changes, and replaced without one failed request."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.audio import Waveform, write_audio
from earmark.core.errors import AudioError, BundleError, ConfigError, DataError
from earmark.distortion.validator import AudioDistortionValidator
from earmark.inference import Predictor
from earmark.models.bundle import SHIPPED, load_bundle
from earmark.service.host import Classified, ModelHost
from earmark.service.monitoring.metrics import Monitor
from earmark.service.problems import Problem
from tests.service.hosting import LONG_S, chosen, clips, serve
from tests.service.tone_bundles import hum, put_version, train_tones

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.models.bundle import Bundle


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return train_tones(tmp_path_factory.mktemp("tones"))


def test_answers_do_not_depend_on_who_else_asked(tones: Bundle) -> None:
    alone = Predictor(tones)
    sounds = clips(60)

    async def scene(host: ModelHost) -> list[Any]:
        served = host.get("tones")
        return await asyncio.gather(*(served.classify(sound, LONG_S) for sound in sounds))

    for found, sound in zip(serve(tones.folder, scene=scene), sounds, strict=True):
        expected, scores = alone.predict(sound), alone.scores(sound)
        assert list(found.prediction.probabilities.values()) == pytest.approx(
            list(expected.probabilities.values()), abs=1e-6
        )
        assert (found.prediction.label, found.prediction.accepted_labels) == (expected.label, expected.accepted_labels)
        assert found.prediction.duration_s == expected.duration_s
        assert np.allclose(found.scores.values, scores.values, atol=1e-6)
        assert np.array_equal(found.scores.times_s, scores.times_s)
        assert found.events
        assert found.queue_ms >= 0
        assert found.compute_ms > 0


def test_the_models_are_loaded_in_the_background_in_their_order(tones: Bundle, tmp_path: Path) -> None:
    other = put_version(tones, tmp_path / "other", "b", name="other")
    options = chosen(other.folder, tones.folder)

    async def scene() -> None:
        host = ModelHost(options, Monitor())
        assert (host.ready, host.names()) == (False, ("other", "tones"))
        assert host.reason == "2 of 2 models are being loaded"
        with pytest.raises(Problem, match="not loaded yet") as early:
            host.get("tones")
        assert (early.value.status, early.value.retry_after_s) == (503, 5.0)
        await host.start()
        await host.tried()
        assert (host.ready, host.reason) == (True, "")
        assert host.get(None) is host.get("other")
        assert host.get("tones").version == load_bundle(tones.folder).spec.sealed()["seal"][:12]
        with pytest.raises(Problem, match='did you mean "tones"') as unknown:
            host.get("tonse")
        assert unknown.value.status == 404
        await host.stop()

    asyncio.run(scene())


def test_bundles_of_one_name_are_refused(tones: Bundle, tmp_path: Path) -> None:
    twin = put_version(tones, tmp_path / "twin", "b")
    with pytest.raises(ConfigError, match='two bundles of the name "tones"'):
        ModelHost(chosen(tones.folder, twin.folder), Monitor())


def test_models_that_cannot_be_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match='did you mean "digits"'):
        ModelHost(chosen("digit"), Monitor())
    with pytest.raises(BundleError, match=r"holds no bundle\.json"):
        ModelHost(chosen(tmp_path), Monitor())
    with pytest.raises(DataError, match="names no bucket"):
        ModelHost(chosen("gs://"), Monitor())


def test_what_is_no_sound_for_a_model_is_told(tones: Bundle) -> None:
    async def scene(host: ModelHost) -> None:
        served = host.get("tones")
        for sound, message in (
            (hum(0.0), "is silent"),
            (hum(0.5, rate_hz=4000), "rate 4000 Hz, but bundle tones was trained on audio of 8000 Hz"),
            (Waveform(np.zeros((1, 0), np.float32), 8000), "holds no samples"),
            (Waveform(np.full((1, 99), np.nan, np.float32), 8000), "NaN or infinite"),
        ):
            good, bad = await asyncio.gather(
                served.classify(hum(0.5), LONG_S), served.classify(sound, LONG_S), return_exceptions=True
            )
            assert isinstance(good, Classified)
            assert good.prediction.label == "loud"
            assert isinstance(bad, AudioError)
            assert message in str(bad)

    serve(tones.folder, scene=scene)


def test_sound_may_be_decoded_when_its_turn_comes(tones: Bundle) -> None:
    def decode() -> Waveform:
        assert threading.current_thread().name.startswith("hear-tones")
        return hum(0.5)

    def fail() -> Waveform:
        raise Problem(415, "Not a sound", "a letter")

    async def scene(host: ModelHost) -> list[Any]:
        served = host.get(None)
        return await asyncio.gather(
            *(served.classify(sound, LONG_S) for sound in (decode, fail, decode)), return_exceptions=True
        )

    first, bad, last = serve(tones.folder, scene=scene)
    assert first.prediction == last.prediction
    assert first.prediction.label == "loud"
    assert isinstance(bad, Problem)


def test_a_model_that_cannot_be_loaded_keeps_the_others_serving_and_is_tried_again(
    tones: Bundle, tmp_path: Path
) -> None:
    other = put_version(tones, tmp_path / "other", "b", name="other")
    spare = tmp_path / "spare.onnx"

    async def scene() -> None:
        host = ModelHost(chosen(tones.folder, other.folder, reload_s=0.01), Monitor())
        (other.folder / "model.onnx").rename(spare)
        await host.start()
        await host.tried()
        assert not host.ready
        assert host.reason == "1 of 2 models cannot be loaded (other); the log says why"
        assert (await host.get("tones").classify(hum(0.5), LONG_S)).prediction.label == "loud"
        with pytest.raises(Problem) as refusal:
            host.get("other")
        assert refusal.value.status == 503
        spare.rename(other.folder / "model.onnx")
        while not host.ready:
            await asyncio.sleep(0.01)
        assert host.get("other").name == "other"
        await host.stop()

    asyncio.run(scene())


def test_a_distortion_bundle_checks_files_and_classifies_nothing(tones: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "noise.wav"
    noise = np.random.default_rng(0).uniform(-1, 1, (1, 44_100)).astype(np.float32)
    write_audio(path, Waveform(np.clip(4 * noise, -0.9, 0.9), 44_100))

    async def scene(host: ModelHost) -> None:
        served = host.get("distortion")
        assert served.predictor is None
        found = await asyncio.gather(*(served.analyze(path, LONG_S) for _ in range(3)))
        assert [each.report.to_dict() for each in found] == [
            AudioDistortionValidator.load_checkpoint().analyze(path).to_dict()
        ] * 3
        with pytest.raises(AudioError, match=r"missing\.wav"):
            await served.analyze(tmp_path / "missing.wav", LONG_S)
        with pytest.raises(Problem, match="tells distortion, not labels") as refusal:
            await served.classify(hum(0.5), LONG_S)
        assert refusal.value.status == 422
        with pytest.raises(Problem, match="tells labels, not distortion"):
            await host.get("tones").analyze(path, LONG_S)

    serve("distortion", tones.folder, scene=scene)


def test_the_shipped_digits_serve(tmp_path: Path) -> None:
    async def scene(host: ModelHost) -> str:
        assert (await host.get(None).classify(hum(0.5, 1.0, 16_000), LONG_S)).prediction.probabilities
        return host.get(None).version

    assert serve("digits", scene=scene) == load_bundle(SHIPPED / "digits").spec.sealed()["seal"][:12]
