"""How much that is no digit the shipped `digits` bundle accepts, on sounds that its thresholds were not chosen on.

It learned to refuse from the folds 1 to 3 of `esc50`; here are folds 4 and 5, and `oneshots`.

    python -m benchmarks.digits_rejection

Needs esc50 and oneshots in EARMARK_DATA_DIR.
"""

from __future__ import annotations

from earmark.data import load_dataset
from earmark.inference import Predictor, classify_file

LEARNT_FOLDS = {"fold1", "fold2", "fold3"}
EVERY = 3


def main() -> None:
    """Print the share of accepted clips of each corpus."""
    predictor = Predictor.load("digits")
    esc50 = load_dataset("esc50").where(lambda clip: clip.fold not in LEARNT_FOLDS)
    sounds = {"esc50": esc50, "oneshots": load_dataset("oneshots")}
    for name, dataset in sounds.items():
        results = [classify_file(predictor, clip.path) for clip in dataset.clips[::EVERY]]
        answers = [result.prediction for result in results if result.prediction is not None]
        n_accepted = sum(answer.accepted for answer in answers)
        print(f"{name}: {n_accepted} of {len(answers)} clips accepted ({n_accepted / len(answers):.1%})")


if __name__ == "__main__":
    main()
