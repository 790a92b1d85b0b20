"""How much that is no digit the shipped `digits` bundle accepts.

    python -m benchmarks.digits_rejection

Needs esc50 and wildlife in EARMARK_DATA_DIR.
"""

from __future__ import annotations

from earmark.data import load_dataset
from earmark.inference import Predictor, classify_file

EVERY = {"esc50": 6, "wildlife": 1}


def main() -> None:
    """Print the share of accepted clips of each corpus."""
    predictor = Predictor.load("digits")
    for name, every in EVERY.items():
        results = [classify_file(predictor, clip.path) for clip in load_dataset(name).clips[::every]]
        answers = [result.prediction for result in results if result.prediction is not None]
        n_accepted = sum(answer.accepted for answer in answers)
        print(f"{name}: {n_accepted} of {len(answers)} clips accepted ({n_accepted / len(answers):.1%})")


if __name__ == "__main__":
    main()
