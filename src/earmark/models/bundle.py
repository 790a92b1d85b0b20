"""Bundles: a trained model as a folder of two files, `bundle.json` and `model.onnx`, and any more that it needs.

Nothing in it is executable code or a pickle. Loading verifies the seal of the JSON, the checksum of the graph, the
fingerprint of the frontend and the shapes at both ends of the graph, and imports neither scikit-learn nor torch.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import BundleError, StoreError, did_you_mean
from earmark.core.files import read_json, write_bytes, write_json
from earmark.core.identity import file_sha256
from earmark.encoders.session import OnnxGraph
from earmark.models.bundle_spec import FORMAT, FORMAT_VERSION, BundleSpec, FilePart, ParityPart, seal_of
from earmark.models.table import build_frontend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from earmark.features.base import Frontend
    from earmark.models.base import Classifier
    from earmark.models.calibrate import Calibration

SPEC_FILE = "bundle.json"
GRAPH_FILE = "model.onnx"
KNOWN_FILE = "known.onnx"
PARITY_TOLERANCE = 1e-4
SHIPPED = Path(__file__).parent.parent / "bundles"


@dataclass(frozen=True)
class Bundle:
    """A verified bundle on disk.

    Attributes:
        folder: Where it lies.
        spec: What its `bundle.json` says.
    """

    folder: Path
    spec: BundleSpec

    @cached_property
    def frontend(self) -> Frontend:
        """The frontend that feeds the graph.

        Raises:
            BundleError: The frontend of this name makes other numbers today than those that the graph learned from.
        """
        part = self.spec.frontend
        frontend = build_frontend(part.name, part.config)
        if frontend.spec.fingerprint != part.fingerprint:
            raise BundleError(
                f"{self.folder}: frontend {part.name} has fingerprint {frontend.spec.fingerprint} here, expected "
                f"{part.fingerprint}; use earmark {self.spec.earmark_version} or train the bundle again"
            )
        return frontend

    def graph(self, n_threads: int = 1) -> OnnxGraph:
        """Return the graph, opened, with its shapes checked against the spec. Raises BundleError."""
        return self._open(GRAPH_FILE, len(self.spec.labels), n_threads)

    def known_graph(self, n_threads: int = 1) -> OnnxGraph | None:
        """Return the graph that tells sounds that are none of the labels, if there is one. Raises BundleError.

        Its scores are those of the labels and, last, of "none of them".
        """
        if self.spec.rejection is None:
            return None
        return self._open(KNOWN_FILE, len(self.spec.labels) + 1, n_threads)

    def _open(self, name: str, n_scores: int, n_threads: int) -> OnnxGraph:
        path = self.folder / name
        if name not in self.spec.files:
            raise BundleError(f"{path}: is not one of the bundle's files; train it again")
        graph = OnnxGraph(path.read_bytes(), n_threads=n_threads, what=str(path))
        shape = self.frontend.spec.shape
        if graph.input_shape[1:] not in {shape, (int(np.prod(shape)),)}:
            raise BundleError(f"{path}: takes features {graph.input_shape[1:]}, but its frontend gives {shape}")
        if graph.output_shape[1:] != (n_scores,):
            n_labels = len(self.spec.labels)
            raise BundleError(f"{path}: gives {graph.output_shape[1:]} scores, but there are {n_labels} labels")
        return graph


def load_bundle(source: str | Path) -> Bundle:
    """Return the verified bundle in a folder, or the shipped one of this name.

    Raises:
        BundleError: There is none, it was tampered with, or this version cannot read it.
    """
    folder = _find(source)
    content = _read_spec(folder / SPEC_FILE)
    for name, part in content.files.items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{path}: is missing; copy the whole bundle folder again")
        if (found := file_sha256(path)) != part.sha256:
            raise BundleError(
                f"{path}: SHA-256 {found[:16]}..., expected {part.sha256[:16]}...; the file was changed or damaged, "
                "copy the bundle again"
            )
    return Bundle(folder, content)


def save_bundle(
    folder: Path, spec: BundleSpec, graph: bytes, *, extra: Mapping[str, bytes] | None = None, overwrite: bool = True
) -> Bundle:
    """Write a bundle whole or not at all, and return it as loaded back.

    `spec.files` is filled in here; `extra` are further files by name, such as a second graph.

    Raises:
        StoreError: The folder exists and may not be replaced, or cannot be written.
        BundleError: The result does not load.
    """
    if folder.exists() and not (overwrite and ((folder / SPEC_FILE).is_file() or not any(folder.iterdir()))):
        reason = "exists already" if not overwrite else "exists and is not a bundle"
        raise StoreError(f"{folder}: {reason}; choose another name or remove it")
    staging = _staging_folder(folder)
    try:
        parts = {}
        for name, content in {GRAPH_FILE: graph, **(extra or {})}.items():
            write_bytes(staging / name, content)
            parts[name] = FilePart(sha256=file_sha256(staging / name), size_bytes=len(content))
        write_json(staging / SPEC_FILE, spec.model_copy(update={"files": parts}).sealed())
        load_bundle(staging).graph()
        _swap(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return load_bundle(folder)


def check_parity(
    classifier: Classifier, graph: bytes, features: NDArray[np.float32], calibration: Calibration
) -> ParityPart:
    """Compare the exported graph with the trained classifier on rows of features.

    Raises:
        BundleError: Calibrated probabilities differ by more than 1e-4.
    """
    exported = OnnxGraph(graph, what="exported graph")
    rows = features.reshape(len(features), -1) if len(exported.input_shape) == 2 else features
    difference = np.abs(calibration(classifier.scores(features)) - calibration(exported(np.ascontiguousarray(rows))))
    largest = float(difference.max(initial=0.0))
    if not largest <= PARITY_TOLERANCE:
        raise BundleError(
            f"exported graph: probabilities differ by up to {largest:.2g} from the trained model on {len(features)} "
            f"rows, expected at most {PARITY_TOLERANCE:g}; nothing was saved"
        )
    return ParityPart(max_difference=largest, tolerance=PARITY_TOLERANCE, n_rows=len(features))


def shipped_bundles() -> list[str]:
    """Return the names of the bundles that come with the package."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{SPEC_FILE}"))


def _find(source: str | Path) -> Path:
    folder = Path(source)
    if (folder / SPEC_FILE).is_file():
        return folder
    shipped = SHIPPED / str(source)
    if os.sep not in str(source) and (shipped / SPEC_FILE).is_file():
        return shipped
    if folder.is_dir():
        raise BundleError(f"{folder}: holds no {SPEC_FILE}; expected a bundle folder")
    raise BundleError(
        f"{source}: is neither a bundle folder nor a shipped model{did_you_mean(str(source), shipped_bundles())}"
    )


def _read_spec(path: Path) -> BundleSpec:
    from pydantic import ValidationError

    try:
        content: Any = read_json(path)
    except StoreError as error:
        raise BundleError(str(error)) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BundleError(f'{path}: is not an earmark bundle; expected "format": "{FORMAT}"')
    if content.get("format_version") != FORMAT_VERSION:
        raise BundleError(
            f"{path}: format version {content.get('format_version')}, expected {FORMAT_VERSION}; "
            "use the earmark version that made it"
        )
    seal = content.pop("seal", None)
    if seal != seal_of(content):
        raise BundleError(f"{path}: was changed after it was written (its seal does not match); copy the bundle again")
    try:
        return BundleSpec.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path}: {place}: {first['msg']}; train the bundle again") from error


def _staging_folder(folder: Path) -> Path:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        staging.chmod(0o755)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror}); choose a folder you may write to") from error
    return staging


def _swap(staging: Path, folder: Path) -> None:
    """Put the new folder in the old one's place; the old one stays whole until the new one stands."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    try:
        if folder.exists():
            folder.rename(old)
        staging.rename(folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise StoreError(f"{folder}: cannot be replaced ({error.strerror})") from error
    shutil.rmtree(old, ignore_errors=True)
