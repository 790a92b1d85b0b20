"""Designs that answer together: each learns by itself from its part of the features, the mean of their margins counts.

Weights are equal: the part of a corpus that calibrates comes after the fit, and choosing them by it as well would make
thresholds look better than they are.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from earmark.core.errors import ModelError
from earmark.distortion.designs.base import check_rows
from earmark.distortion.designs.boosting import MeasuresBoosting
from earmark.distortion.designs.graph import Part, mean_graph
from earmark.distortion.designs.joined import JoinedFrontend
from earmark.distortion.designs.networks import MidSideNetwork
from earmark.distortion.designs.perceptron import MeasuresPerceptron

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earmark.distortion.designs.base import Design
    from earmark.features.base import NativeFrontend
    from earmark.models.base import FitContext


class Committee:
    """The mean margin and the mean severity of several designs.

    Args:
        name: What reports call it.
        members: Untrained designs. Those of one frontend see the same features.
    """

    def __init__(self, name: str, members: Sequence[Design]) -> None:
        self.name, self.members = name, tuple(members)
        self._shape: tuple[int, ...] = ()
        self._n_kinds = 0

    @property
    def frontend(self) -> NativeFrontend:
        """That of the members, or theirs joined, each of them once."""
        frontends = {member.frontend.spec.name: member.frontend for member in self.members}
        if len(frontends) == 1:
            return next(iter(frontends.values()))
        return JoinedFrontend(list(frontends.values()))

    @property
    def history(self) -> tuple[dict[str, float], ...]:
        """The figures of each epoch of the networks among the members, one after the other."""
        return tuple(figures for member in self.members for figures in getattr(member, "history", ()))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What members could not do."""
        return tuple(remark for member in self.members for remark in getattr(member, "remarks", ()))

    def fit(
        self,
        features: NDArray[np.float32],
        presence: NDArray[np.float32],
        severity: NDArray[np.float32],
        groups: NDArray[np.str_],
        rng: np.random.Generator,
        context: FitContext,
    ) -> None:
        """Let each member learn; see `Design.fit`. Each has a checkpoint of its own.

        Raises:
            ModelError: A member cannot learn from these rows.
        """
        check_rows(presence, severity)
        self._shape, self._n_kinds = features.shape[1:], presence.shape[1]
        for member, seen, child in zip(self.members, self._parts(features), rng.spawn(len(self.members)), strict=True):
            path = context.checkpoint and context.checkpoint.with_name(f"{context.checkpoint.name}.{member.name}")
            member.fit(seen, presence, severity, groups, child, replace(context, checkpoint=path))

    def predict(self, features: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return margins and severities 0..1, both float32 (n_rows, n_kinds).

        Raises:
            ModelError: It was not fitted.
        """
        self._check_fitted()
        told = [member.predict(seen) for member, seen in zip(self.members, self._parts(features), strict=True)]
        margins: NDArray[np.float32] = np.mean([margin for margin, _ in told], axis=0, dtype=np.float32)
        severities: NDArray[np.float32] = np.mean([severity for _, severity in told], axis=0, dtype=np.float32)
        return margins, severities

    def to_onnx(self) -> bytes:
        """Return one graph of all members: input `features`, outputs `scores` and `severity` (n_rows, n_kinds).

        Raises:
            ModelError: It was not fitted.
            MissingExtraError: A member needs a package to be exported.
        """
        self._check_fitted()
        parts = [Part(each.to_onnx(), *place) for each, place in zip(self.members, self._places(), strict=True)]
        return mean_graph(self.name, parts, prod(self._shape), self._n_kinds)

    def _check_fitted(self) -> None:
        if not self._n_kinds:
            raise ModelError(f'design "{self.name}" was not fitted; call fit first')

    def _places(self) -> list[tuple[int, tuple[int, ...]]]:
        """Return the first column of each member's features among all, and the shape of them."""
        specs = [member.frontend.spec for member in self.members]
        if len({spec.name for spec in specs}) == 1:
            return [(0, self._shape)] * len(specs)
        places, end = {}, 0
        for spec in specs:
            if spec.name not in places:
                places[spec.name] = (end, spec.shape)
                end += prod(spec.shape)
        return [places[spec.name] for spec in specs]

    def _parts(self, features: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return what each member sees of features, without copying them."""
        flat = features.reshape(len(features), -1)
        return [flat[:, first : first + prod(shape)].reshape(len(features), *shape) for first, shape in self._places()]


def blend() -> Committee:
    """Return boosting and perceptrons on the measures."""
    return Committee("blend", [MeasuresBoosting(), MeasuresPerceptron()])


def fusion() -> Committee:
    """Return the same with the network that looks at spectra of middle and side."""
    return Committee("fusion", [MeasuresBoosting(), MeasuresPerceptron(), MidSideNetwork()])
