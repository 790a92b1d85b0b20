"""What hears labels in windows: any bundle, or an encoder's own classes, behind one protocol.

A bundle brings calibrated probabilities and thresholds; an encoder its scores, which are nobody's calibration, and one
threshold for all classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from earmark.core.errors import BundleError, ConfigError, ModelError
from earmark.core.identity import fingerprint
from earmark.encoders.base import Encoder, OnnxEncoder
from earmark.models.bundle import load_bundle
from earmark.models.table import RECIPES, build_frontend

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from earmark.encoders.session import OnnxGraph
    from earmark.features.base import Frontend, FrontendSpec
    from earmark.models.bundle import Bundle

DEFAULT_CONFIDENCE = 0.25  # of encoders; BirdNET-Analyzer's default


class Hearer(Protocol):
    """Gives probabilities of labels for windows of sound.

    Attributes:
        spec: The windows that it takes.
        labels: The classes in the order of columns.
        thresholds: float32 (n_classes,), the probability from which each label counts.
        exclusive: Whether only one label can be true at a time.
        min_source_rate_hz: Recordings of lower rates are refused.
        seal: Fingerprint of all that decides its probabilities.
        prepares: Whether `features` is work, which can be done for the next windows while the network hears these.
        at_once: Windows whose features `probabilities` had better get together; they are small where it is many.
    """

    spec: FrontendSpec
    labels: tuple[str, ...]
    thresholds: NDArray[np.float32]
    exclusive: bool
    min_source_rate_hz: int
    seal: str
    prepares: bool
    at_once: int

    def features(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what `probabilities` takes, of windows float32 (n_windows, n_samples)."""
        ...

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n_windows, n_classes) in [0, 1]."""
        ...

    def refused(self, features: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which windows are none of the labels, whatever their probabilities, bool (n_windows,)."""
        ...


class BundleHearer:
    """A bundle, with its calibration and thresholds.

    Raises:
        ModelError: Its frontend takes whole sounds, not windows.
    """

    prepares = True
    at_once = 1

    def __init__(self, bundle: Bundle) -> None:
        frontend, spec = bundle.frontend, bundle.spec
        if frontend.spec.native:
            raise ModelError(
                f'{bundle.folder}: frontend "{frontend.spec.name}" takes sounds at their own rate and with all '
                "channels, so that no windows can be cut for it; for damage in audio use: earmark check"
            )
        self._frontend = frontend
        self._graph = bundle.graph()
        self._known_graph = bundle.known_graph()
        self._rejection = spec.rejecter()
        self._calibration = spec.calibrator()
        self.spec = frontend.spec
        self.labels = spec.labels
        self.thresholds = np.array(spec.thresholds.values, dtype=np.float32)
        self.exclusive = spec.task == "one"
        self.min_source_rate_hz = spec.frontend.min_source_rate_hz
        self.seal = fingerprint(spec.model_dump(mode="json"))

    def features(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the frontend's features, float32 (n_windows, *shape)."""
        return self._frontend(windows)

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return calibrated probabilities, float32 (n_windows, n_classes)."""
        return self._calibration(_run(self._graph, features))

    def refused(self, features: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which windows the bundle's rejection takes for none of its labels; none where it has no rejection."""
        if self._known_graph is None or self._rejection is None:
            return np.zeros(len(features), dtype=np.bool_)
        return np.asarray(self._rejection(_run(self._known_graph, features)) < self._rejection.threshold)


def _run(graph: OnnxGraph, features: NDArray[np.float32]) -> NDArray[np.float32]:
    return graph(features.reshape(len(features), -1) if len(graph.input_shape) == 2 else features)


class EncoderHearer:
    """An encoder's own classes.

    Args:
        encoder: With its scores as output.

    Raises:
        ModelError: It has no classes of its own.
    """

    exclusive = False
    min_source_rate_hz = 0

    def __init__(self, encoder: Encoder) -> None:
        if not encoder.class_names:
            raise ModelError(f'encoder "{encoder.spec.name}" has no classes of its own; train a bundle on it')
        self._encoder = encoder
        self._stages = encoder if isinstance(encoder, OnnxEncoder) and encoder.prepares else None
        self.prepares = self._stages is not None
        self.at_once = 1 if self._stages is None else self._stages.heard_at_once
        self.spec = encoder.spec
        self.labels = distinct_names(encoder)
        self.thresholds = np.full(len(self.labels), DEFAULT_CONFIDENCE, dtype=np.float32)
        self.seal = fingerprint([encoder.spec.fingerprint, list(self.labels)])

    def features(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the encoder's network takes; the windows where its front end is part of the network."""
        return windows if self._stages is None else self._stages.prepared(windows)

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the encoder's scores, float32 (n_windows, n_classes)."""
        return self._encoder(features) if self._stages is None else self._stages.heard(features)

    def refused(self, features: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return that no window is refused."""
        return np.zeros(len(features), dtype=np.bool_)


def distinct_names(encoder: Encoder) -> tuple[str, ...]:
    """Return the names of an encoder's classes; those that several classes share have the scientific name behind."""
    names = encoder.class_names
    scientific = scientific_names(encoder)
    shared = {name for name, count in zip(*np.unique(names, return_counts=True), strict=True) if count > 1}
    return tuple(
        f"{name} ({other})" if name in shared and other else name for name, other in zip(names, scientific, strict=True)
    )


def scientific_names(encoder: object) -> tuple[str, ...]:
    """Return the scientific names of an encoder's classes, empty where it has none."""
    names: tuple[str, ...] = getattr(encoder, "scientific_names", ())
    return names or ("",) * len(getattr(encoder, "class_names", ()))


@dataclass(frozen=True)
class ModelChoice:
    """A model, and what is changed of it.

    Attributes:
        model: Shipped bundle, bundle folder, or an encoder with classes of its own, such as "birdnet".
        sensitivity: BirdNET's own, None for 1.
    """

    model: str | Path
    sensitivity: float | None = None


def open_hearer(choice: ModelChoice) -> tuple[Hearer, tuple[tuple[str, ...], ...]]:
    """Return what hears, and for each of its labels all names that it answers to.

    Raises:
        BundleError: There is no such model, or it was tampered with.
        ConfigError: The model has no sensitivity.
        ModelError: It cannot hear windows, or has no classes of its own.
        WeightsError: Its pretrained weights are missing.
    """
    name = str(choice.model)
    try:
        bundle = load_bundle(choice.model)
    except BundleError as error:
        if name not in tagging_encoders():
            if "neither" not in str(error):
                raise
            known = ", ".join(tagging_encoders())
            raise BundleError(f"{error}; nor is it an encoder with classes of its own ({known})") from error
    else:
        if choice.sensitivity is not None:
            raise _no_sensitivity(name)
        hearer = BundleHearer(bundle)
        return hearer, tuple((label,) for label in hearer.labels)
    options: dict[str, Any] = {"output": "scores"}
    if choice.sensitivity is not None:
        if name != "birdnet":
            raise _no_sensitivity(name)
        options["sensitivity"] = choice.sensitivity
    encoder: Frontend = build_frontend(name, options)
    if not isinstance(encoder, Encoder):
        raise ModelError(f'encoder "{name}" has no classes of its own; train a bundle on it')
    own = EncoderHearer(encoder)
    return own, names_of(own.labels, encoder)


def tagging_encoders() -> list[str]:
    """Return the names of the encoders that score classes of their own."""
    return sorted({recipe.frontend for recipe in RECIPES.values() if recipe.zero_shot})


def names_of(labels: tuple[str, ...], encoder: Encoder) -> tuple[tuple[str, ...], ...]:
    """Return for each label all names that it answers to: "Coyote", "Canis latrans" and "Canis latrans_Coyote"."""
    return tuple(
        (label, common, *((scientific, f"{scientific}_{common}") if scientific else ()))
        for label, common, scientific in zip(labels, encoder.class_names, scientific_names(encoder), strict=True)
    )


def _no_sensitivity(name: str) -> ConfigError:
    return ConfigError(f'--sensitivity: "{name}" has none, only birdnet has; use --min-confidence')
