"""What `bundle.json` holds, field by field (format version 1).

The file is sealed: `seal` is the SHA-256 of the rest in canonical JSON, so that an edit by hand is noticed. The seal
tells accidents and careless edits, not a forger, who can compute it anew; sign the folder if you need more.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from earmark.core.identity import canonical_json
from earmark.models.aggregate import Aggregate
from earmark.models.calibrate import Calibration, ThresholdRule
from earmark.models.rejection import Rejection

if TYPE_CHECKING:
    from earmark.features.base import FrontendSpec

FORMAT = "earmark-bundle"
FORMAT_VERSION = 1


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FrontendPart(_Part):
    """The frontend, by name and configuration; the fingerprint tells when either means something else today."""

    name: str
    config: dict[str, Any]
    fingerprint: str
    rate_hz: int
    window_s: float
    hop_s: float
    min_source_rate_hz: int = Field(description="Lowest sample rate of the training audio; lower ones are refused")

    @classmethod
    def of(cls, spec: FrontendSpec, min_source_rate_hz: int) -> FrontendPart:
        """Return the part that stores a frontend."""
        return cls(
            name=spec.name,
            config=spec.config,
            fingerprint=spec.fingerprint,
            rate_hz=spec.rate_hz,
            window_s=spec.window_s,
            hop_s=spec.hop_s,
            min_source_rate_hz=min_source_rate_hz,
        )


class CalibrationPart(_Part):
    """Parameters of `Calibration`."""

    score_kind: Literal["margin", "probability"]
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    fitted: bool

    @classmethod
    def of(cls, calibration: Calibration) -> CalibrationPart:
        """Return the part that stores a calibration."""
        return cls(
            score_kind=calibration.score_kind,
            scales=calibration.scales,
            offsets=calibration.offsets,
            fitted=calibration.fitted,
        )


class ThresholdPart(_Part):
    """The probability from which each label counts, and how it was chosen."""

    rule: ThresholdRule
    goal: float
    values: tuple[float, ...]


class RejectionPart(_Part):
    """How sounds that are none of the labels are told by the graph `known.onnx`, and what that was measured to do."""

    score_kind: Literal["margin", "probability"]
    scale: float
    offset: float
    threshold: float
    goal: float = Field(description="Share of clips of unseen groups that is to be kept")
    others: tuple[str, ...] = Field(description="Datasets whose other sounds it learned from")
    metrics: dict[str, float]


class LicencePart(_Part):
    """The licence of something that the bundle was made from."""

    what: str
    licence: str
    non_commercial: bool = False
    source: str = ""


class ParityPart(_Part):
    """How far the exported graph is from the trained model, in probability, on how many rows of features."""

    max_difference: float
    tolerance: float
    n_rows: int


class FilePart(_Part):
    """A file of the bundle."""

    sha256: str
    size_bytes: int


class BundleSpec(_Part):
    """Everything about a bundle but the graph."""

    format: Literal["earmark-bundle"] = "earmark-bundle"
    format_version: Literal[1] = 1
    name: str
    summary: str = ""
    created: str
    earmark_version: str
    recipe: str
    labels: tuple[str, ...]
    task: Literal["one", "many"]
    aggregate: Aggregate
    frontend: FrontendPart
    calibration: CalibrationPart
    thresholds: ThresholdPart
    metrics: dict[str, Any]
    provenance: dict[str, Any]
    licences: tuple[LicencePart, ...]
    parity: ParityPart
    rejection: RejectionPart | None = None
    files: dict[str, FilePart]

    def calibrator(self) -> Calibration:
        """Return the calibration to apply to the graph's scores."""
        part = self.calibration
        return Calibration(self.task, part.score_kind, part.scales, part.offsets, fitted=part.fitted)

    def rejecter(self) -> Rejection | None:
        """Return what tells sounds that are none of the labels, if the bundle has it."""
        part = self.rejection
        return Rejection(part.score_kind, part.scale, part.offset, part.threshold) if part else None

    def sealed(self) -> dict[str, Any]:
        """Return the JSON content with its seal."""
        content = self.model_dump(mode="json", exclude=None if self.rejection else {"rejection"})
        return content | {"seal": seal_of(content)}


def seal_of(content: dict[str, Any]) -> str:
    """Return the seal of the content of `bundle.json` without its own `seal` key."""
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()
