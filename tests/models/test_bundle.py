"""A bundle is whole, verified and refused when anything in it was touched."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.audio import Waveform
from earmark.core.errors import BundleError, StoreError
from earmark.features.base import LevelFrontend, NativeFrontend
from earmark.models.bundle import check_parity, load_bundle, save_bundle, shipped_bundles
from earmark.models.bundle_spec import (
    BundleSpec,
    CalibrationPart,
    FrontendPart,
    LicencePart,
    ParityPart,
    ThresholdPart,
    seal_of,
)
from earmark.models.calibrate import Calibration
from earmark.models.classical import LogisticRegression

if TYPE_CHECKING:
    from pathlib import Path


def fitted(n_parts: int = 8) -> tuple[LogisticRegression, Any]:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(60, n_parts)).astype(np.float32)
    targets = np.eye(2, dtype=np.float32)[(features[:, 0] > 0).astype(int)]
    classifier = LogisticRegression("one")
    classifier.fit(features, targets, rng)
    return classifier, features


def spec_of(**changes: Any) -> BundleSpec:
    front = LevelFrontend().spec
    return BundleSpec(
        name="quiet-or-loud",
        created="2026-11-20T12:00:00+00:00",
        earmark_version="0.1.0",
        recipe="level",
        labels=("loud", "quiet"),
        task="one",
        aggregate="mean",
        frontend=FrontendPart(
            name=front.name,
            config=front.config,
            fingerprint=front.fingerprint,
            rate_hz=front.rate_hz,
            window_s=front.window_s,
            hop_s=front.hop_s,
            min_source_rate_hz=8000,
        ),
        calibration=CalibrationPart.of(Calibration.identity("one", "margin", 2)),
        thresholds=ThresholdPart(rule="best_f1", goal=0.95, values=(0.5, 0.5)),
        metrics={},
        provenance={},
        licences=(LicencePart(what="data: tones", licence="CC0-1.0"),),
        parity=ParityPart(max_difference=0.0, tolerance=1e-4, n_rows=1),
        files={},
    ).model_copy(update=changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_bundle(tmp_path / "bundle", spec_of(), fitted()[0].to_onnx())
    return tmp_path / "bundle"


def edit(folder: Path, *, reseal: bool, **changes: Any) -> None:
    content = json.loads((folder / "bundle.json").read_text()) | changes
    if reseal:
        content.pop("seal")
        content["seal"] = seal_of(content)
    (folder / "bundle.json").write_text(json.dumps(content))


def test_bundle_comes_back_as_it_was_saved(folder: Path) -> None:
    bundle = load_bundle(folder)
    assert bundle.spec.labels == ("loud", "quiet")
    assert set(bundle.spec.files) == {"model.onnx"}
    assert sorted(path.name for path in folder.iterdir()) == ["bundle.json", "model.onnx"]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["bundle"]
    classifier, features = fitted()
    assert np.abs(bundle.graph()(features) - classifier.scores(features)).max() < 1e-4


def test_loading_and_running_imports_neither_scikit_learn_nor_torch(folder: Path) -> None:
    code = (
        "import sys, numpy; from earmark.models.bundle import load_bundle; "
        f"load_bundle({str(folder)!r}).graph()(numpy.zeros((1, 8), numpy.float32)); "
        "print(sorted({'sklearn', 'torch', 'skl2onnx', 'matplotlib', 'onnx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_edited_text_is_refused(folder: Path) -> None:
    edit(folder, reseal=False, labels=["quiet", "loud"])
    with pytest.raises(BundleError, match="was changed after it was written"):
        load_bundle(folder)


def test_changed_graph_is_refused(folder: Path) -> None:
    graph = folder / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match=r"model\.onnx: SHA-256 .* expected"):
        load_bundle(folder)


def test_missing_graph_is_refused(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    with pytest.raises(BundleError, match="is missing"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "pickle"}, "is not an earmark bundle"),
        ({"format_version": 99}, "format version 99, expected 1"),
        ({"surprise": 1}, "surprise: Extra inputs"),
        ({"task": "several"}, "task: Input should be"),
    ],
)
def test_other_formats_are_refused(folder: Path, changes: dict[str, Any], message: str) -> None:
    edit(folder, reseal=True, **changes)
    with pytest.raises(BundleError, match=message):
        load_bundle(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": "earmark-bundle"'])
def test_damaged_json_is_refused(folder: Path, text: str) -> None:
    (folder / "bundle.json").write_text(text)
    with pytest.raises(BundleError, match=r"bundle\.json"):
        load_bundle(folder)


def test_frontend_that_means_something_else_today_is_refused(folder: Path) -> None:
    content = json.loads((folder / "bundle.json").read_text())
    edit(folder, reseal=True, frontend=content["frontend"] | {"fingerprint": "0" * 16})
    with pytest.raises(BundleError, match=r"frontend level has fingerprint .* expected 0000"):
        _ = load_bundle(folder).frontend


@pytest.mark.parametrize(
    ("changes", "message"), [({"labels": ("a", "b", "c")}, "there are 3 labels"), ({}, "its frontend gives")]
)
def test_graph_that_does_not_fit_is_never_saved(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    classifier, _ = fitted(8 if changes else 5)
    with pytest.raises(BundleError, match=message):
        save_bundle(tmp_path / "new", spec_of(**changes), classifier.to_onnx())
    assert list(tmp_path.iterdir()) == []


def test_graph_that_is_not_onnx_is_never_saved(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="cannot load the graph"):
        save_bundle(tmp_path / "new", spec_of(), b"not a graph")
    assert list(tmp_path.iterdir()) == []


def test_existing_bundle_is_replaced_only_if_allowed(folder: Path) -> None:
    graph = fitted()[0].to_onnx()
    with pytest.raises(StoreError, match="exists already"):
        save_bundle(folder, spec_of(name="other"), graph, overwrite=False)
    assert save_bundle(folder, spec_of(name="other"), graph).spec.name == "other"


def test_a_folder_that_is_no_bundle_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"meow")
    with pytest.raises(StoreError, match="is not a bundle"):
        save_bundle(tmp_path / "photos", spec_of(), fitted()[0].to_onnx())
    assert (tmp_path / "photos" / "cat.jpg").exists()


def test_unwritable_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        save_bundle(tmp_path / "file" / "bundle", spec_of(), fitted()[0].to_onnx())


def test_unknown_model_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match=r"holds no bundle\.json"):
        load_bundle(tmp_path / "empty")
    with pytest.raises(BundleError, match="neither a bundle folder nor a shipped model"):
        load_bundle("no-such-model")


def test_parity_is_measured_on_probabilities() -> None:
    classifier, features = fitted()
    parity = check_parity(classifier, classifier.to_onnx(), features, Calibration.identity("one", "margin", 2))
    assert parity.max_difference < 1e-5
    assert parity.n_rows == 60


def test_graph_of_another_model_fails_parity() -> None:
    classifier, features = fitted()
    other = LogisticRegression("one")
    other.fit(features, np.eye(2, dtype=np.float32)[(features[:, 1] > 0).astype(int)], np.random.default_rng(0))
    with pytest.raises(BundleError, match="probabilities differ by up to"):
        check_parity(classifier, other.to_onnx(), features, Calibration.identity("one", "margin", 2))


def test_every_shipped_bundle_loads_and_runs() -> None:
    for name in shipped_bundles():
        bundle = load_bundle(name)
        spec = bundle.frontend.spec
        if isinstance(bundle.frontend, NativeFrontend):
            (window,) = bundle.frontend.measure([Waveform(np.zeros((2, 8000), np.float32), 8000)])
            features = window.features[np.newaxis]
        else:
            features = bundle.frontend(np.zeros((1, spec.window_samples), np.float32)).reshape(1, -1)
        assert bundle.graph()(features).shape == (1, len(bundle.spec.labels))
        assert bundle.spec.parity.max_difference <= 1e-4
