"""Where in a block a fault is: five probabilities for each second, from the time line beside the block's answer.

A second is judged by its own measures, by the mean second of its block and by what was found in the whole block. It is
learned from clips whose fault begins and ends somewhere, beside those that have it throughout.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import ModelError
from earmark.core.randomness import child_seed, named_generator
from earmark.distortion.designs.trees import Ensemble, fill_untold, trees_node
from earmark.distortion.effects import EFFECTS
from earmark.distortion.frontend import native_spec, window_of
from earmark.distortion.measures.block import BLOCK_S, cut_blocks
from earmark.distortion.measures.measure import Gathered, gather
from earmark.distortion.measures.table import LINE_NAMES, VERSION
from earmark.distortion.severity import KINDS
from earmark.features.base import NativeFrontend, NativeWindow
from earmark.models.base import FitContext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from earmark.audio.waveform import Waveform
    from earmark.distortion.corpus.manifest import CorpusRow
    from earmark.distortion.designs.base import Design
    from earmark.distortion.designs.graph import Constant
    from earmark.distortion.material import CorpusMaterial

N_LINE = len(LINE_NAMES)
MOST_SECONDS = BLOCK_S + 1  # a rest of less than one second belongs to the block before it
N_FOLDS = 3
INSIDE, OUTSIDE = 0.8, 0.1  # shares of a second that make it one with the fault, or one without


class LineFrontend(NativeFrontend):
    """The time line of each block: float32 (11, 25), for each second 12 values, 12 masks and whether it is there."""

    def __init__(self) -> None:
        self.spec = native_spec("measures_line", (MOST_SECONDS, 2 * N_LINE + 1), {}, version=VERSION)

    def measure(self, waveforms: Iterable[Waveform]) -> Iterator[NativeWindow]:
        """Yield the time line of each block.

        Raises:
            AudioError: As the frontend `measures`.
        """
        for block in cut_blocks(waveforms):
            alone = Gathered()
            alone.add(block, gather(block))
            found = alone.summarised()
            table = np.zeros(self.spec.shape, dtype=np.float32)
            n_seconds = len(found.line)
            table[:n_seconds, :N_LINE] = found.line
            table[:n_seconds, N_LINE:-1] = found.line_assessable
            table[:n_seconds, -1] = 1
            yield window_of(block, table)


def second_features(
    line: NDArray[np.float32], assessable: NDArray[np.bool_], probabilities: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return what each second of a block is judged by, float32 (n_seconds, 4 * n_line + 5).

    Args:
        line: float32 (n_seconds, n_line), 0 where it cannot be told.
        assessable: bool (n_seconds, n_line).
        probabilities: float32 (5,), those of the block.
    """
    counts = assessable.sum(axis=0)
    mean = (line * assessable).sum(axis=0) / np.maximum(counts, 1)
    block = np.concatenate([mean, counts > 0, probabilities])
    own = np.concatenate([line * assessable, assessable], axis=1)
    return np.concatenate([own, np.tile(block, (len(line), 1))], axis=1).astype(np.float32)


def second_targets(row: CorpusRow, presence: NDArray[np.float32], n_seconds: int) -> NDArray[np.float32]:
    """Return which faults are in each second of a clip, float32 (n_seconds, 5), NaN where that is not clear."""
    targets = np.tile(presence, (n_seconds, 1))
    if row.span is None:
        return targets
    starts = np.arange(n_seconds)
    ends = np.append(starts[1:], row.duration_s)
    shares = np.clip(np.minimum(ends, row.span[1]) - np.maximum(starts, row.span[0]), 0, None) / (ends - starts)
    unclear = (shares > OUTSIDE) & (shares < INSIDE)
    put_in = {EFFECTS[effect].kind for effect in row.effects}  # the codec of a lossy track is everywhere
    for column, kind in enumerate(KINDS):
        if presence[column] == 1 and kind in put_in:
            targets[:, column] = np.where(unclear, np.nan, shares >= INSIDE)
    return targets


@dataclass
class SecondsModel:
    """One ensemble of trees for each type. Its constructor only stores.

    Attributes:
        n_trees: Trees of each.
        n_leaves: Most leaves of a tree.
    """

    n_trees: int = 120
    n_leaves: int = 12
    _models: list[Any] = field(default_factory=list, init=False, repr=False)

    def fit(self, features: NDArray[np.float32], targets: NDArray[np.float32], rng: np.random.Generator) -> None:
        """Learn from seconds: `second_features` and `second_targets`, NaN left out.

        Raises:
            ModelError: A type is in no second, or in all.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier

        seed = int(rng.integers(2**31))
        told = _with_gaps(features)
        self._models = []
        for column, kind in enumerate(KINDS):
            known = np.isfinite(targets[:, column])
            there = targets[known, column] == 1
            if there.all() or not there.any():
                raise ModelError(f"seconds: found {there.sum()} of {there.size} with {kind}, expected some, not all")
            model = HistGradientBoostingClassifier(
                max_iter=self.n_trees,
                max_leaf_nodes=self.n_leaves,
                min_samples_leaf=40,
                learning_rate=0.08,
                early_stopping=False,
                random_state=child_seed(seed, kind),
            )
            self._models.append(model.fit(fill_untold(told[known]), there))

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n_seconds, 5). Raises ModelError if it was not fitted."""
        if not self._models:
            raise ModelError("seconds: was not fitted, expected fit first")
        told = _with_gaps(features)
        return np.stack([model.predict_proba(told)[:, 1] for model in self._models], axis=1).astype(np.float32)

    def to_onnx(self) -> bytes:
        """Return the graph from `features` (n_seconds, 4 * n_line + 5) to `scores` (n_seconds, 5), probabilities.

        Raises:
            ModelError: It was not fitted.
        """
        if not self._models:
            raise ModelError("seconds: was not fitted, expected fit first")
        from onnx import helper

        from earmark.distortion.designs.graph import small_graph

        names = ["own", "own_mask", "block", "block_mask", "found"]
        nodes = [
            helper.make_node("Split", ["features", "sizes"], names, axis=1, name="split"),
            *_gap_nodes("own", "own_mask", "own_told"),
            *_gap_nodes("block", "block_mask", "block_told"),
            helper.make_node("Concat", ["own_told", "block_told", "found"], ["told"], axis=1, name="told"),
            trees_node([Ensemble.of_all(model) for model in self._models], "told", "margins"),
            helper.make_node("Sigmoid", ["margins"], ["scores"], name="scores"),
        ]
        constants: dict[str, Constant] = {
            "half": 0.5,
            "gap": np.nan,
            "sizes": np.array([N_LINE] * 4 + [len(KINDS)], dtype=np.int64),
        }
        return small_graph("seconds", nodes, constants, (4 * N_LINE + len(KINDS), len(KINDS)), ("scores",))


def _gap_nodes(values: str, mask: str, target: str) -> list[Any]:
    from onnx import helper

    return [
        helper.make_node("Greater", [mask, "half"], [f"{mask}_set"], name=f"{mask}_set"),
        helper.make_node("Where", [f"{mask}_set", values, "gap"], [target], name=target),
    ]


def _with_gaps(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values of features with NaN where their mask is 0, (n_seconds, 2 * n_line + 5)."""
    own, own_mask, block, block_mask, found = np.split(features, [N_LINE, 2 * N_LINE, 3 * N_LINE, 4 * N_LINE], axis=1)
    gap = np.float32(np.nan)
    told = [np.where(own_mask > 0.5, own, gap), np.where(block_mask > 0.5, block, gap), found]
    return np.concatenate(told, axis=1).astype(np.float32)


def fit_seconds(
    new_design: Callable[[], Design], material: CorpusMaterial, lines: CorpusMaterial, *, seed: int = 0
) -> SecondsModel:
    """Fit what tells the seconds on the answers that a design gives for clips of pieces it never saw.

    Args:
        new_design: Makes an untrained design.
        material: Clips with the design's features.
        lines: The same clips with their time lines.
        seed: Of everything random.

    Raises:
        ModelError: The design or the seconds cannot be learned.
    """
    from earmark.distortion.training import calibrate_design

    pieces, fold_of = np.unique(material.groups, return_inverse=True)
    fold_of = named_generator(seed, "seconds").permutation(len(pieces))[fold_of] % N_FOLDS
    rows, targets = [], []
    for fold in range(N_FOLDS):
        learnt, held = material.where(fold_of != fold), np.flatnonzero(fold_of == fold)
        design, rng = new_design(), named_generator(seed, "seconds", fold)
        design.fit(learnt.features, learnt.presence, learnt.severity, learnt.groups, rng, FitContext())
        answered = material.where(fold_of == fold)
        probabilities = calibrate_design(design, answered).answer(answered).probabilities
        for clip, found in zip(held, probabilities, strict=True):
            table = lines.features[clip]
            there = table[:, -1] > 0
            line, known = table[there, :N_LINE], table[there, N_LINE:-1] > 0
            rows.append(second_features(line, known, found))
            targets.append(second_targets(lines.rows[clip], lines.presence[clip], int(there.sum())))
    model = SecondsModel()
    model.fit(np.concatenate(rows), np.concatenate(targets), named_generator(seed, "seconds", "model"))
    return model
