"""Teach the shipped bundle `digits` to refuse what is no digit: the second step of `scripts/train_digits.sh`.

What `earmark train --reject-others` does, with sounds that no flag names: the synthetic words of `words-espeak` and the
folds 1 to 3 of `esc50`; folds 4 and 5 stay unheard, for tests. Needs esc50 (and fsdd) in EARMARK_DATA_DIR or the
network, and the extra "demo".

    python -m scripts.teach_digits src/earmark/bundles/digits
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from earmark.data import load_dataset
from earmark.features import default_store
from earmark.models import load_bundle
from earmark.training import TrainingOptions, prepare, prepare_others, teach_rejection

LEARNT_FOLDS = ("fold1", "fold2", "fold3")
GOAL = 0.985


def main(folder: Path) -> None:
    """Write the bundle anew with its refusal."""
    bundle = load_bundle(folder)
    options = TrainingOptions.model_validate(bundle.spec.provenance["options"])
    store = default_store()
    material = prepare(load_dataset("fsdd"), options, store=store)
    esc50 = load_dataset("esc50").where(lambda clip: clip.fold in LEARNT_FOLDS)
    sounds = [load_dataset("words-espeak"), dataclasses.replace(esc50, name=f"esc50 {', '.join(LEARNT_FOLDS)}")]
    others = prepare_others(material, options, sounds, store=store)
    part = teach_rejection(bundle, material, others, goal=GOAL).spec.rejection
    measured = part.metrics if part else {}
    print(
        f"{folder}: keeps {measured['kept']:.1%} of digits, lets {measured['let_through']:.1%} of other sounds through"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
