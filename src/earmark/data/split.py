"""Splits that keep groups together.

No function here puts one group, or one moment of one recording, on both sides of a split; given folds that do so are
refused unless a reason is stated, and the reason stays with the fold. No split depends on the order of the clips.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import ConfigError, DataError, LeakError
from earmark.data.balance import assign_groups, group_counts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.data.dataset import Dataset

PART_NAMES = ("train", "validation", "test")
_TRAIN = {"train", "training"}
_VALIDATION = {"validation", "valid", "val", "dev"}
_TEST = {"test", "testing", "eval"}
_N_NAMED = 5


def _no_rows() -> NDArray[np.intp]:
    return np.zeros(0, dtype=np.intp)


@dataclass(frozen=True, eq=False)
class Fold:
    """One way to divide a dataset; all rows are positions in `dataset.clips`, ascending.

    Attributes:
        name: Such as "fold1" or the name of the group that is left out.
        train: intp (n_train,).
        test: intp (n_test,).
        validation: intp (n_validation,), empty where there is none.
        leaks: Groups on both sides, only where that was allowed.
        reason: Why they are allowed.
    """

    name: str
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    validation: NDArray[np.intp] = field(default_factory=_no_rows)
    leaks: tuple[str, ...] = ()
    reason: str = ""


def check_leaks(dataset: Dataset, train: NDArray[np.integer], test: NDArray[np.integer]) -> None:
    """Raise LeakError if a group, or one moment of one recording, is in both sets of rows."""
    shared = shared_groups(dataset, train, test)
    if shared:
        raise LeakError(
            f"dataset {dataset.name}: {_named('group', shared)} on both sides of a split; split by group, or correct "
            "the groups"
        )
    twice = _overlapping(dataset, train, test)
    if twice:
        raise LeakError(
            f"dataset {dataset.name}: the same moment of {_named('recording', twice)} on both sides of a split, in "
            'clips of different groups; give overlapping clips one group (group_by="file")'
        )


def shared_groups(dataset: Dataset, train: NDArray[np.integer], test: NDArray[np.integer]) -> tuple[str, ...]:
    """Return the groups that are in both sets of rows, sorted."""
    shared = np.intersect1d(dataset.groups[np.asarray(train, np.intp)], dataset.groups[np.asarray(test, np.intp)])
    return tuple(str(group) for group in shared)


def _named(noun: str, names: Sequence[str]) -> str:
    listed = ", ".join(names[:_N_NAMED])
    more = f" and {len(names) - _N_NAMED} more" if len(names) > _N_NAMED else ""
    return f"{len(names)} {noun}{'s' if len(names) > 1 else ''} ({listed}{more})"


def _overlapping(dataset: Dataset, train: NDArray[np.integer], test: NDArray[np.integer]) -> tuple[str, ...]:
    """Return the recordings of which some stretch is heard in both sets of rows."""
    if not dataset.shared_paths:  # nearly always: then groups alone decide
        return ()
    trained = [clip for clip in (dataset.clips[int(row)] for row in train) if clip.path in dataset.shared_paths]
    spans: dict[Path, list[tuple[float, float]]] = {}
    for clip in trained:
        spans.setdefault(clip.path, []).append(_span(clip.start_s, clip.duration_s))
    # in the order of their begins, with the latest end so far: one look decides, however many windows there are
    begins = {path: np.sort([begin for begin, _ in pairs]) for path, pairs in spans.items()}
    ends = {path: np.maximum.accumulate([end for _, end in sorted(pairs)]) for path, pairs in spans.items()}
    found: dict[str, None] = {}
    for row in test:
        clip = dataset.clips[int(row)]
        if clip.path not in spans:
            continue
        start_s, end_s = _span(clip.start_s, clip.duration_s)
        n_before = int(np.searchsorted(begins[clip.path], end_s, side="left"))
        if n_before and start_s < ends[clip.path][n_before - 1]:
            found[clip.path.name] = None
    return tuple(found)


def _span(start_s: float, duration_s: float | None) -> tuple[float, float]:
    tiny_s = 1e-6  # neighbours that touch are not the same moment
    return start_s + tiny_s, float("inf") if duration_s is None else start_s + duration_s - tiny_s


def grouped_folds(dataset: Dataset, n_folds: int, rng: np.random.Generator) -> list[Fold]:
    """Return folds of which each tests other groups, with labels in like proportions.

    Raises:
        ConfigError: Fewer than two folds are asked for.
        DataError: There are fewer groups than folds.
        LeakError: Clips of different groups hold the same moment of one recording.
    """
    if n_folds < 2:
        raise ConfigError(f"folds: found {n_folds}, expected 2 or more")
    parts = _parts(dataset, [1 / n_folds] * n_folds, rng, f"{n_folds} folds")
    names = {f"fold{number + 1}": np.flatnonzero(parts == number) for number in range(n_folds)}
    return [_checked(dataset, name, _others(dataset, rows), rows) for name, rows in names.items()]


def grouped_parts(
    dataset: Dataset, fractions: Sequence[float] = (0.7, 0.15, 0.15), *, rng: np.random.Generator
) -> dict[str, NDArray[np.intp]]:
    """Return rows of "train", "validation" and "test" (or "train" and "test" for two fractions).

    Whole groups are shared out, so that shares are met as closely as the sizes of the groups allow.

    Raises:
        ConfigError: There are not two or three positive fractions that sum to 1.
        DataError: There are fewer groups than parts.
        LeakError: Clips of different groups hold the same moment of one recording.
    """
    if len(fractions) not in {2, 3} or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ConfigError(f"fractions: found {tuple(fractions)}, expected 2 or 3 positive numbers that sum to 1")
    names = PART_NAMES if len(fractions) == 3 else ("train", "test")
    parts = _parts(dataset, fractions, rng, f"{len(fractions)} parts")
    rows = {name: np.flatnonzero(parts == number) for number, name in enumerate(names)}
    for index, name in enumerate(names):
        for other in names[:index]:
            check_leaks(dataset, rows[other], rows[name])
    return rows


def _parts(dataset: Dataset, fractions: Sequence[float], rng: np.random.Generator, what: str) -> NDArray[np.intp]:
    groups = sorted(set(dataset.groups.tolist()))
    if len(groups) < len(fractions):
        raise DataError(
            f"dataset {dataset.name}: has {_named('group', groups)}, expected at least {len(fractions)} for {what}; "
            "use fewer, or groups that are finer (group_by)"
        )
    part_of = dict(zip(groups, assign_groups(group_counts(dataset, groups), fractions, rng), strict=True))
    return np.array([part_of[clip.group] for clip in dataset.clips], dtype=np.intp)


def _others(dataset: Dataset, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.setdiff1d(np.arange(len(dataset.clips)), rows)


def _checked(dataset: Dataset, name: str, train: NDArray[np.intp], test: NDArray[np.intp]) -> Fold:
    check_leaks(dataset, train, test)
    return Fold(name, train, test)


def leave_one_group_out(dataset: Dataset) -> list[Fold]:
    """Return one fold for each group, in the order of their names, that tests this group alone.

    Raises:
        DataError: There is only one group.
        LeakError: Clips of different groups hold the same moment of one recording.
    """
    groups = sorted(set(dataset.groups.tolist()))
    if len(groups) < 2:
        raise DataError(f"dataset {dataset.name}: has {len(groups)} group, expected at least 2 to leave one out")
    folds = []
    for group in groups:
        test = np.flatnonzero(dataset.groups == group)
        folds.append(_checked(dataset, group, _others(dataset, test), test))
    return folds


def given_folds(dataset: Dataset, *, allow_shared_groups: str = "", drop_shared: bool = False) -> list[Fold]:
    """Return the folds that came with the data.

    Names such as train, validation and test make one fold; any other names are tested one after the other.

    Args:
        dataset: Every clip has a `fold`.
        allow_shared_groups: The reason why groups may stand on both sides, kept in the folds; empty refuses them.
        drop_shared: Leave out of training the clips whose group is tested, which keeps the published test sets.

    Raises:
        DataError: A clip has no fold, or there is only one.
        LeakError: A group stands on both sides.
    """
    names = _fold_names(dataset)
    parts = {name: np.flatnonzero([clip.fold == name for clip in dataset.clips]) for name in names}
    folds = []
    for name, (given, validation, test) in _divisions(dataset, parts).items():
        tested = np.union1d(test, validation)
        train = _unshared(dataset, given, tested) if drop_shared else given
        leaks = tuple(sorted({*shared_groups(dataset, train, tested), *shared_groups(dataset, validation, test)}))
        if not (leaks and allow_shared_groups):
            _refuse(dataset, name, leaks)
            check_leaks(dataset, train, tested)
        folds.append(Fold(name, train, test, validation, leaks, allow_shared_groups if leaks else ""))
    return folds


def _unshared(dataset: Dataset, train: NDArray[np.intp], tested: NDArray[np.intp]) -> NDArray[np.intp]:
    return train[~np.isin(dataset.groups[train], np.unique(dataset.groups[tested]))]


def _refuse(dataset: Dataset, name: str, leaks: tuple[str, ...]) -> None:
    if leaks:
        raise LeakError(
            f"dataset {dataset.name}: its own split {name} has {_named('group', leaks)} on both sides; use grouped "
            "folds, drop_shared, or allow_shared_groups with the reason that shall stand in the report"
        )


def _fold_names(dataset: Dataset) -> list[str]:
    without = [clip.id for clip in dataset.clips if clip.fold is None]
    if without:
        raise DataError(
            f"dataset {dataset.name}: {len(without)} of {len(dataset.clips)} clips have no fold (first: {without[0]}); "
            "fill the column fold, or use grouped folds"
        )
    names = {clip.fold for clip in dataset.clips if clip.fold is not None}
    return sorted(names, key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)])


def _divisions(
    dataset: Dataset, parts: Mapping[str, NDArray[np.intp]]
) -> dict[str, tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]]:
    """Return (train, validation, test) rows by fold name."""
    role = {name: _role(name) for name in parts}
    if len(parts) < 2:
        raise DataError(
            f"dataset {dataset.name}: all clips are of fold {next(iter(parts), None)}, expected at least 2 folds"
        )
    if not any(role.values()):
        return {name: (_others(dataset, rows), _no_rows(), rows) for name, rows in parts.items()}
    if not all(role.values()) or len(set(role.values())) < len(role) or "train" not in role.values():
        raise DataError(
            f"dataset {dataset.name}: found folds {', '.join(parts)}; expected train and test (and validation), or "
            "names that are all of another kind such as fold1, fold2"
        )
    rows = {role[name]: rows for name, rows in parts.items()}
    validation = rows.get("validation", _no_rows())
    if "test" not in rows:
        return {"validation": (rows["train"], _no_rows(), validation)}
    return {"test": (rows["train"], validation, rows["test"])}


def _role(name: str) -> str:
    lower = name.lower()
    return next((role for role, names in _ROLES.items() if lower in names), "")


_ROLES = {"train": _TRAIN, "validation": _VALIDATION, "test": _TEST}


def make_folds(dataset: Dataset, spec: str, rng: np.random.Generator, *, allow_shared_groups: str = "") -> list[Fold]:
    """Return the folds that a text asks for.

    Args:
        dataset: To be divided.
        spec: ``"grouped:5"``, ``"leave-one-group-out"``, ``"given"``, ``"given:drop-shared"``, or shares in percent
            such as ``"parts:70/15/15"`` or ``"parts:80/20"``.
        rng: For grouped folds and parts.
        allow_shared_groups: See `given_folds`.

    Raises:
        ConfigError: The text is none of these.
        DataError: The dataset does not allow it.
        LeakError: Groups would stand on both sides.
    """
    kind, _, argument = spec.partition(":")
    if kind == "grouped" and argument.isdecimal():
        return grouped_folds(dataset, int(argument), rng)
    if spec == "leave-one-group-out":
        return leave_one_group_out(dataset)
    if kind == "given" and argument in {"", "drop-shared"}:
        return given_folds(dataset, allow_shared_groups=allow_shared_groups, drop_shared=bool(argument))
    if kind == "parts" and re.fullmatch(r"\d+(/\d+){1,2}", argument):
        shares = [int(share) / 100 for share in argument.split("/")]
        rows = grouped_parts(dataset, shares, rng=rng)
        return [Fold("test", rows["train"], rows["test"], rows.get("validation", _no_rows()))]
    raise ConfigError(
        f'split: found "{spec}", expected "grouped:5", "leave-one-group-out", "given", "given:drop-shared" or '
        '"parts:70/15/15"'
    )
