from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from earmark.core.errors import BundleError, WeightsError
from earmark.models import bundle as bundles
from earmark.models import load_bundle, save_bundle

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.cli.conftest import Run


def changed(bundle: Path, folder: Path, **changes: Any) -> Path:
    spec = load_bundle(bundle).spec
    graph = (bundle / "model.onnx").read_bytes()
    return save_bundle(folder, spec.model_copy(update=changes), graph).folder


def test_shipped_bundles_are_listed(run: Run, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "SHIPPED", bundle.parent)
    told = run("bundle", "ls").stdout
    assert "tones" in told
    assert "Loud or quiet." in told
    rows = json.loads(run("bundle", "ls", "--json").stdout)
    assert rows == [{"name": "tones", "summary": "Loud or quiet.", "labels": ["loud", "quiet"]}]


def test_a_bundle_shows_what_it_is_and_how_good(run: Run, bundle: Path, tones: Path) -> None:
    told = run("bundle", "show", bundle).stdout
    assert told.startswith("tones: Loud or quiet.\n")
    for fact in (
        "1.000 [",
        "16 clips of 4 groups",
        "grouped:2, 2 folds",
        f"16 clips of {tones.name}",
        "audio of 8000 Hz and more",
        f"licence of data: {tones.name}",
        "CC0",
        str(bundle),
    ):
        assert fact in told, fact


def test_json_is_the_sealed_content_with_the_folder(run: Run, bundle: Path) -> None:
    told = json.loads(run("bundle", "show", bundle, "--json").stdout)
    assert told.pop("folder") == str(bundle)
    assert told == json.loads((bundle / "bundle.json").read_text())


def test_leaks_extra_data_and_missing_limits_are_shown(run: Run, bundle: Path, tmp_path: Path) -> None:
    spec = load_bundle(bundle).spec
    licences = [part.model_copy(update={"non_commercial": True}) for part in spec.licences]
    folder = changed(
        bundle,
        tmp_path / "leaky",
        summary="",
        licences=tuple(licences),
        metrics=spec.metrics
        | {"groups_on_both_sides": ["ada"], "primary": spec.metrics["primary"] | {"low": None, "high": None}},
        provenance=spec.provenance
        | {
            "extra": {"dataset": "more", "n_clips": 7},
            "options": spec.provenance["options"] | {"allow_shared_groups": "as published"},
        },
    )
    told = run("bundle", "show", folder).stdout
    assert told.startswith("tones: no summary\n")
    assert "ada (as published)" in told
    assert "and 7 clips of more" in told
    assert "(no commercial use)" in told
    assert "1.000 [" not in told


def test_a_tampered_bundle_is_refused(run: Run, bundle: Path, tmp_path: Path) -> None:
    folder = changed(bundle, tmp_path / "edited")
    (folder / "bundle.json").write_text((folder / "bundle.json").read_text().replace('"loud"', '"soft"'))
    with pytest.raises(BundleError, match="was changed after it was written"):
        run("bundle", "show", folder)


def test_a_bundle_whose_weights_are_not_here_still_tells_its_licences(
    run: Run, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: object) -> None:
        raise WeightsError('weights "perch" were found nowhere')

    monkeypatch.setattr(bundles.Bundle, "graph", missing)
    told = run("bundle", "show", bundle)
    assert "CC0" in told.stdout
    assert 'this bundle cannot run here yet: weights "perch" were found nowhere' in told.stderr
