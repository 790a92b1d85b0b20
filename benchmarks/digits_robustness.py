"""Accuracy on spoken digits of speakers never trained on, under each condition.

    python -m benchmarks.digits_robustness                      the recipe of the shipped bundle on FSDD
    python -m benchmarks.digits_robustness --every 5            a fifth of the test clips: five times as quick

Needs fsdd and esc50 in EARMARK_DATA_DIR.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.digits_conditions import CONDITIONS, Degraded
from earmark.data import leave_one_group_out, load_dataset
from earmark.evaluation import fold_interval
from earmark.evaluation.report import format_interval
from earmark.features import default_store, extract_features
from earmark.models import load_bundle
from earmark.training import Material, TrainingOptions, fit_clips, prepare


def main() -> None:
    """Print one row per condition."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="test on every n-th clip")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--copies", type=int, help="other than in the shipped bundle")
    parser.add_argument("--only", default="", help="conditions whose name holds this text")
    arguments = parser.parse_args()
    conditions = [name for name in CONDITIONS if arguments.only in name]
    unseen_speakers(conditions, arguments.every, arguments.workers, arguments.copies)


def unseen_speakers(conditions: list[str], every: int, workers: int, copies: int | None) -> None:
    """Leave one FSDD speaker out, train as the shipped bundle was trained, test under each condition."""
    stored = load_bundle("digits").spec.provenance["options"]
    options = TrainingOptions.model_validate(stored | {"workers": workers})
    if copies is not None:
        options = options.model_copy(update={"copies": copies, "augmentation": "speech" if copies else "none"})
    dataset = load_dataset("fsdd")
    material = prepare(dataset, options, store=default_store())
    folds = leave_one_group_out(dataset)
    fitted = [fit_clips(material, fold.train, options, np.random.default_rng(0)) for fold in folds]
    tested = dataset.take(np.arange(0, len(dataset.clips), every))
    print(f"{len(tested.clips)} clips of {len(folds)} speakers, each left out in turn; {options.copies} copies")
    for name in conditions:
        table = extract_features(tested, material.frontend, workers=workers, transform=Degraded(name))
        rates = []
        for fold, classifier in zip(folds, fitted, strict=True):
            clips = np.flatnonzero(tested.groups == fold.name)
            degraded = Material(tested, len(tested.clips), material.frontend, table)
            answers = degraded.clip_scores(classifier, clips, options.aggregate).argmax(axis=1)
            rates.append(float((answers == tested.targets[clips].argmax(axis=1)).mean()))
        interval = fold_interval(rates, n_clips=len(tested.clips))
        print(f"{name:42s} {format_interval(interval.estimate, interval.low, interval.high)}", flush=True)


if __name__ == "__main__":
    main()
