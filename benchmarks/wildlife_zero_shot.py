"""Do encoders hear bullfrog and coyote without training? One line for each recording of the folder wildlife.

    python -m benchmarks.wildlife_zero_shot

Prints, for BirdNET (and YAMNet and mn04, which know "Frog" and "Canidae" only), the highest score that the class of the
target has in any window of the recordings with the target, and how many of the other recordings score as high.
"""

from __future__ import annotations

import numpy as np

from earmark.cli.console import show_table
from earmark.data import load_dataset
from earmark.features import default_store, extract_features
from earmark.models.table import build_frontend
from earmark.models.zero_shot import match_classes

TARGETS = ("bullfrog", "coyote")
ENCODERS = ("birdnet", "yamnet", "mn04")


def main() -> None:
    """Print a table with a row for each encoder and recording of a target."""
    dataset = load_dataset("wildlife")
    rows = []
    for name in ENCODERS:
        frontend = build_frontend(name, {"output": "scores"})
        table = extract_features(dataset, frontend, store=default_store())
        for target in TARGETS:
            classes: tuple[str, ...] = getattr(frontend, "class_names", ())
            (columns,) = match_classes([target], classes)
            by_window = np.asarray(table.features[:, list(columns)]).max(axis=1)
            by_clip = np.array([by_window[table.clip_rows == clip].max() for clip in range(len(dataset.clips))])
            has = np.array([target in clip.labels for clip in dataset.clips])
            for clip in np.flatnonzero(has):
                n_above = int((by_clip[~has] >= by_clip[clip]).sum())
                recording = dataset.clips[clip].path.name
                shown = ", ".join(classes[column] for column in columns)
                rows.append((name, target, recording, shown, f"{by_clip[clip]:.3f}", f"{n_above} of {(~has).sum()}"))
    show_table(("encoder", "target", "recording", "its classes", "highest score", "other recordings as high"), rows)


if __name__ == "__main__":
    main()
