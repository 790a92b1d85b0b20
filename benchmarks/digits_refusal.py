"""Which way to tell what is no digit works best: on speakers left out, and on voices, words and sounds left out.

    python -m benchmarks.digits_refusal

For each speaker of fsdd the recipe of the shipped bundle is fitted without that speaker. Each way scores that speaker's
digits and other sounds; the threshold keeps 98 % of all speakers' digits. Other sounds are learned from (by "none of
them" alone) and tested on as in `live_digits`: synthetic voices are halved, words differ, esc50 is split by its folds.

    entropy   of the calibrated probabilities            energy   log of the summed exponentials of the scores
    distance  Mahalanobis, to the nearest class mean of 128 principal components (Lee et al., 2018, arXiv:1807.03888)
    none      margin over one more class, "none of them": what earmark does (`earmark.models.rejection`)

Needs fsdd and esc50 in EARMARK_DATA_DIR and the extra "demo"; some minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.digits_stream import N_WORDS, RATE_HZ, WORDS
from benchmarks.live_digits import LEARNT_FOLDS, learnt_sounds
from earmark.audio import cut_windows, resample
from earmark.core.randomness import named_generator
from earmark.data import leave_one_group_out, load_dataset
from earmark.data.digit_voices import RATE_HZ as SPEECH_HZ
from earmark.data.digit_voices import any_manner, synthesize, voices
from earmark.features import default_store, extract_features
from earmark.features.measure import window_levels_db
from earmark.models import build_classifier, find_recipe, load_bundle
from earmark.models.rejection import known_margins
from earmark.training import TrainingOptions, fit_clips, prepare, prepare_others

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from earmark.features.base import Frontend
    from earmark.models.base import Classifier

    Rows = NDArray[np.float32]
    Way = Callable[[Rows], NDArray[np.floating]]

KEPT = 0.98
N_COMPONENTS = 128


def main() -> None:
    """Print the share of each kind of other sound that each way lets through."""
    options = TrainingOptions.model_validate(load_bundle("digits").spec.provenance["options"])
    dataset, store = load_dataset("fsdd"), default_store()
    material = prepare(dataset, options, store=store)
    others = prepare_others(material, options, list(learnt_sounds()), store=store)
    esc50 = load_dataset("esc50").where(lambda clip: clip.fold not in LEARNT_FOLDS)
    noises = np.asarray(extract_features(esc50, material.frontend, store=store, workers=options.workers).features)
    words = word_features(material.frontend)
    found: dict[str, list[tuple[NDArray[np.floating], ...]]] = {}
    for fold in leave_one_group_out(dataset):
        plain = fit_clips(material, fold.train, options, np.random.default_rng(0))
        features, targets = material.examples(fold.train)
        more = build_classifier(find_recipe(options.recipe), "one", options.classifier)
        with_none = np.concatenate([targets, np.zeros((len(targets), 1), dtype=np.float32)], axis=1)
        more.fit(
            np.concatenate([features, others.features]),
            np.concatenate([with_none, others.targets]),
            np.random.default_rng(0),
        )
        spoken = np.asarray(material.table.features[material.table.rows_of(fold.test)])
        for name, way in ways(plain, more, (features, targets)).items():
            found.setdefault(name, []).append((way(spoken), way(words), way(noises)))
        print(f"without {fold.name}", flush=True)
    for name, parts in found.items():
        digits, let_words, let_noises = (np.concatenate(part) for part in zip(*parts, strict=True))
        limit = np.quantile(digits, 1 - KEPT)
        print(f"{name:9s} other words {(let_words >= limit).mean():6.1%}   esc50 {(let_noises >= limit).mean():6.1%}")


def ways(plain: Classifier, more: Classifier, learnt: tuple[Rows, Rows]) -> dict[str, Way]:
    """Return the ways by name, each higher for what is likelier a digit."""
    return {
        "entropy": lambda rows: -entropy(plain.scores(rows)),
        "energy": lambda rows: np.logaddexp.reduce(plain.scores(rows).astype(np.float64), axis=1),
        "distance": distance(*learnt),
        "none": lambda rows: known_margins(more.scores(rows), more.score_kind),
    }


def entropy(scores: Rows) -> NDArray[np.floating]:
    """Return the entropy of the softmax of scores (n_rows, n_classes): (n_rows,)."""
    shifted = scores - np.logaddexp.reduce(scores.astype(np.float64), axis=1)[:, np.newaxis]
    return np.asarray(-(np.exp(shifted) * shifted).sum(axis=1))


def distance(features: Rows, targets: Rows) -> Way:
    """Return the way that takes the distance to the nearest class."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    project = make_pipeline(StandardScaler(), PCA(N_COMPONENTS, random_state=0))
    points, classes = project.fit_transform(features.reshape(len(features), -1)), targets.argmax(axis=1)
    means = np.stack([points[classes == number].mean(axis=0) for number in range(targets.shape[1])])
    inverse = np.linalg.inv(np.cov((points - means[classes]).T) + 1e-3 * np.eye(N_COMPONENTS))

    def way(rows: Rows) -> NDArray[np.floating]:
        gaps = project.transform(rows.reshape(len(rows), -1))[:, np.newaxis] - means
        return np.asarray(-np.einsum("nci,ij,ncj->nc", gaps, inverse, gaps).min(axis=1))

    return way


def word_features(frontend: Frontend) -> Rows:
    """Return the features of words that are no digits, by voices that were not learned from."""
    rng, chosen = named_generator(0, "refused words"), voices()[1::2]
    windows = []
    for number in range(N_WORDS):
        speed_wpm, pitch = any_manner(rng)
        voice = chosen[int(rng.integers(len(chosen)))]
        said = synthesize(voice, WORDS[number % len(WORDS)], speed_wpm=speed_wpm, pitch=pitch)
        cut = cut_windows(resample(said, SPEECH_HZ, RATE_HZ), frontend.spec.window_samples, frontend.spec.hop_samples)
        windows.append(cut[int(window_levels_db(cut).argmax())])
    return frontend(np.stack(windows))


if __name__ == "__main__":
    main()
