"""How the two channels of a stereo file belong together; not assessable with one channel or more than two.

Correlation, balance, width and what a mono speaker would lose. The delay is that of the generalised cross-correlation
with phase transform (Knapp and Carter, IEEE Trans. ASSP 24, 1976) within +-30 ms. Channels exchanged, nothing changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.distortion.measures.scale import ratio_db

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.distortion.measures.block import Block, Part
    from earmark.distortion.measures.spectra import Spectra

BANDS = ("low", "middle", "upper", "high")  # below 250 Hz, to 2 kHz, to 8 kHz, above
LONGEST_DELAY_S = 0.030
SECTION_SAMPLES = 1 << 15
# A channel pair needs some sound: -84 dBFS mean power.
LEAST_POWER = 4e-9
FOLD_LIMIT_DB = 60.0
# Bin by bin, over the whole file: what one channel has to do with the other whatever its phase.
BIN_EDGES_HZ = (100.0, 250.0, 2000.0, 8000.0, 16000.0)
N_NARROW = 23  # bands between those edges, a third of an octave each
FEWEST_FRAMES = 16  # fewer agree by chance


def gather(block: Block, spectra: Spectra) -> Part:
    """Return what a block adds; nothing where there is no pair of channels."""
    if spectra.pair is None:
        return {}
    left, right, real, _ = np.moveaxis(spectra.pair, 2, 0)
    weights = np.sqrt(left * right)
    return {
        "products": block.products,
        "samples": np.array([float(second.stop - second.start) for second in block.seconds]),
        "total_bands": spectra.pair.sum(axis=0, dtype=np.float64),
        "total_negative": np.array([float(weights[real < 0].sum()), float(weights.sum())]),
        "total_bins": np.zeros((0, 4)) if spectra.bins is None else spectra.bins,
        "total_frames": np.array([len(spectra.power) / 2]),
        "bin_hz": np.array([spectra.bin_hz]),
        "total_phat": _phase_correlation(block),
        "rate": np.array([float(block.rate_hz)]),
    }


def summarise(part: Part) -> dict[str, float]:
    """Return the measures of the whole file; nothing without two channels or if both are silent."""
    if "products" not in part:
        return {}
    products = part["products"].sum(axis=0)
    left, right, cross = (float(value) for value in products)
    if (left + right) / 2 / part["samples"].sum() < LEAST_POWER:
        return {}
    mid, side = (float(power) for power in _mid_side(products))
    found = {
        "mid_side_db": ratio_db(mid, side, FOLD_LIMIT_DB),
        "imbalance_db": abs(ratio_db(left, right, FOLD_LIMIT_DB)),
        "fold_down_loss_db": ratio_db((left + right) / 2, mid, FOLD_LIMIT_DB),
    }
    if min(left, right) <= 1e-9 * max(left, right):  # a lost channel correlates with nothing
        return found
    lines = correlations(part["products"], part["samples"])
    lines = lines[np.isfinite(lines)]
    bands = part["total_bands"]
    both = np.sqrt(bands[:, 0] * bands[:, 1])
    found |= {
        "correlation": float(np.clip(cross / np.sqrt(left * right), -1, 1)),
        "correlation_least": float(np.percentile(lines, 5)) if lines.size else 0.0,
        "quadrature": float(np.abs(bands[:, 3]).sum() / max(both.sum(), 1e-20)),
        "negative_share": float(part["total_negative"][0] / max(part["total_negative"][1], 1e-20)),
    }
    for index, name in enumerate(BANDS):
        if both[index] > 1e-12:
            found[f"correlation_{name}"] = float(np.clip(bands[index, 2] / both[index], -1, 1))
    if both[-1] > 1e-12:
        high_mid, high_side = (float(power) for power in _mid_side(bands[-1]))
        found["mid_side_high_db"] = ratio_db(high_mid, high_side, FOLD_LIMIT_DB)
    return found | _delay(part) | _coherence(part)


def _coherence(part: Part) -> dict[str, float]:
    """Return how alike the channels are bin by bin, and how their phases lie from bin to bin."""
    if part["total_frames"][0] < FEWEST_FRAMES:
        return {}
    first, second, real, imaginary = part["total_bins"].T
    both = np.sqrt(first * second) + 1e-12
    alike = (real + 1j * imaginary) / both
    places = np.rint(np.array(BIN_EDGES_HZ) / part["bin_hz"][0]).astype(np.int64)
    found: dict[str, float] = {}
    for name, begin, end in zip(BANDS, places[:-1], np.minimum(places[1:], alike.size), strict=True):
        some = alike[begin:end]
        if some.size < 4:
            continue
        strength = float(np.abs(some).mean())
        turns = some[1:] * np.conj(some[:-1])
        found[f"coherence_{name}"] = strength
        found[f"phase_spread_{name}"] = max(0.0, strength - abs(float(some.real.mean())))
        found[f"phase_steps_{name}"] = float(turns.real.sum() / (np.abs(turns).sum() + 1e-12))
    edges_hz = np.geomspace(BIN_EDGES_HZ[0], BIN_EDGES_HZ[-1], N_NARROW + 1)
    edges = np.unique(np.rint(edges_hz / part["bin_hz"][0]).astype(np.int64))
    edges = edges[edges < alike.size]
    if edges.size > 4:
        narrow = (np.add.reduceat(real, edges) / np.add.reduceat(both, edges))[:-1]
        found["correlation_narrow_least"] = float(narrow.min())
        found["correlation_narrow_change"] = float(np.abs(np.diff(narrow)).mean())
    return found


def line(part: Part) -> dict[str, NDArray[np.float64]]:
    """Return the measures of each second; NaN, which the caller turns into a mask, where both channels are silent."""
    if "products" not in part:
        return {}
    left, right, _ = part["products"].T
    mid, _ = _mid_side(part["products"])
    loss = 10 * np.log10(np.maximum((left + right) / 2, 1e-20) / np.maximum(mid, 1e-20))
    balance = 10 * np.log10(np.maximum(left, 1e-20) / np.maximum(right, 1e-20))
    silent = (left + right) / 2 / np.maximum(part["samples"], 1) < LEAST_POWER
    found = {
        "correlation": correlations(part["products"], part["samples"]),
        "imbalance_db": np.minimum(np.abs(balance), FOLD_LIMIT_DB),
        "fold_down_loss_db": np.clip(loss, -FOLD_LIMIT_DB, FOLD_LIMIT_DB),
    }
    return {name: np.where(silent, np.nan, values) for name, values in found.items()}


def correlations(products: NDArray[np.float64], samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation of each second; NaN where a channel is silent."""
    left, right, cross = products.T
    heard = np.minimum(left, right) / np.maximum(samples, 1) >= LEAST_POWER
    both = np.sqrt(left * right)
    return np.where(heard, np.clip(cross / np.where(heard, both, 1), -1, 1), np.nan)


def _mid_side(products: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the powers of (l + r) / 2 and (l - r) / 2 from the sums of l l, r r and l r in the last axis."""
    both, cross = products[..., 0] + products[..., 1], 2 * products[..., 2]
    return np.maximum(0, (both + cross) / 4), np.maximum(0, (both - cross) / 4)


def _phase_correlation(block: Block) -> NDArray[np.float64]:
    """Return the phase-transformed cross-correlation at lags of +-30 ms, from the middle of the block."""
    import scipy.fft

    n_lags = max(1, round(LONGEST_DELAY_S * block.rate_hz))
    n_samples = block.samples.shape[1]
    begin = max(0, (n_samples - SECTION_SAMPLES) // 2)
    section = block.samples[:, begin : begin + SECTION_SAMPLES]
    n_fast = scipy.fft.next_fast_len(max(2, section.shape[1] + n_lags), real=True)
    left, right = scipy.fft.rfft(section, n_fast, axis=1)
    cross = left * np.conj(right)
    strengths = np.abs(cross)
    cross /= strengths + np.float32(1e-6) * max(float(strengths.max()), 1e-20)
    lags = scipy.fft.irfft(cross, n_fast)
    if n_fast < 2 * n_lags + 1:
        return np.zeros(2 * n_lags + 1)
    return np.concatenate([lags[-n_lags:], lags[: n_lags + 1]]).astype(np.float64)


def _delay(part: Part) -> dict[str, float]:
    curve = part["total_phat"]
    n_lags = curve.size // 2
    place = int(np.abs(curve).argmax())
    n_blocks = part["rate"].size
    return {
        "delay_ms": 1000 * abs(place - n_lags) / float(part["rate"][0]),
        "delay_strength": min(1.0, float(abs(curve[place])) / n_blocks),
        "delay_polarity": float(np.sign(curve[place])),
    }
