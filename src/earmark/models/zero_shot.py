"""Scoring without training: which classes of a pretrained network stand for the labels of a dataset.

The features are an encoder's class scores, (n_rows, n_encoder_classes) in [0, 1]; a label's score is that of the
likeliest of the classes that stand for it.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import ConfigError, ModelError
from earmark.models.classical import ONNX_OPSET
from earmark.models.zero_shot_names import SYNONYMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from earmark.data.dataset import Task
    from earmark.models.base import ScoreKind

SMALLEST, LARGEST = 1e-12, 1 - 1e-7  # float32 tells these from 0 and 1
N_NEAREST = 3


@dataclass
class ZeroShot:
    """A classifier that learns nothing: the score of a label is the largest of its encoder classes' scores.

    `scores` are margins, logits in task "many" and logarithms in task "one", so that the calibration that only
    normalises gives the encoder's probabilities back. As probabilities, all below 0.001 would count as equal there, and
    taggers of thousands of classes rank most sounds down there.

    Attributes:
        task: The dataset's task.
        columns: For each label the columns of the features that stand for it.

    Raises:
        ModelError: There are no columns, or a label has none.
    """

    task: Task = "one"
    columns: tuple[tuple[int, ...], ...] = ()
    _width: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self.columns = tuple(tuple(columns) for columns in self.columns)  # lists where they come from JSON
        if not self.columns or not all(self.columns):
            raise ModelError(f"zero-shot: found columns {self.columns}, expected one or more for each label")

    @property
    def score_kind(self) -> ScoreKind:
        """Margins."""
        return "margin"

    def fit(self, features: NDArray[np.float32], targets: NDArray[np.float32], rng: np.random.Generator) -> None:  # noqa: ARG002
        """Check that features (n_rows, n_encoder_classes) and targets (n_rows, n_classes) fit; no rows are enough.

        Raises:
            ModelError: There is not one target per label, or a column lies outside the features.
        """
        if targets.ndim != 2 or targets.shape[1] != len(self.columns):
            raise ModelError(f"zero-shot: found targets {targets.shape}, expected {len(self.columns)} columns")
        highest = max(max(columns) for columns in self.columns)
        if features.ndim != 2 or features.shape[1] <= highest or min(map(min, self.columns)) < 0:
            raise ModelError(
                f"zero-shot: found features {features.shape}, expected (n_rows, n_encoder_classes) with a column "
                f'{highest}; give the frontend the option output="scores"'
            )
        self._width = features.shape[1]

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n_rows, n_classes), higher is likelier.

        Raises:
            ModelError: It was not fitted, or the features have another width.
        """
        index = self._index()
        if features.ndim != 2 or features.shape[1] != self._width:
            raise ModelError(f"zero-shot: found features {features.shape}, expected (n_rows, {self._width})")
        likeliest = np.clip(features[:, index].max(axis=2), np.float32(SMALLEST), np.float32(LARGEST))
        margins = np.log(likeliest) if self.task == "one" else np.log(likeliest) - np.log(1 - likeliest)
        return np.asarray(margins, dtype=np.float32)

    def to_onnx(self) -> bytes:
        """Return the ONNX graph: input `features` (n_rows, n_encoder_classes), output `scores` (n_rows, n_classes).

        Raises:
            ModelError: It was not fitted.
        """
        from onnx import TensorProto, checker, helper, numpy_helper

        constants: dict[str, NDArray[Any]] = {
            "columns": self._index(),
            "smallest": np.array(SMALLEST, dtype=np.float32),
            "largest": np.array(LARGEST, dtype=np.float32),
            "one": np.array(1, dtype=np.float32),
        }
        many = self.task == "many"
        steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
            ("Gather", ["features", "columns"], "chosen", {"axis": 1}),
            ("ReduceMax", ["chosen"], "largest_of_label", {"axes": [2], "keepdims": 0}),
            ("Clip", ["largest_of_label", "smallest", "largest"], "likeliest", {}),
            ("Log", ["likeliest"], "logarithm" if many else "scores", {}),
        ]
        if many:
            steps += [
                ("Sub", ["one", "likeliest"], "rest", {}),
                ("Log", ["rest"], "logarithm_of_rest", {}),
                ("Sub", ["logarithm", "logarithm_of_rest"], "scores", {}),
            ]
        graph = helper.make_graph(
            [helper.make_node(kind, inputs, [output], **options) for kind, inputs, output, options in steps],
            "zero_shot",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, self._width])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, len(self.columns)])],
            [numpy_helper.from_array(value, name) for name, value in constants.items() if many or name != "one"],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", ONNX_OPSET)], ir_version=8)
        checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content

    def _index(self) -> NDArray[np.int64]:
        """Return the columns as a table (n_labels, most columns of a label); short rows repeat their first."""
        if not self._width:
            raise ModelError("ZeroShot was not fitted; call fit first")
        longest = max(map(len, self.columns))
        rows = [columns + columns[:1] * (longest - len(columns)) for columns in self.columns]
        return np.array(rows, dtype=np.int64)


def match_classes(
    labels: Sequence[str], class_names: Sequence[str], given: Mapping[str, Sequence[str]] | None = None
) -> tuple[tuple[int, ...], ...]:
    """Return for each label the positions of the encoder's classes that stand for it.

    For each label the first of these that finds a class: what is given; the shipped table of synonyms; the class of
    the same name; the only class whose name, or a part of it between commas, ends with the label's words (a bullfrog
    is an "American Bullfrog", but rain is no "Rain Quail"). Case, punctuation and underscores do not count, and a
    name such as "Canis latrans_Coyote" answers to each of its halves too.

    Args:
        labels: The dataset's labels.
        class_names: The encoder's classes, in the order of its scores.
        given: Names of classes by label, which win.

    Raises:
        ConfigError: A given label or class does not exist, or a label matches no class or several; the message names
            the nearest classes and how to say which.

    Example:
        >>> match_classes(["bullfrog"], ["Anas acuta_Northern Pintail", "Lithobates catesbeianus_American Bullfrog"])
        ((1,),)
    """
    given = given or {}
    for label in given:
        if label not in labels:
            raise ConfigError(f'zero-shot: "{label}" is not a label{_nearest_hint(label, labels)}')
    classes = _Classes(class_names)
    found = [classes.named(label, given[label]) if label in given else classes.of(label) for label in labels]
    missing = [classes.explanation(label) for label, columns in zip(labels, found, strict=True) if not columns]
    if missing:
        raise ConfigError(f"zero-shot: {'; '.join(missing)}")
    return tuple(found)


class _Classes:
    """The classes of an encoder, by every name that they answer to."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names = tuple(class_names)
        self._by_name: dict[str, list[int]] = {}
        for position, name in enumerate(class_names):
            for alias in _aliases(name):
                self._by_name.setdefault(alias, []).append(position)

    def named(self, label: str, names: Sequence[str]) -> tuple[int, ...]:
        """Return the positions of classes that a person named."""
        positions: list[int] = []
        for name in names:
            found = self._by_name.get(normalised(name), [])
            if not found:
                hint = _nearest_hint(name, self._names)
                raise ConfigError(f'zero-shot: class "{name}" for "{label}" is not one of the encoder\'s{hint}')
            positions += found
        if not positions:
            raise ConfigError(f'zero-shot: no classes are given for "{label}"; name at least one')
        return tuple(dict.fromkeys(positions))

    def of(self, label: str) -> tuple[int, ...]:
        """Return the positions of the classes that stand for a label by themselves; none if that is not clear."""
        known = [position for synonym in SYNONYMS.get(normalised(label), ()) for position in self._exact(synonym)]
        ending = self._ending_with(label)
        return tuple(dict.fromkeys(known)) or self._exact(label) or (ending if len(ending) == 1 else ())

    def explanation(self, label: str) -> str:
        """Return why a label has no class, and what to do."""
        several = [self._names[position] for position in self._ending_with(label)]
        nearest = several or self._nearest(label)
        shown = ", ".join(f'"{name}"' for name in nearest[:N_NEAREST])
        if several:
            more = f" and {len(several) - N_NEAREST} more" if len(several) > N_NEAREST else ""
            found = f"could be several classes of the encoder ({shown}{more})"
        else:
            found = f"is none of the encoder's {len(self._names)} classes" + (f" (nearest: {shown})" if nearest else "")
        return f'"{label}" {found}; say which stand for it: zero_shot = {{ "{label}" = ["..."] }}'

    def _exact(self, name: str) -> tuple[int, ...]:
        return tuple(self._by_name.get(normalised(name), ()))

    def _ending_with(self, label: str) -> tuple[int, ...]:
        end = f" {normalised(label)}"
        parts = ((part, place) for place, name in enumerate(self._names) for part in re.split("[,_]", name))
        return tuple(dict.fromkeys(place for part, place in parts if f" {normalised(part)}".endswith(end)))

    def _nearest(self, label: str) -> list[str]:
        """Return the names whose words resemble the label's most."""
        words = {word for alias in self._by_name for word in alias.split()}
        parts = normalised(label).split()
        closeness = {word: max((_closeness(part, word) for part in parts), default=0.0) for word in words}
        ranks = [(sum(closeness[word] for word in set(normalised(name).split())), name) for name in self._names]
        best = sorted((rank for rank in ranks if rank[0]), key=lambda rank: (-rank[0], len(rank[1]), rank[1]))
        return [name for _, name in best[:N_NEAREST]]


def _closeness(word: str, other: str) -> float:
    """Return how alike two words are in [0, 1], 0 where it says nothing; an ending more or less counts little."""
    stem = word[:3] == other[:3]
    ratio = difflib.SequenceMatcher(None, word, other).ratio() if stem or len(word) == len(other) else 0.0
    return ratio if ratio >= (0.66 if word.startswith(other) or other.startswith(word) else 0.8) else 0.0


def normalised(name: str) -> str:
    """Return a name in lower case, its words separated by single spaces.

    Example:
        >>> normalised("clark_s_nutcracker"), normalised("Clark's Nutcracker")
        ('clark s nutcracker', 'clark s nutcracker')
    """
    return " ".join(re.findall(r"[^\W_]+", name.casefold()))


def _aliases(name: str) -> set[str]:
    """Return the normalised names of a class: of "Scientific name_Common name" each half too."""
    scientific, _, common = name.partition("_")
    halves = {scientific, common} if common and (" " in scientific or scientific == common) else set()
    return {normalised(each) for each in (name, *halves)}


def _nearest_hint(name: str, known: Sequence[str]) -> str:
    by_name = {normalised(each): each for each in known}
    close = difflib.get_close_matches(normalised(name), by_name, n=1, cutoff=0.6)
    return f'; did you mean "{by_name[close[0]]}"?' if close else f" (there are {len(known)})"
