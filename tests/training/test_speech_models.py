"""Speech transformers from clips to bundles: whether frozen or fine-tuned, what is saved runs without torch."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from earmark.inference import Predictor
from earmark.models.base import Recipe
from earmark.models.recipes import RECIPES
from earmark.training import TrainingOptions, prepare, save_trained, train

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.data.dataset import Dataset

pytest.importorskip("transformers")

TINY = "tiny-random"
WINDOW = {"window_s": 0.2, "hop_s": 0.1}
TUNED = Recipe("tuned", "Fine-tuned", frontend="waveform", classifier="earmark.models.finetune:fine_tuned")
FROZEN = Recipe("frozen", "Frozen", frontend="wav2vec2", classifier="earmark.models.heads:Head")


@pytest.mark.parametrize(
    ("recipe", "frontend", "classifier"),
    [
        (TUNED, WINDOW | {"hop_s": 0.2}, {"model": TINY, "epochs": 2, "min_steps": 12, "learning_rate": 3e-3}),
        (FROZEN, WINDOW | {"model": TINY}, {}),
    ],
    ids=lambda value: value.name if isinstance(value, Recipe) else "",
)
def test_a_bundle_runs_without_torch(
    recipe: Recipe,
    frontend: dict[str, Any],
    classifier: dict[str, Any],
    chords: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(RECIPES, recipe.name, recipe)
    options = TrainingOptions(recipe=recipe.name, folds="grouped:2", frontend=frontend, classifier=classifier)
    trained = train(prepare(chords, options), options, "cv")
    bundle = save_trained(trained, tmp_path / "bundle", recipe.name)
    assert bundle.spec.parity.max_difference <= 1e-4
    assert bundle.spec.licences[-1].what == f"weights: {TINY}"
    clip = chords.clips[3]
    expected = Predictor(bundle).predict_file(clip.path).probabilities
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from earmark.inference import Predictor\n"
        f"found = Predictor.load({str(bundle.folder)!r}).predict_file(Path({str(clip.path)!r}))\n"
        "print({'torch', 'transformers', 'sklearn'} & set(sys.modules), *found.probabilities.values())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, *found = done.stdout.split()
    assert loaded == "set()"
    np.testing.assert_allclose([float(value) for value in found], list(expected.values()), atol=1e-6)
