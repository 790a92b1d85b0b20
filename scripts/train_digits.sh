#!/bin/sh
# Train the bundle `digits` that ships with earmark, from the Free Spoken Digit Dataset; see docs/digits.md.
# Then teach it to refuse what is no digit.
set -eu
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
.venv/bin/earmark train fsdd \
  --model speech_embedding --set classifier.C=0.001 --aggregate loudest \
  --augment speech --copies 6 \
  --threshold-rule recall --threshold-goal 0.995 \
  --mode cv --folds leave-one-group-out --seed 0 \
  --name digits --out src/earmark/bundles \
  --summary "Spoken English digits 0-9 of speakers never heard (model card: docs/digits.md)"
.venv/bin/python -m scripts.teach_digits src/earmark/bundles/digits
