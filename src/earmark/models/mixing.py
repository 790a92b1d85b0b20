"""Changes to batches of training examples: SpecAugment, shifts in time, mixup, smoothed labels.

They run on features as the frontend gives them; chance comes from one generator per epoch, so that a resumed run
draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.audio.augment import Masks, mask_spectrogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.data.dataset import Task
    from earmark.models.fit_options import FitOptions

    Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


def change_batch(
    features: NDArray[np.float32], targets: NDArray[np.float32], options: FitOptions, rng: np.random.Generator
) -> Batch:
    """Return a batch shifted, masked and mixed as the options say.

    Args:
        features: float32 (n_rows, *shape); shifts and masks need the two axes (n_frames, n_columns).
        targets: float32 (n_rows, n_classes).
        options: What to change and how far.
        rng: What is changed how.

    Returns:
        Features and targets of the same shapes; mixed targets lie between 0 and 1.
    """
    if features.ndim == 3:
        features = shift_frames(features, options.shift, rng)
        features = _masked(features, options, rng)
    return mix_rows(features, targets, options.mixup, rng)


def shift_frames(features: NDArray[np.float32], share: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return windows float32 (n_rows, n_frames, n_columns) moved in time by up to a share; what leaves comes back."""
    furthest = int(share * features.shape[1])
    if not furthest:
        return features
    shifts = rng.integers(-furthest, furthest, len(features), endpoint=True)
    return np.stack([np.roll(window, shift, axis=0) for window, shift in zip(features, shifts, strict=True)])


def _masked(features: NDArray[np.float32], options: FitOptions, rng: np.random.Generator) -> NDArray[np.float32]:
    n_frames, n_columns = features.shape[1:]
    masks = Masks(
        n_mel_masks=options.mel_masks,
        max_mels=int(options.mask_share * n_columns),
        n_time_masks=options.time_masks,
        max_frames=int(options.mask_share * n_frames),
        max_time_share=options.mask_share,
    )
    wide_enough = (masks.max_mels and masks.n_mel_masks) or (masks.max_frames and masks.n_time_masks)
    return mask_spectrogram(features, rng, masks=masks) if wide_enough else features


def mix_rows(
    features: NDArray[np.float32], targets: NDArray[np.float32], alpha: float, rng: np.random.Generator
) -> Batch:
    """Return each row mixed with another one, by one weight for the batch.

    Source: H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, arXiv:1710.09412.
    """
    if not alpha:
        return features, targets
    weight = np.float32(rng.beta(alpha, alpha))
    others = rng.permutation(len(features))
    mixed = weight * features + (1 - weight) * features[others]
    return mixed, weight * targets + (1 - weight) * targets[others]


def smooth_targets(targets: NDArray[np.float32], share: float, task: Task) -> NDArray[np.float32]:
    """Return targets with a share spread over the classes (task "one") or over yes and no ("many").

    Source: C. Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016, section 7.
    """
    even = np.float32(1 / targets.shape[1] if task == "one" else 0.5)
    smooth: NDArray[np.float32] = (1 - np.float32(share)) * targets + np.float32(share) * even
    return smooth


def class_weights(targets: NDArray[np.float32], task: Task) -> NDArray[np.float32]:
    """Return the weights that make classes count alike, float32 (n_classes,).

    Task "one": of each example, by its class; the mean over examples is 1. Task "many": of the positives of each
    class against its negatives, at most 100.
    """
    positives = targets.sum(axis=0, dtype=np.float64)
    if task == "one":
        weights = len(targets) / (targets.shape[1] * positives)
    else:
        weights = np.clip((len(targets) - positives) / positives, 0.01, 100)
    return np.asarray(weights, dtype=np.float32)
