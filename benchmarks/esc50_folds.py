"""How well do a pretrained encoder and a logistic head tell the 50 classes of ESC-50? Official five folds.

    python -m benchmarks.esc50_folds                       every variant of mn04, and the choice among them
    python -m benchmarks.esc50_folds --recipe panns_cnn14  another encoder, with its own options

Each fold is tested once; clips of a recording that is tested are left out of training (`given:drop-shared`). A variant
picked because it did best on the test folds flatters itself, so the last line picks one for each fold by
cross-validation inside its training part. Needs esc50 in EARMARK_DATA_DIR and the weights.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.data import load_dataset
from earmark.data.split import Fold, make_folds
from earmark.features import default_store
from earmark.training import TrainingOptions, prepare, score_held_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.training import Material

FOLDS = "given:drop-shared"
GOAL = 0.94
STRENGTHS = (0.003, 0.03, 0.3)


@dataclass(frozen=True)
class Variant:
    """A way to use an encoder: options of its frontend and of the head."""

    name: str
    frontend: dict[str, Any] = field(default_factory=dict)
    head: dict[str, Any] = field(default_factory=dict)


def variants_of(recipe: str) -> list[Variant]:
    """Return what is compared: for mn04 layers, length of a window and strength of the penalty."""
    frontends: dict[str, dict[str, Any]] = {"": {}}
    if recipe.startswith("mn"):
        frontends = {
            "last layer": {"layers": "last"},
            "many layers": {"layers": "many"},
            "many layers, windows of 5 s": {"layers": "many", "window_s": 5.0, "hop_s": 2.5},
        }
    return [
        Variant(f"{name}, C={strength}".removeprefix(", "), options, {"C": strength})
        for name, options in frontends.items()
        for strength in STRENGTHS
    ]


def n_right(material: Material, folds: Sequence[Fold], options: TrainingOptions) -> dict[str, int]:
    """Return for each fold how many of its test clips get the right class from a model that saw none of them."""
    held_out = score_held_out(material, folds, options)
    truth = material.dataset.targets[held_out.clips].argmax(axis=1)
    right = held_out.scores.argmax(axis=1) == truth
    return {fold.name: int(right[held_out.folds == number].sum()) for number, fold in enumerate(folds)}


def inner_folds(fold: Fold, folds: Sequence[Fold], groups: NDArray[np.str_]) -> list[Fold]:
    """Return folds of the training part of a fold: each of the other official folds in turn."""
    inner = []
    for other in folds:
        test = np.intersect1d(other.test, fold.train)
        if other.name != fold.name:
            train = np.setdiff1d(fold.train, test)
            inner.append(Fold(f"{fold.name} without {other.name}", train[~np.isin(groups[train], groups[test])], test))
    return inner


def main(arguments: list[str] | None = None) -> int:
    """Print the accuracy of every variant and of the choice among them; return 1 if that misses the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="mn04", help="a recipe whose frontend is an encoder (default mn04)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args(arguments)
    dataset = load_dataset("esc50")
    folds = make_folds(dataset, FOLDS, np.random.default_rng(0))
    outer: dict[str, dict[str, int]] = {}
    inner: dict[str, dict[str, int]] = {}
    for variant in variants_of(chosen.recipe):
        options = TrainingOptions(recipe=chosen.recipe, frontend=variant.frontend, classifier=variant.head)
        material = prepare(dataset, options, store=default_store())
        outer[variant.name] = n_right(material, folds, options)
        inner[variant.name] = {
            fold.name: sum(n_right(material, inner_folds(fold, folds, dataset.groups), options).values())
            for fold in folds
        }
        if not chosen.json:
            accuracy = sum(outer[variant.name].values()) / len(dataset.clips)
            print(f"{variant.name:<40} {material.frontend.spec.shape[0]:5}-d  {accuracy:.4f}", flush=True)
    best = {fold.name: max(inner, key=lambda name: inner[name][fold.name]) for fold in folds}
    accuracy = sum(outer[name][fold] for fold, name in best.items()) / len(dataset.clips)
    if chosen.json:
        print(json.dumps({"n_clips": len(dataset.clips), "right": outer, "chosen": best, "accuracy": accuracy}))
    else:
        print(f"{'chosen inside each fold':<47}  {accuracy:.4f}  {'ok' if accuracy >= GOAL else f'below {GOAL}'}")
        print("; ".join(f"{fold}: {name}" for fold, name in best.items()))
    return 0 if accuracy >= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
