"""Training subsets for learning curves: balanced, spread over groups, each inside the next larger one.

A subset of n clips is the beginning of one fixed sequence of slots. Where a label runs out, its slots stay empty: the
subset is smaller than asked and says so, and no other label grows in its place. For the detection of one label
(`detection_subsets`) a slot is a pair: a clip that has the label and one that does not.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from earmark.data.dataset import Dataset


@dataclass(frozen=True, eq=False)
class Subset:
    """Rows of a training subset, ascending, and the size that was asked for."""

    asked: int
    rows: NDArray[np.intp]

    @property
    def size(self) -> int:
        """Number of clips, less than `asked` where a label has too few."""
        return len(self.rows)


def nested_subsets(
    dataset: Dataset, train: NDArray[np.integer], sizes: Sequence[int], rng: np.random.Generator
) -> list[Subset]:
    """Return one subset for each size, in ascending order of sizes.

    Task "one": n // n_classes clips of each label, the remainder one each for some labels. Task "many": for each label
    in turn one clip that has it and one that does not (explicit negatives first).

    Args:
        dataset: The clips.
        train: Rows to draw from.
        sizes: Total numbers of clips; a larger subset holds every smaller one.
        rng: Draws the clips.

    Raises:
        DataError: A size is smaller than the number of labels (twice that for task "many"), or there is no row.
    """
    smallest = max(1, dataset.n_classes) * (1 if dataset.task == "one" else 2)
    for size in sizes:
        if size < smallest:
            raise DataError(
                f"dataset {dataset.name}: training size {size}, expected at least {smallest} so that each of "
                f"{dataset.n_classes} labels is heard; use larger sizes"
            )
    if len(train) == 0:
        raise DataError(f"dataset {dataset.name}: no training clips to draw subsets from")
    rows = sorted((int(row) for row in train), key=lambda row: dataset.clips[row].id)
    slots = _slots_one(dataset, rows, rng) if dataset.task == "one" else _slots_many(dataset, rows, rng)
    drawn = list(islice(slots, max(sizes, default=0)))
    return [
        Subset(size, np.array(sorted(row for row in drawn[:size] if row is not None), dtype=np.intp))
        for size in sorted(sizes)
    ]


def detection_subsets(
    dataset: Dataset, train: NDArray[np.integer], label: str, sizes: Sequence[int], rng: np.random.Generator
) -> list[Subset]:
    """Return one subset for each size, in ascending order of sizes: half of the clips have the label.

    Clips with the label are spread over groups; the others are taken from every other label in turn (clips without
    any label count as one more label), and within each from every group in turn. Where either side runs out the
    subset is smaller than asked, and still balanced.

    Args:
        dataset: The clips.
        train: Rows to draw from.
        label: What is to be detected.
        sizes: Total numbers of clips, even; a larger subset holds every smaller one.
        rng: Draws the clips.

    Raises:
        DataError: A size is odd or less than 2.
    """
    for size in sizes:
        if size < 2 or size % 2:
            raise DataError(
                f"dataset {dataset.name}: training size {size}, expected an even number from 2: one half has {label}"
            )
    rows = sorted((int(row) for row in train), key=lambda row: dataset.clips[row].id)
    if not rows:
        return [Subset(size, np.zeros(0, dtype=np.intp)) for size in sorted(sizes)]
    order = _group_order(dataset, rows, rng)
    positives = _spread([row for row in rows if label in dataset.clips[row].labels], dataset, order, rng)
    pairs = list(zip(positives, _others_in_turn(dataset, rows, label, order, rng), strict=False))
    return [
        Subset(size, np.array(sorted(row for pair in pairs[: size // 2] for row in pair), dtype=np.intp))
        for size in sorted(sizes)
    ]


def _others_in_turn(
    dataset: Dataset, rows: list[int], label: str, order: list[str], rng: np.random.Generator
) -> Iterator[int]:
    """Yield the rows without the label: one of each other label before any gives a second."""
    by_label: dict[tuple[str, ...], list[int]] = {}
    for row in rows:
        if label not in dataset.clips[row].labels:
            by_label.setdefault(tuple(sorted(dataset.clips[row].labels)), []).append(row)
    names = sorted(by_label)
    queues = [
        _spread(by_label[names[int(position)]], dataset, _turned(order, turn), rng)
        for turn, position in enumerate(rng.permutation(len(names)))
    ]
    while any(queues):
        yield from (queue.popleft() for queue in queues if queue)


def _spread(rows: list[int], dataset: Dataset, order: list[str], rng: np.random.Generator) -> deque[int]:
    """Return rows so that each group gives one before any gives a second; `order` says which group begins."""
    by_group: dict[str, list[int]] = {}
    for position in rng.permutation(len(rows)):
        row = rows[int(position)]
        by_group.setdefault(dataset.clips[row].group, []).append(row)
    queues = [by_group[group] for group in order if group in by_group]
    longest = max(map(len, queues), default=0)
    return deque(queue[turn] for turn in range(longest) for queue in queues if turn < len(queue))


def _group_order(dataset: Dataset, rows: list[int], rng: np.random.Generator) -> list[str]:
    groups = sorted({dataset.clips[row].group for row in rows})
    return [groups[int(position)] for position in rng.permutation(len(groups))]


def _turned(order: list[str], by: int) -> list[str]:
    """Return the order begun elsewhere, so that the first clips of different labels come from different groups."""
    start = by % len(order)
    return order[start:] + order[:start]


def _slots_one(dataset: Dataset, rows: list[int], rng: np.random.Generator) -> Iterator[int | None]:
    order = _group_order(dataset, rows, rng)
    queues = []
    for index, label in enumerate(int(i) for i in rng.permutation(dataset.n_classes)):
        having = [row for row in rows if dataset.targets[row, label]]
        queues.append(_spread(having, dataset, _turned(order, index), rng))
    while any(queues):
        for queue in queues:
            yield queue.popleft() if queue else None


def _slots_many(dataset: Dataset, rows: list[int], rng: np.random.Generator) -> Iterator[int | None]:
    order = _group_order(dataset, rows, rng)
    taken: set[int] = set()
    queues = []
    for index, label in enumerate(int(i) for i in rng.permutation(dataset.n_classes)):
        turned = _turned(order, index)

        def having(wanted: Callable[[int], bool], turned: list[str] = turned) -> deque[int]:
            return _spread([row for row in rows if wanted(row)], dataset, turned, rng)

        def other(row: int, label: int = label) -> bool:
            return bool(dataset.clips[row].labels) and not dataset.targets[row, label]

        positives = having(lambda row, label=label: bool(dataset.targets[row, label]))  # type: ignore[misc]
        negatives = having(lambda row: not dataset.clips[row].labels)
        negatives.extend(having(other))
        queues.append((positives, negatives))
    while any(positives or negatives for positives, negatives in queues):
        for positives, negatives in queues:
            positive = _next(positives, taken)
            negative = None if positive is None else _next(negatives, taken)
            if positive is None or negative is None:  # one side ran out: the other must not outgrow it
                taken.discard(-1 if positive is None else positive)
                positives.clear()
                negatives.clear()
                yield from (None, None)
            else:
                yield from (positive, negative)


def _next(queue: deque[int], taken: set[int]) -> int | None:
    while queue:
        row = queue.popleft()
        if row not in taken:
            taken.add(row)
            return row
    return None
