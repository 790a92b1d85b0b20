"""Random weights have the official names and shapes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from earmark.encoders.random_weights import efficientat_weights, panns_weights
from earmark.encoders.torch_file import read_state_dict

# Parameters that PANNs' paper states (table XI: 80.8, 5.2, 4.8, 4.8 million), without the front end's.
MILLIONS = {"cnn14": 80.8, "cnn10": 5.2, "cnn6": 4.8, "mobilenetv1": 4.8}


@pytest.mark.parametrize("name", ["cnn10", "cnn6", "mobilenetv1"])
def test_panns_have_as_many_parameters_as_published(name: str, rng: np.random.Generator) -> None:
    tensors = panns_weights(rng, name)
    n_parameters = sum(values.size for key, values in tensors.items() if "running" not in key)
    assert n_parameters / 1e6 == pytest.approx(MILLIONS[name], abs=0.1)


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second = (efficientat_weights(np.random.default_rng(3), width=0.4) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.real
def test_efficientat_s_names_and_shapes_are_those_of_the_real_checkpoint(rng: np.random.Generator) -> None:
    path = Path(os.environ.get("EARMARK_WEIGHTS_DIR") or "none") / "mn04_as_mAP_432.pt"
    if not path.is_file():
        pytest.skip(f"no {path.name} in EARMARK_WEIGHTS_DIR")
    real = {key: values.shape for key, values in read_state_dict(path).items() if "num_batches" not in key}
    assert {key: values.shape for key, values in efficientat_weights(rng, width=0.4).items()} == real
