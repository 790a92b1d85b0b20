"""What is done with each file: the validator's answer as plain values, or in a sentence why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.audio.stream import stream_audio
from earmark.core.errors import EarmarkError
from earmark.core.identity import fingerprint
from earmark.distortion.measures import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.data.find import AudioFile
    from earmark.distortion.validator import AudioDistortionValidator

# Told in Python only: a hundred numbers, and as many as the file has seconds.
LEFT_OUT = ("path", "error", "timeline", "measures")
REPORT_VERSION = 1
BLOCK_S = 10.0


@dataclass(frozen=True)
class Answer:
    """The report of a file as plain JSON values, or why there is none."""

    report: dict[str, Any] | None
    error: str = ""


class Analyst:
    """Answers for one file after the other.

    Args:
        model: Shipped model or bundle folder.

    Raises:
        BundleError: There is no such model, it was tampered with, or it is for something else.
    """

    def __init__(self, model: str | Path) -> None:
        from earmark.distortion.validator import AudioDistortionValidator

        self._validator: AudioDistortionValidator = AudioDistortionValidator.load_checkpoint(model)

    def __call__(self, file: AudioFile) -> Answer:
        """Return the answer; whatever a file holds, the others go on."""
        blocks = stream_audio(file.path, block_s=BLOCK_S, start_s=file.start_s, duration_s=file.duration_s)
        try:
            report = self._validator.analyze_stream(blocks, path=str(file.path)).to_dict()
        except EarmarkError as error:
            return Answer(None, str(error))
        except MemoryError:
            return Answer(None, f"{file.path}: needs more memory than there is")
        except Exception as error:  # whatever a file of a million does, the others go on
            return Answer(None, f"{file.path}: {type(error).__name__}: {error}; please report this file")
        return Answer({name: value for name, value in report.items() if name not in LEFT_OUT})


def model_seal(model: str | Path) -> str:
    """Return the fingerprint of all that decides an answer beside the file.

    Raises:
        BundleError: There is no such model, or it was tampered with.
    """
    from earmark.models.bundle import load_bundle

    return fingerprint([load_bundle(model).spec.model_dump(mode="json"), VERSION, REPORT_VERSION])
